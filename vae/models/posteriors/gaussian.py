"""The diagonal Gaussian posterior (Kingma & Welling 2014, appendix C.2)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.distributions import DiagonalGaussian

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Gaussian(Posterior):
    """q(z | x) = N(mean(x), diag(std(x)^2)); the encoder gives the mean and the log-variance."""

    size: int

    any_density = True

    @property
    def outputs(self) -> int:
        return 2 * self.size

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> DiagonalGaussian:
        mean, log_variance = jnp.split(outputs, 2, axis=-1)
        return DiagonalGaussian(mean, 0.5 * log_variance)
