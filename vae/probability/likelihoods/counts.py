"""Counts: whole numbers without an upper end. The count is k = S x.

The mean is S sigmoid(output). It cannot exceed S, the largest count of the data; this costs nothing
and keeps every output finite. Divided by S, it is what an encoder sees, between 0 and 1. Where it
is small, sigmoid is exp and this is the usual log link.

log p is a divergence of k from its mean plus a small rest (Loader 2000, "Fast and accurate
computation of binomial probabilities"). The terms of the textbook form are each of the size of
k log k, so that float32 would lose their sum at large counts.
"""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln, xlogy

from vae.probability.event import Values
from vae.probability.likelihoods.base import (
    Array,
    Likelihood,
    Variables,
    bounded,
    logit,
    not_levels,
    softplus,
    sum_values,
)


@dataclasses.dataclass(frozen=True)
class Poisson(Likelihood):
    """k ~ Poisson(mean):

    log p = k log(mean / k) + k - mean + log_stirling(k).
    """

    largest: float

    discrete = True

    def takes(self, values: Values) -> str | None:
        return not_levels(values)

    def outputs(self, channels: int) -> int:
        return channels

    def to_outputs(self, mean: Array) -> Array:
        return _to_raw(mean, self.largest)

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        def divergence(x: Array, raw: Array) -> Array:
            return _x_log_ratio(x, raw) + x - jax.nn.sigmoid(raw)

        rest = sum_values(log_stirling, self.largest * x, mask=mask)  # once for all samples of z
        return self.largest * sum_values(divergence, x, outputs, mask=mask) + rest

    def mean(self, outputs: Array) -> Array:
        return jax.nn.sigmoid(outputs)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        return self.mean(outputs) / self.largest

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        return jax.random.poisson(key, self.largest * self.mean(outputs)) / self.largest


@dataclasses.dataclass(frozen=True)
class NegativeBinomial(Likelihood):
    """A Poisson whose rate is drawn from Gamma(r, mean / r): the variance is mean + mean^2 / r.

    log p = k log(mean / k) + (k + r) log((k + r) / (mean + r)) + log(r / (k + r))
            + log_stirling(k) + log_stirling(r) - log_stirling(k + r).

    The decoder's second output is log r, bounded by 10: from 5e-5 to 22,000, which is a Poisson.
    """

    largest: float

    discrete = True

    def takes(self, values: Values) -> str | None:
        return not_levels(values)

    def outputs(self, channels: int) -> int:
        return 2 * channels

    def to_outputs(self, mean: Array) -> Array:
        raw = _to_raw(mean, self.largest)
        return jnp.concatenate([raw, jnp.zeros_like(raw)], axis=-1)

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        def without_rest(x: Array, raw: Array, raw_r: Array) -> Array:
            k, mean, r = self.largest * x, self.largest * jax.nn.sigmoid(raw), _dispersion(raw_r)
            return (
                self.largest * _x_log_ratio(x, raw)
                + (k + r) * jnp.log1p((k - mean) / (mean + r))
                - jnp.log1p(k / r)
                + log_stirling(r)
                - log_stirling(k + r)
            )

        rest = sum_values(log_stirling, self.largest * x, mask=mask)  # once for all samples of z
        return sum_values(without_rest, x, *jnp.split(outputs, 2, axis=-1), mask=mask) + rest

    def mean(self, outputs: Array) -> Array:
        return jax.nn.sigmoid(jnp.split(outputs, 2, axis=-1)[0])

    def variance(self, outputs: Array, variables: Variables) -> Array:
        mean, r = self.mean(outputs), _dispersion(jnp.split(outputs, 2, axis=-1)[1])
        return mean / self.largest + mean**2 / r

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        r = _dispersion(jnp.split(outputs, 2, axis=-1)[1])
        gamma_key, poisson_key = jax.random.split(key)
        rate = self.largest * self.mean(outputs) * jax.random.gamma(gamma_key, r) / r
        return jax.random.poisson(poisson_key, rate) / self.largest


def log_stirling(k: Array) -> Array:
    """Returns log(k^k e^-k / Gamma(k + 1)) for k >= 0, elementwise, from 10 on by a series."""
    small, large = jnp.minimum(k, 10.0), jnp.maximum(k, 10.0)
    series = 1 / (12 * large) - 1 / (360 * large**3) + 1 / (1260 * large**5)
    return jnp.where(
        k < 10.0,
        xlogy(small, small) - small - gammaln(small + 1),
        -0.5 * jnp.log(2 * math.pi * large) - series,
    )


def _to_raw(mean: Array, scale: float) -> Array:
    """Returns the output of a mean; at the lowest, a count of 1 has a probability of 0.01."""
    return logit(mean, 0.01 / scale, 0.99)


def _x_log_ratio(x: Array, raw: Array) -> Array:
    """Returns x log(sigmoid(raw) / x), elementwise: a count's k log(mean / k), over `scale`."""
    return -x * softplus(-raw) - xlogy(x, x)


def _dispersion(raw: Array) -> Array:
    return jnp.exp(bounded(raw, 10.0))
