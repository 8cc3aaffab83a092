"""Normal densities, and noise that belongs to examples.

Each example has a key, and each of its samples a key made from that one. A number therefore does
not depend on the batch, the device or the chunk in which its samples were drawn.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from vae.probability.density import Density, Variational

Array = jax.Array

LOG_2PI = math.log(2 * math.pi)

# By default an accelerator rounds the factors of a product, which costs a density several digits.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


def normal_log_prob(x: Array, mean: Array | float, log_std: Array | float) -> Array:
    """Returns log N(x; mean, exp(log_std)^2), elementwise."""
    standardised = (x - mean) * jnp.exp(-log_std)
    return -0.5 * (standardised**2 + LOG_2PI) - log_std


def example_keys(key: Array, indices: ArrayLike) -> Array:
    """Returns the keys [B] of the examples with these indices [B]."""
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, indices)


def sample_keys(keys: Array, num_samples: int, first: Array | int = 0) -> Array:
    """Returns keys [K, B] of samples first, ..., first + K - 1 of the examples with keys [B]."""
    fold = jax.vmap(jax.vmap(jax.random.fold_in, in_axes=(0, None)), in_axes=(None, 0))
    return fold(keys, first + jnp.arange(num_samples))


def split(keys: Array, num: int = 2) -> Array:
    """Splits every key [...] into `num`, as [num, ...]."""
    parts = jax.vmap(lambda key: jax.random.split(key, num), out_axes=1)(keys.reshape(-1))
    return parts.reshape(num, *keys.shape)


def other_keys(keys: Array, number: int = 1) -> Array:
    """Returns keys [...] for noise that is independent of what `keys` [...] draw.

    With another `number` it is independent of the noise of that one, too.
    """
    return draw_each(lambda key: jax.random.fold_in(key, number), keys)


def draw_each(draw: Callable[[Array], Array], keys: Array) -> Array:
    """Applies `draw` to each key [...]; returns [..., *shape of one draw]."""
    drawn = jax.vmap(draw)(keys.reshape(-1))
    return drawn.reshape(*keys.shape, *drawn.shape[1:])


def standard_normal(keys: Array, dim: int) -> Array:
    """Draws standard normal noise [..., dim], one vector from each key [...]."""
    # Whole registers of a CPU: XLA takes three times as long to compile the hash of 10 numbers as
    # that of 16, whose first 10 are the same.
    drawn = dim if dim < 8 else -(-dim // 8) * 8
    return draw_each(lambda key: jax.random.normal(key, (drawn,)), keys)[..., :dim]


class DiagonalGaussian(Density, Variational, flax.struct.PyTreeNode):
    """N(mean, diag(exp(log_std)^2)); mean and log_std are [..., D]."""

    mean: Array
    log_std: Array = flax.struct.field()  # without the default of `Variational`

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] by reparameterisation, from keys [K, B]; log q(z) is [K, B]."""
        noise = standard_normal(keys, self.mean.shape[-1])
        log_prob = normal_log_prob(noise, 0.0, 0.0) - self.log_std
        return self.mean + jnp.exp(self.log_std) * noise, log_prob.sum(-1)

    def shifted(self, by: Array) -> DiagonalGaussian:
        """Returns the distribution of z + by, for a shift [..., D]."""
        return self.replace(mean=self.mean + by)

    def log_prob_per_dim(self, z: Array) -> Array:
        """Returns the log-density of each dimension of z [..., D], as [..., D]."""
        return normal_log_prob(z, self.mean, self.log_std)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D]."""
        return self.log_prob_per_dim(z).sum(-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return self.mean + jnp.exp(self.log_std) * standard_normal(keys, self.mean.shape[-1])

    def tempered(self, temperature: Array) -> DiagonalGaussian:
        """Returns the distribution with `temperature` times the standard deviation."""
        return self.replace(log_std=self.log_std + jnp.log(temperature))

    def kl(self, p: Density) -> Array | None:
        """Returns KL(self || p) [G, B] in closed form, or None where there is none.

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


class StandardNormal(Density, flax.struct.PyTreeNode):
    """N(0, I) in `dim` dimensions."""

    dim: int = flax.struct.field(pytree_node=False)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D]."""
        return normal_log_prob(z, 0.0, 0.0).sum(-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        return standard_normal(keys, self.dim)

    def tempered(self, temperature: Array) -> DiagonalGaussian:
        """Returns N(0, temperature^2 I)."""
        zeros = jnp.zeros(self.dim)
        return DiagonalGaussian(zeros, zeros + jnp.log(temperature))


def strictly_lower(values: Array, dim: int) -> Array:
    """Returns matrices [..., D, D]: `values` [..., D (D - 1) / 2] below the diagonal, by rows."""
    rows, columns = np.tril_indices(dim, -1)
    matrix = jnp.zeros((*values.shape[:-1], dim, dim), values.dtype)
    return matrix.at[..., rows, columns].set(values)


class FullGaussian(Variational, flax.struct.PyTreeNode):
    """N(mean, L L^T) with L lower triangular, its diagonal positive; [..., D] and [..., D, D]."""

    mean: Array
    scale_tril: Array

    @property
    def log_diagonal(self) -> Array:
        """Returns the logarithm of L's diagonal, [..., D]; its sum is log |det L|."""
        return jnp.log(jnp.diagonal(self.scale_tril, axis1=-2, axis2=-1))

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] by reparameterisation, from keys [K, B]; log q(z) is [K, B]."""
        noise = standard_normal(keys, self.mean.shape[-1])
        log_prob = normal_log_prob(noise, 0.0, 0.0) - self.log_diagonal
        z = self.mean + einsum("...ij,...j->...i", self.scale_tril, noise)
        return z, log_prob.sum(-1)

    def shifted(self, by: Array) -> FullGaussian:
        """Returns the distribution of z + by, for a shift [..., D]."""
        return self.replace(mean=self.mean + by)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D]."""
        identity = jnp.broadcast_to(jnp.eye(self.mean.shape[-1]), self.scale_tril.shape)
        inverse = jax.lax.linalg.triangular_solve(
            self.scale_tril, identity, left_side=True, lower=True
        )
        noise = einsum("...ij,...j->...i", inverse, z - self.mean)
        return (normal_log_prob(noise, 0.0, 0.0) - self.log_diagonal).sum(-1)

    def kl(self, p: Density) -> Array | None:
        """Returns KL(self || p) [1, B] in closed form, or None where there is none.

        KL(N(m, L L^T) || N(0, I)) = (|m|^2 + |L|^2 - D) / 2 - log |det L|.
        """
        if not isinstance(p, StandardNormal):
            return None
        squares = (self.mean**2 - 1).sum(-1) + (self.scale_tril**2).sum((-2, -1))
        return (0.5 * squares - self.log_diagonal.sum(-1))[None]
