"""Normal densities, and noise that belongs to examples.

Keys: an example has one, each of its samples one made from it. So a figure does not depend on the
batch, the device or the chunk in which a sample was drawn.
"""

from __future__ import annotations

import math

import flax.struct
import jax
import jax.numpy as jnp

Array = jax.Array

LOG_2PI = math.log(2 * math.pi)


def normal_log_prob(x: Array, mean: Array | float, log_std: Array | float) -> Array:
    """log N(x; mean, exp(log_std)^2), elementwise."""
    standardised = (x - mean) * jnp.exp(-log_std)
    return -0.5 * (standardised**2 + LOG_2PI) - log_std


def example_keys(key: Array, indices: Array) -> Array:
    """Keys [B] of the examples with these indices [B]."""
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, indices)


def sample_keys(keys: Array, num_samples: int, first: Array | int = 0) -> Array:
    """Keys [K, B] of the samples first, ..., first + K - 1 of examples with keys [B]."""
    fold = jax.vmap(jax.vmap(jax.random.fold_in, in_axes=(0, None)), in_axes=(None, 0))
    return fold(keys, first + jnp.arange(num_samples))


def split(keys: Array, num: int = 2) -> Array:
    """Splits every key [...] into `num`, as [num, ...]."""
    parts = jax.vmap(lambda key: jax.random.split(key, num), out_axes=1)(keys.reshape(-1))
    return parts.reshape(num, *keys.shape)


def standard_normal(keys: Array, dim: int) -> Array:
    """Standard normal noise [..., dim], a vector from each key [...]."""
    draw = jax.vmap(lambda key: jax.random.normal(key, (dim,)))
    return draw(keys.reshape(-1)).reshape(*keys.shape, dim)


@flax.struct.dataclass
class DiagonalGaussian:
    """N(mean, diag(exp(log_std)^2)); mean and log_std are [..., D]."""

    mean: Array
    log_std: Array

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] by reparameterisation, from keys [K, B]; log q(z) is [K, B]."""
        noise = standard_normal(keys, self.mean.shape[-1])
        log_prob = normal_log_prob(noise, 0.0, 0.0) - self.log_std
        return self.mean + jnp.exp(self.log_std) * noise, log_prob.sum(-1)

    def log_prob_per_dim(self, z: Array) -> Array:
        """The log-density of each dimension of z [..., D], as [..., D]."""
        return normal_log_prob(z, self.mean, self.log_std)

    def log_prob(self, z: Array) -> Array:
        """The log-density of z [..., D], as [...]."""
        return self.log_prob_per_dim(z).sum(-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.mean + jnp.exp(self.log_std) * standard_normal(keys, self.mean.shape[-1])

    def kl(self, p: object) -> Array | None:
        """KL(self || p) [G, B] in closed form, or None where there is none.

        Each dimension is a group: KL_d = ((mean_d - m_d)^2 / s_d^2 + std_d^2 / s_d^2 - 1) / 2
        - log std_d / s_d   (Kingma & Welling 2014, app. B, for m = 0, s = 1).
        """
        match p:
            case StandardNormal():
                mean, log_ratio = self.mean, self.log_std
            case DiagonalGaussian(mean, log_std):
                mean = (self.mean - mean) * jnp.exp(-log_std)
                log_ratio = self.log_std - log_std
            case _:
                return None
        divergence = 0.5 * (mean**2 + jnp.expm1(2 * log_ratio)) - log_ratio
        return divergence.T


@flax.struct.dataclass
class StandardNormal:
    """N(0, I) in `dim` dimensions."""

    dim: int = flax.struct.field(pytree_node=False)

    def log_prob(self, z: Array) -> Array:
        """The log-density of z [..., D], as [...]."""
        return normal_log_prob(z, 0.0, 0.0).sum(-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return standard_normal(keys, self.dim)
