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


@dataclasses.dataclass(frozen=True)
class Discriminator:
    """A network that tells real examples from fakes, and the losses of both players.

    Attributes:
      module: (x [B, ...], code [B, C] or None) to features [B, F] and logit [B].
      loss: the losses of both players as functions of logits.
      weight: the weight of the adversarial loss.
      r1_weight: the weight of half the squared slope at real examples.
      spectral_norm: whether the module's kernels are normalised.
    """

    module: nn.Module
    loss: GanLoss
    weight: float
    r1_weight: float
    spectral_norm: bool

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
        )

    def init(self, *inputs: Array | None, key: Array) -> parts.Variables:
        """Returns the initial variables, for an x [1, ...] and a code [1, C] or None."""
        module_key, vectors_key = jax.random.split(key)
        variables = parts.of_module(self.module, *inputs, key=module_key)
        if self.spectral_norm:
            variables["statistics"] = spectral.start(variables["params"], key=vectors_key)
        return variables

    def ready(self, variables: parts.Variables) -> parts.Variables:
        """Returns the variables that `judge` and `contest` take.

        Their params are normalised, if they are to be; their statistics are those after the step.
        """
        if not self.spectral_norm:
            return variables
        params, vectors = spectral.normalised(variables["params"], variables["statistics"])
        return {"params": params, "statistics": vectors}

    def judge(self, ready: parts.Variables, x: Array, code: Array | None) -> tuple[Array, Array]:
        """Returns features [B, F] and logits [B] for x [B, ...] and code [B, C] or None."""
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
            return sum((loss(logit).mean(0) for logit in logits), jnp.zeros(())) / len(logits)

        adversarial = over_fakes(self.loss.generator, jax.lax.stop_gradient(ready))
        real, fakes = jax.lax.stop_gradient((real, tuple(fakes)))
        discriminator = self.loss.real(score(ready, real)) + over_fakes(self.loss.fake, ready)
        if self.r1_weight:
            slope = squared_slope(lambda x: score(ready, x), real)
            discriminator += 0.5 * self.r1_weight * slope
        return {"adversarial": self.weight * adversarial, "discriminator": discriminator}
