"""A discriminator that measures the total correlation of the latents: FactorVAE.

(Kim & Mnih, "Disentangling by factorising", 2018.) It tells z ~ q(z) from z whose dimensions are
permuted independently over the batch, which are samples from the product of the marginals. The
logit of the best discriminator is

    log q(z) - sum_d log q(z_d)

Its mean is the total correlation, which is added to the encoder's loss beside the ELBO (their
eq. 2, whose gamma is `weight`). They permute a second batch; here it is the same one.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections

from vae.models import parts
from vae.models.losses.discriminator import NAMES, PART
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.networks.discriminators import VectorDiscriminator
from vae.probability.adversarial import permuted_dimensions
from vae.probability.density import SPACES
from vae.probability.distributions import draw_each, other_keys
from vae.probability.event import Event

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Factors(Loss):
    """Tells latents from latents whose dimensions belong to different examples.

    Attributes:
      module: z [B, D] to features and logit [B].
      size: D.
      weight: the weight of the total correlation.
    """

    module: nn.Module
    size: int
    weight: float

    names = NAMES
    part = PART

    @classmethod
    def build(cls, config: ml_collections.ConfigDict, size: int) -> Factors:
        module = VectorDiscriminator(tuple(config.discriminator_widths), config.dtype)
        return cls(module, size, config.adversarial_weight)

    def takes(self, event: Event, space: str) -> str | None:
        if space == "real":
            return None
        return (
            "permutes the numbers of z, which is for one vector in R^D whose numbers p(z) has "
            f"independent, but this model's z is in {SPACES.get(space, space)}; choose 'none', or "
            "model.name='vae' with model.posterior='gaussian'."
        )

    def init(self, *, key: Array) -> parts.Variables:
        return parts.of_module(self.module, jnp.zeros((1, self.size)), key=key)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        z, keys, axis = drawn.z, other_keys(drawn.keys), drawn.axis

        def logits(params: Any, z: Array) -> Array:
            return jax.vmap(lambda z: parts.apply(self.module, params, z)[1])(z)

        params, fixed = variables["params"], jax.lax.stop_gradient(z)
        noise = draw_each(lambda key: jax.random.uniform(key, (self.size,)), keys)
        apart = jax.vmap(lambda z, noise: permuted_dimensions(z, noise, axis))(fixed, noise)
        correlation = logits(jax.lax.stop_gradient(params), z).mean(0)
        judged = jax.nn.softplus(-logits(params, fixed)) + jax.nn.softplus(logits(params, apart))
        losses = {
            "adversarial": self.weight * correlation,
            "discriminator": 0.5 * judged.mean(0),
        }
        return Charge(losses, variables["statistics"])
