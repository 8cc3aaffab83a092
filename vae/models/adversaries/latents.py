"""A discriminator of latents in the place of a divergence: the adversarial autoencoder.

(Makhzani et al., "Adversarial autoencoders", 2016.) It tells z ~ p(z), which are real, from those
of q(z | x), and the encoder is trained so that it cannot: the aggregate posterior becomes p(z). The
divergence is left out by objective.beta = 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.adversaries.discriminator import LOSSES, Discriminator
from vae.models.adversaries.play import Play
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Latents:
    """Draws from the prior against those from the posterior.

    Attributes:
      discriminator: of latents.
      size: numbers in z.
    """

    discriminator: Discriminator
    size: int

    losses = LOSSES

    def init(self, *, key: Array) -> parts.Variables:
        return self.discriminator.init(jnp.zeros((1, self.size)), None, key=key)

    def play(
        self,
        variables: parts.Variables,
        batch: Batch,
        z: Array,
        p: Any,
        decode: Callable[[Array], Array],
        *,
        keys: Array,
        axis: str | None,
    ) -> Play:
        ready = self.discriminator.ready(variables)
        losses = self.discriminator.contest(ready, p.sample(keys=keys[0]), [z])
        return Play(losses, ready["statistics"])
