"""A discriminator of latents instead of a divergence: the adversarial autoencoder.

(Makhzani et al., "Adversarial autoencoders", 2016.) It tells z ~ p(z), the real ones, from
z ~ q(z | x). The encoder is trained so that it cannot, and the aggregate posterior becomes p(z).
objective.beta = 0 leaves the divergence out.
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
    """Tells draws from the prior from draws from the posterior.

    Attributes:
      discriminator: takes latents.
      size: how many numbers z has, all its layers together.
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
        assert drawn.draw is not None  # `takes` refuses codes
        real = parts.vectors(drawn.draw(other_keys(drawn.keys)[0]), 1)
        losses = self.discriminator.contest(ready, real, [parts.vectors(drawn.z)])
        return Charge(losses, ready["statistics"])
