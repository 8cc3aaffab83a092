"""Mixtures: p(z) = sum_m w_m p_m(z).

The log-densities of N points under M diagonal Gaussians are a matrix [N, M]. They are summed over
squared differences, exact however narrow a component is; the compiler keeps these [N, M, D] numbers
out of memory. It cannot do so in the gradient, which is therefore taken of the same function
written with two matrix products,

    -1/2 sum_d ((z_d - m_d) / s_d)^2 = z . (m / s^2) - 1/2 z^2 . (1 / s^2) - 1/2 |m / s|^2.
"""

from __future__ import annotations

import math
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Density
from vae.probability.distributions import LOG_2PI, FullGaussian, split, standard_normal
from vae.probability.loops import fits, in_pieces

Array = jax.Array

# Bytes that the densities of an `EqualMixture` may hold at once. There are points times components
# of them, and each may take networks: more than the model itself.
HELD = 2**28


@jax.custom_jvp
def normal_log_probs(z: Array, mean: Array, log_std: Array) -> Array:
    """Returns log N(z; mean_m, diag(exp(log_std_m)^2)) [..., M] of z [..., D], for means [M, D]."""
    squares = (((z[..., None, :] - mean) * jnp.exp(-log_std)) ** 2).sum(-1)
    return -0.5 * squares - (log_std + 0.5 * LOG_2PI).sum(-1)


@normal_log_probs.defjvp
def _normal_log_probs_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    _, slopes = jax.jvp(_with_products, primals, tangents)
    return normal_log_probs(*primals), slopes


def _with_products(z: Array, mean: Array, log_std: Array) -> Array:
    # Far from 0 the square would cancel between its parts; the origin is free to choose.
    middle = jax.lax.stop_gradient(mean.mean(0))
    z, mean = z - middle, mean - middle
    precision = jnp.exp(-2 * log_std)
    linear = _product(z, (mean * precision).T)
    square = _product(z**2, precision.T)
    return linear - 0.5 * square - (0.5 * mean**2 * precision + log_std).sum(-1)


def _product(a: Array, b: Array) -> Array:
    """Returns a @ b in full float32, not an accelerator's default: large numbers cancel here."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def choose(logits: Array, *, keys: Array) -> Array:
    """Draws a component for each key [B] with probabilities softmax(logits [M] or [B, M])."""
    logits = jnp.broadcast_to(logits, (len(keys), logits.shape[-1]))
    return jax.vmap(jax.random.categorical)(keys, logits)


class GaussianMixture(Density, flax.struct.PyTreeNode):
    """sum_m softmax(logits)_m N(mean_m, diag(exp(log_std_m)^2)).

    mean and log_std are [M, D]; logits are [M], or [B, M] where each example has weights of its own
    (-inf leaves a component out).
    """

    logits: Array
    mean: Array
    log_std: Array

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D], or [..., B, D] if logits are [B, M]."""
        log_weights = jax.nn.log_softmax(self.logits)
        components = normal_log_probs(z, self.mean, self.log_std)
        return jax.nn.logsumexp(log_weights + components, axis=-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        choice_keys, noise_keys = split(keys)
        chosen = choose(self.logits, keys=choice_keys)
        noise = standard_normal(noise_keys, self.mean.shape[-1])
        return self.mean[chosen] + jnp.exp(self.log_std[chosen]) * noise

    def tempered(self, temperature: Array) -> GaussianMixture:
        """Returns the mixture with `temperature` times its components' standard deviations."""
        return self.replace(log_std=self.log_std + jnp.log(temperature))


class CorrelatedGaussianMixture(Density, flax.struct.PyTreeNode):
    """sum_m softmax(logits)_m N(mean_m, L_m L_m^T); logits [M], mean [M, D], L `scale` [M, D, D].

    L is lower triangular. Meant for few components: `log_prob` holds [..., M, D].
    """

    logits: Array
    mean: Array
    scale: Array

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D]."""
        components = FullGaussian(self.mean, self.scale).log_prob(z[..., None, :])
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) + components, axis=-1)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        choice_keys, noise_keys = split(keys)
        chosen = choose(self.logits, keys=choice_keys)
        noise = standard_normal(noise_keys, self.mean.shape[-1])
        return self.mean[chosen] + jnp.einsum("bij,bj->bi", self.scale[chosen], noise)

    def tempered(self, temperature: Array) -> CorrelatedGaussianMixture:
        """Returns the mixture with `temperature` times its components' standard deviations."""
        return self.replace(scale=temperature * self.scale)


class EqualMixture(Density, flax.struct.PyTreeNode):
    """1/M sum_m q_m(z), for a batch q of M distributions of any kind whose density is known.

    q's `log_prob` must broadcast z [..., 1, D] over the batch, to [..., M].
    """

    q: Any
    number: int = flax.struct.field(pytree_node=False)

    def log_prob(self, z: Array) -> Array:
        """Returns the log-density [...] of z [..., D]."""

        def of_points(z: Array) -> Array:
            components = self.q.log_prob(z[..., None, :])
            return jax.nn.logsumexp(components, axis=-1) - math.log(self.number)

        if fits(of_points, z, limit=HELD):
            return of_points(z)
        rows = z.reshape(-1, z.shape[-1])
        return in_pieces(of_points, rows, limit=HELD).reshape(z.shape[:-1])

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]: draws from every component and keeps one."""
        choice_keys, noise_keys = split(keys)
        chosen = choose(jnp.zeros(self.number), keys=choice_keys)
        z, _ = self.q.sample_and_log_prob(keys=split(noise_keys, self.number).T)
        return jnp.take_along_axis(z, chosen[:, None, None], axis=1)[:, 0]
