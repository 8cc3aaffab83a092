"""A discriminator of latents in the place of a divergence: the adversarial autoencoder.

(Makhzani et al., "Adversarial autoencoders", 2016.) It tells z ~ p(z), which are real, from those
of q(z | x), and the encoder is trained so that it cannot: the aggregate posterior becomes p(z). The
divergence is left out by objective.beta = 0.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections

from vae.models import parts
from vae.models.losses.discriminator import NAMES, PART, Discriminator
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.networks.discriminators import VectorDiscriminator
from vae.probability.distributions import other_keys
from vae.probability.event import Event

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Latents(Loss):
    """Draws from the prior against those from the posterior.

    Attributes:
      discriminator: of latents.
      size: numbers in z, of all its layers together.
    """

    discriminator: Discriminator
    size: int

    names = NAMES
    part = PART

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, size: int) -> Latents:
        return cls(Discriminator.build(config, VectorDiscriminator), size)

    def takes(self, event: Event, space: str) -> str | None:
        if space != "codes":
            return None
        return (
            "tells draws of p(z) from what is encoded, but the prior of codes is fitted to these; "
            "choose 'images' or 'none'."
        )

    def init(self, *, key: Array) -> parts.Variables:
        return self.discriminator.init(jnp.zeros((1, self.size)), None, key=key)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        ready = self.discriminator.ready(variables)
        real = parts.vectors(drawn.draw(other_keys(drawn.keys)[0]), 1)
        losses = self.discriminator.contest(ready, real, [parts.vectors(drawn.z)])
        return Charge(losses, ready["statistics"])
