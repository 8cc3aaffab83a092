"""A discriminator against the network that makes the fakes, both trained in one gradient step.

The loss is a sum of two, each with gradients for its own player alone: the adversarial loss treats
the discriminator's weights as constants, and the discriminator's loss treats all that it is shown
as constants. So the gradient of the sum is each player's own, and one step updates both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from vae.config.build import named
from vae.models import parts
from vae.networks import spectral
from vae.probability.adversarial import GanLoss, squared_slope

Array = jax.Array

NAMES = ("adversarial", "discriminator")
PART = "discriminator"  # its name in a model's variables
UPDATES = "updates"  # those of the model so far, in the statistics of one that starts late


@dataclasses.dataclass(frozen=True)
class Discriminator:
    """A network that tells real examples from fakes, and the losses of both players.

    Attributes:
      module: (x [B, ...], code [B, C] or None) to features [B, F] and logit [B], or logits [B, P]
        of P windows, over which losses are averaged.
      loss: the losses of both players as functions of logits.
      weight: the weight of the adversarial loss.
      r1_weight: the weight of half the squared slope at real examples.
      spectral_norm: whether the module's kernels are normalised.
      start: the updates of the model before it takes part. Until then both losses are 0, and so are
        their gradients.
    """

    module: nn.Module
    loss: GanLoss
    weight: float
    r1_weight: float
    spectral_norm: bool
    start: int = 0

    @classmethod
    def build(
        cls, config: ml_collections.ConfigDict, module: Callable[..., nn.Module]
    ) -> Discriminator:
        """Returns the discriminator of a config's `model` section, with a class of network."""
        return cls(
            module=module(tuple(config.discriminator_widths), config.dtype),
            loss=named("model", config, "gan_loss"),
            weight=config.adversarial_weight,
            r1_weight=config.r1_weight,
            spectral_norm=config.spectral_norm,
            start=config.adversarial_start,
        )

    def init(self, *inputs: Array | None, key: Array) -> parts.Variables:
        """Returns the initial variables, for an x [1, ...] and a code [1, C] or None."""
        module_key, vectors_key = jax.random.split(key)
        variables = parts.of_module(self.module, *inputs, key=module_key)
        if self.spectral_norm:
            variables["statistics"] = spectral.start(variables["params"], key=vectors_key)
        if self.start:
            variables["statistics"] |= {UPDATES: jnp.zeros(())}
        return variables

    def ready(self, variables: parts.Variables) -> parts.Variables:
        """Returns the variables that `judge` and `contest` take.

        Their params are normalised, if they are to be; their statistics are those after the step.
        """
        params, statistics = variables["params"], variables["statistics"]
        counted = {UPDATES: statistics[UPDATES] + 1} if self.start else {}
        if self.spectral_norm:
            params, statistics = spectral.normalised(params, statistics)
        return {"params": params, "statistics": statistics | counted}

    def judge(self, ready: parts.Variables, x: Array, code: Array | None) -> tuple[Array, Array]:
        """Returns the module's features and logits for x [B, ...] and code [B, C] or None."""
        return parts.apply(self.module, ready["params"], x, code)

    def contest(
        self,
        ready: parts.Variables,
        real: Array,
        fakes: Sequence[Array],
        code: Array | None = None,
    ) -> dict[str, Array]:
        """Returns the loss of each player, [B].

        Args:
          ready: the variables that `ready` returns.
          real: real examples, [B, ...].
          fakes: one or more kinds of fakes, [K, B, ...] each; all kinds have the same weight.
          code: [B, C], the code that real example and fakes are conditioned on, or None.
        """

        def score(ready: parts.Variables, x: Array) -> Array:
            return self.judge(ready, x, code)[1]

        def over_fakes(loss: Callable[[Array], Array], ready: parts.Variables) -> Array:
            logits = [jax.vmap(lambda x: score(ready, x))(fake) for fake in fakes]
            each = (_averaged(loss(logit).mean(0)) for logit in logits)
            return sum(each, jnp.zeros(())) / len(logits)

        adversarial = over_fakes(self.loss.generator, jax.lax.stop_gradient(ready))
        real, fakes = jax.lax.stop_gradient((real, tuple(fakes)))
        logits = score(ready, real)
        discriminator = _averaged(self.loss.real(logits)) + over_fakes(self.loss.fake, ready)
        if self.r1_weight:
            # The windows' average, as if they did not overlap.
            slope = squared_slope(lambda x: score(ready, x), real) / logits[0].size
            discriminator += 0.5 * self.r1_weight * slope
        losses = {"adversarial": self.weight * adversarial, "discriminator": discriminator}
        if self.start:
            started = ready["statistics"][UPDATES] > self.start
            losses = {name: jnp.where(started, loss, 0.0) for name, loss in losses.items()}
        return losses


def _averaged(losses: Array) -> Array:
    """Returns losses [B] from [B], or from [B, P] of P windows."""
    return losses if losses.ndim == 1 else losses.mean(1)
