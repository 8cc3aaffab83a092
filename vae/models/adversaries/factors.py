"""A discriminator that measures the total correlation of the latents: FactorVAE.

(Kim & Mnih, "Disentangling by factorising", 2018.) It tells z ~ q(z) from z whose dimensions are
permuted apart over the batch, which is of the product of the marginals. At its best its logit is

    log q(z) - sum_d log q(z_d)

whose mean, the total correlation, the encoder is charged with beside the ELBO (their eq. 2, whose
gamma is `weight`). They permute a second batch; here it is the same one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.adversaries.discriminator import LOSSES
from vae.models.adversaries.play import Play
from vae.probability.adversarial import permuted_dimensions
from vae.probability.distributions import draw_each
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Factors:
    """Latents against latents whose dimensions belong to different examples.

    Attributes:
      module: (z [B, D]) to features and logit [B].
      size: D.
      weight: of the total correlation.
    """

    module: nn.Module
    size: int
    weight: float

    losses = LOSSES

    def init(self, *, key: Array) -> parts.Variables:
        return parts.of_module(self.module, jnp.zeros((1, self.size)), key=key)

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
        def logits(params: Any, z: Array) -> Array:
            return jax.vmap(lambda z: self.module.apply({"params": params}, z)[1])(z)

        params, fixed = variables["params"], jax.lax.stop_gradient(z)
        noise = draw_each(lambda key: jax.random.uniform(key, (self.size,)), keys)
        apart = jax.vmap(lambda z, noise: permuted_dimensions(z, noise, axis))(fixed, noise)
        correlation = logits(jax.lax.stop_gradient(params), z).mean(0)
        judged = jax.nn.softplus(-logits(params, fixed)) + jax.nn.softplus(logits(params, apart))
        losses = {
            "adversarial": self.weight * correlation,
            "discriminator": 0.5 * judged.mean(0),
        }
        return Play(losses, variables["statistics"])
