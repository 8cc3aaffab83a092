"""Bernoulli likelihoods: for values 0 and 1, and the density of the same form on [0, 1]."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.probability.event import Values
from vae.probability.likelihoods.base import (
    Array,
    Likelihood,
    Variables,
    logit,
    not_grey,
    softplus,
    sum_values,
)


@dataclasses.dataclass(frozen=True)
class Bernoulli(Likelihood):
    """p(x = 1) = sigmoid(logit), independently for every value in {0, 1}.

    On grey values in (0, 1) it is the cross-entropy, which is not a likelihood.
    """

    discrete = True

    def takes(self, values: Values) -> str | None:
        return not_grey(values)

    def log_levels(self, values: Values) -> float | None:
        return 0.0 if values.kind == "binary" else None

    def outputs(self, channels: int) -> int:
        return channels

    def to_outputs(self, mean: Array) -> Array:
        return logit(mean, 0.005, 0.995)

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        return sum_values(lambda x, logits: x * logits - softplus(logits), x, outputs, mask=mask)

    def mean(self, outputs: Array) -> Array:
        return jax.nn.sigmoid(outputs)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        return jax.nn.sigmoid(outputs) * jax.nn.sigmoid(-outputs)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        return jax.random.bernoulli(key, self.mean(outputs)).astype(jnp.float32)


@dataclasses.dataclass(frozen=True)
class ContinuousBernoulli(Likelihood):
    """The Bernoulli's x logit - log Z with the Z that makes it a density on [0, 1].

    (Loaiza-Ganem & Cunningham 2019, "The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders", eq. 4 to 8, in the logit.) It is an exponential family, so its mean
    is the derivative of log Z.
    """

    discrete = False

    def takes(self, values: Values) -> str | None:
        if values.kind == "binary":
            return (
                "is a density of grey values, and has no bound on values that are all 0 or 1: use "
                '"bernoulli".'
            )
        return not_grey(values)

    def outputs(self, channels: int) -> int:
        return channels

    def to_outputs(self, mean: Array) -> Array:
        # The mean has no inverse in closed form, but it rises with the logit.
        mean = jnp.clip(mean, 0.01, 0.99)

        def bisect(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
            middle = 0.5 * (bounds[0] + bounds[1])
            below = self.mean(middle) < mean
            return jnp.where(below, middle, bounds[0]), jnp.where(below, bounds[1], middle)

        start = jnp.full_like(mean, -200.0), jnp.full_like(mean, 200.0)
        return jax.lax.fori_loop(0, 40, bisect, start)[0]

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        def each(x: Array, logits: Array) -> Array:
            return x * logits - log_normaliser(logits)

        return sum_values(each, x, outputs, mask=mask)

    def mean(self, outputs: Array) -> Array:
        return jax.grad(lambda logits: log_normaliser(logits).sum())(outputs)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        return jax.grad(lambda logits: self.mean(logits).sum())(outputs)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        # Inverts P(X <= x) = expm1(-r x) / expm1(-r), where the density falls at the rate r; where
        # it rises, the same from the other side. At 1e-6 it is uniform to the last bit.
        rate = jnp.maximum(jnp.abs(outputs), 1e-6)
        u = jax.random.uniform(key, outputs.shape)
        falling = -jnp.log1p(u * jnp.expm1(-rate)) / rate
        return jnp.where(outputs > 0, 1 - falling, falling)


def log_normaliser(logits: Array) -> Array:
    """Returns log Z = log((e^t - 1) / t), the integral of exp(t x) over [0, 1], at t = logits.

    Near t = 0, where this is 0 / 0, it uses the Taylor series to t^6; at t = 1/2 the next term is
    4e-10.
    """
    near = jnp.abs(logits) < 0.5
    t = jnp.where(near, logits, 0.0)
    series = t / 2 + t**2 / 24 - t**4 / 2880 + t**6 / 181440
    size = jnp.where(near, 1.0, jnp.abs(logits))
    closed = jnp.maximum(logits, 0) + jnp.log(-jnp.expm1(-size) / size)
    return jnp.where(near, series, closed)
