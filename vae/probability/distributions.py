"""Posteriors q(z | x) and priors p(z).

A posterior is built from the encoder's outputs with `from_outputs`; `outputs(D)` says how many the
encoder must give for a latent of D dimensions. A prior answers `log_prob` and `sample`, and
`kl(posterior, prior)` knows the pairs that have a closed form.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array

LOG_2PI = math.log(2 * math.pi)


def normal_log_prob(x: Array, mean: Array | float, log_std: Array | float) -> Array:
    """log N(x; mean, exp(log_std)^2), elementwise."""
    standardised = (x - mean) * jnp.exp(-log_std)
    return -0.5 * (standardised**2 + LOG_2PI) - log_std


def sample_keys(keys: Array, num_samples: int, first: Array | int = 0) -> Array:
    """Keys [K, B] of the samples first, ..., first + K - 1 of examples with keys [B]."""
    fold = jax.vmap(jax.vmap(jax.random.fold_in, in_axes=(0, None)), in_axes=(None, 0))
    return fold(keys, first + jnp.arange(num_samples))


def standard_normal(keys: Array, dim: int) -> Array:
    """Standard normal noise [..., dim], a vector from each key [...]."""
    draw = jax.vmap(lambda key: jax.random.normal(key, (dim,)))
    return draw(keys.reshape(-1)).reshape(*keys.shape, dim)


class DiagonalGaussian(NamedTuple):
    """q(z | x) = N(mean, diag(exp(log_std)^2)); mean and log_std are [B, D]."""

    mean: Array
    log_std: Array

    @staticmethod
    def outputs(latent_dim: int) -> int:
        return 2 * latent_dim

    @classmethod
    def from_outputs(cls, outputs: Array) -> DiagonalGaussian:
        """Splits [B, 2 D] into the mean and the log-variance (Kingma & Welling 2014, app. C.2)."""
        mean, log_variance = jnp.split(outputs, 2, axis=-1)
        return cls(mean, 0.5 * log_variance)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [K, B, D] by reparameterisation, from keys [K, B]."""
        return self.mean + jnp.exp(self.log_std) * standard_normal(keys, self.mean.shape[-1])

    def log_prob(self, z: Array) -> Array:
        """log q(z | x) for z [K, B, D], as [K, B]."""
        return normal_log_prob(z, self.mean, self.log_std).sum(-1)


class StandardNormal(NamedTuple):
    """p(z) = N(0, I) in `latent_dim` dimensions."""

    latent_dim: int

    def log_prob(self, z: Array) -> Array:
        """log p(z) for z [..., D], as [...]."""
        return normal_log_prob(z, 0.0, 0.0).sum(-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return standard_normal(keys, self.latent_dim)


def kl(posterior: NamedTuple, prior: NamedTuple) -> Array | None:
    """KL(posterior || prior) [G, B] in closed form, or None where there is none.

    A diagonal Gaussian against N(0, I), each dimension a group:
    KL_d = (mean_d^2 + std_d^2 - 1) / 2 - log std_d   (Kingma & Welling 2014, app. B).
    """
    match posterior, prior:
        case DiagonalGaussian(mean, log_std), StandardNormal():
            return (0.5 * (mean**2 + jnp.expm1(2 * log_std)) - log_std).T
    return None
