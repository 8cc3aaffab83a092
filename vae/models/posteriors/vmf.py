"""The von Mises-Fisher posterior (Davidson et al. 2018; Xu & Durrett 2018)."""

from __future__ import annotations

import dataclasses

import jax

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.sphere import VonMisesFisher

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class VMF(Posterior):
    """q(z | x) = vMF(mean(x), kappa(x)) on the unit vectors in R^size.

    The encoder gives a vector, whose direction is the mean, and a number whose softplus is
    kappa - 1. The concentration stays above 1, as in the code of Davidson et al., because the mean
    has no gradient at 0.
    """

    size: int

    space = "sphere"
    any_density = True

    @property
    def outputs(self) -> int:
        return self.size + 1

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> VonMisesFisher:
        direction, kappa = outputs[..., :-1], outputs[..., -1]
        mean = direction * jax.lax.rsqrt((direction**2).sum(-1, keepdims=True) + 1e-20)
        return VonMisesFisher(mean, 1 + jax.nn.softplus(kappa))
