"""The game of a discriminator against whoever makes the fakes, both in one gradient step.

Two losses are added up, and each reaches its own player alone: of the adversarial loss the
discriminator's weights are constants, of the discriminator's loss all that it is shown. So the
gradient of the sum is both players' own, and a step moves them at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import ml_collections

from vae.config.build import named
from vae.models import parts
from vae.networks import spectral
from vae.probability.adversarial import GanLoss, squared_slope

Array = jax.Array

NAMES = ("adversarial", "discriminator")
PART = "discriminator"  # of a model's variables


@dataclasses.dataclass(frozen=True)
class Discriminator:
    """A network that judges, and what is lost by it.

    Attributes:
      module: (x [B, ...], code [B, C] or None) to features [B, F] and logit [B].
      loss: of both players.
      weight: of the adversarial loss.
      r1_weight: of half the squared slope at what is real.
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
        """The discriminator of a config's `model` section, with a kind of network."""
        return cls(
            module=module(tuple(config.discriminator_widths), config.dtype),
            loss=named("model", config, "gan_loss"),
            weight=config.adversarial_weight,
            r1_weight=config.r1_weight,
            spectral_norm=config.spectral_norm,
        )

    def init(self, *inputs: Array | None, key: Array) -> parts.Variables:
        """The initial variables, of an x [1, ...] and a code [1, C] or None."""
        module_key, vectors_key = jax.random.split(key)
        variables = parts.of_module(self.module, *inputs, key=module_key)
        if self.spectral_norm:
            variables["statistics"] = spectral.start(variables["params"], key=vectors_key)
        return variables

    def ready(self, variables: parts.Variables) -> parts.Variables:
        """The variables that `judge` and `contest` take: the params as they are applied.

        Its statistics are those after the step.
        """
        if not self.spectral_norm:
            return variables
        params, vectors = spectral.normalised(variables["params"], variables["statistics"])
        return {"params": params, "statistics": vectors}

    def judge(self, ready: parts.Variables, x: Array, code: Array | None) -> tuple[Array, Array]:
        """Features [B, F] and logits [B] of x [B, ...], code [B, C] or None."""
        return self.module.apply({"params": ready["params"]}, x, code)

    def contest(
        self,
        ready: parts.Variables,
        real: Array,
        fakes: Sequence[Array],
        code: Array | None = None,
    ) -> dict[str, Array]:
        """What the players lose, each [B].

        Args:
          ready: see `ready`.
          real: [B, ...].
          fakes: of one or more kinds, [K, B, ...] each; a kind counts as much as another.
          code: [B, C] what each real should be, and the fakes beside it.
        """

        def score(ready: parts.Variables, x: Array) -> Array:
            return self.judge(ready, x, code)[1]

        def over_fakes(loss: Callable[[Array], Array], ready: parts.Variables) -> Array:
            logits = [jax.vmap(lambda x: score(ready, x))(fake) for fake in fakes]
            return sum(loss(logit).mean(0) for logit in logits) / len(logits)

        adversarial = over_fakes(self.loss.generator, jax.lax.stop_gradient(ready))
        real, fakes = jax.lax.stop_gradient((real, tuple(fakes)))
        discriminator = self.loss.real(score(ready, real)) + over_fakes(self.loss.fake, ready)
        if self.r1_weight:
            slope = squared_slope(lambda x: score(ready, x), real)
            discriminator += 0.5 * self.r1_weight * slope
        return {"adversarial": self.weight * adversarial, "discriminator": discriminator}
