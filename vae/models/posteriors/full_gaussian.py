"""The Gaussian posterior with a full covariance (Kingma & Welling 2019, section 2.5.1)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.distributions import FullGaussian, strictly_lower

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Full(Posterior):
    """q(z | x) = N(mean(x), L(x) L(x)^T), with L lower triangular.

    The encoder gives the mean, the logarithm of L's diagonal, and the entries below the diagonal.
    """

    size: int

    any_density = True

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.size * (self.size - 1) // 2

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> FullGaussian:
        mean, log_diagonal, below = jnp.split(outputs, (self.size, 2 * self.size), axis=-1)
        diagonal = jnp.exp(log_diagonal)[..., None] * jnp.eye(self.size)
        return FullGaussian(mean, diagonal + strictly_lower(below, self.size))
