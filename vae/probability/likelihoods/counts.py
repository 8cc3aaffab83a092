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
from typing import ClassVar

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

START = -3.0  # log(p0 / (1 - p0)) before training: few zeros are failures


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

    | `library`    | the mean                                                                   |
    |--------------|----------------------------------------------------------------------------|
    | none         | S sigmoid(output)                                                          |
    | observed     | l softmax(output), where l is the sum of the very example over channels    |

    | `dispersion` | log r, bounded by 10: r is from 5e-5 to 22,000, which is a Poisson         |
    |--------------|----------------------------------------------------------------------------|
    | per_value    | a second output of the decoder                                             |
    | per_channel  | one for each channel, learned                                              |
    | per_class    | the same, and what the condition adds to it by a learned table             |

    With an observed library log p is that of the channels given their sum l, and z need not hold
    it (Lopez et al. 2018, "Deep generative modeling for single-cell transcriptomics"). Where there
    is no example, as in samples, l is `total`.

    Attributes:
      largest: S.
      library, dispersion: see above.
      channels: how many channels there are.
      classes: numbers in the code of the decoder's condition, 0 without one.
      total: the median l of training examples; None where that is not known.
    """

    largest: float
    library: str = "none"
    dispersion: str = "per_value"
    channels: int = 1
    classes: int = 0
    total: float | None = None

    discrete = True
    inflated: ClassVar[bool] = False

    def takes(self, values: Values) -> str | None:
        if self.library == "observed" and self.total is None:
            return (
                'with model.library = "observed" needs rows of counts: choose "none", or set '
                'data.modality to "counts" if they are such rows.'
            )
        if self.dispersion == "per_class" and not self.classes:
            return (
                'with model.dispersion = "per_class" needs a condition that the decoder is told: '
                'set model.condition, or choose "per_channel".'
            )
        return not_levels(values)

    def reads_sum(self) -> bool:
        return self.library == "observed"

    @property
    def by_value(self) -> bool:  # type: ignore[override]  # a field of others
        return not self.reads_sum() and self.dispersion == "per_value"

    def init(self) -> Variables:
        variables = super().init()
        if self.dispersion != "per_value":
            variables["params"]["log_r"] = jnp.zeros((self.channels,))
        if self.dispersion == "per_class":
            variables["params"]["log_r_of_class"] = jnp.zeros((self.classes, self.channels))
        return variables

    def outputs(self, channels: int) -> int:
        return (1 + (self.dispersion == "per_value") + self.inflated) * channels

    def of_code(self, code: Array | None, variables: Variables) -> Array | None:
        if self.dispersion != "per_class" or code is None:  # which `takes` has refused
            return None
        params = variables["params"]
        return params["log_r"] + jnp.matmul(code, params["log_r_of_class"])

    def to_outputs(self, mean: Array) -> Array:
        raw = _to_raw(mean, self.largest)
        if self.library == "observed":  # where nothing was counted, half of what one count is
            raw = jnp.log(jnp.maximum(mean, 0.5 * jnp.min(mean, where=mean > 0, initial=1.0)))
        return jnp.concatenate([raw, *self._further(raw)], axis=-1)

    def _further(self, raw: Array) -> list[Array]:
        """Returns the outputs beside those of the mean, at which a decoder starts."""
        return [jnp.zeros_like(raw)] if self.dispersion == "per_value" else []

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        rest = sum_values(log_stirling, self.largest * x, mask=mask)  # once for all samples of z
        raw, raw_r = self._parts(outputs, variables)
        spread = self._spread(raw_r, raw)
        return sum_values(self._without_rest, x, self._located(raw, x), *spread, mask=mask) + rest

    def mean(self, outputs: Array) -> Array:
        return self._mean(self._located(self._split(outputs)[0]))

    def variance(self, outputs: Array, variables: Variables) -> Array:
        mean, r = self.typical(outputs), _dispersion(self._parts(outputs, variables)[1])
        return mean / self.largest + mean**2 / r

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        mean, r = self.typical(outputs), _dispersion(self._parts(outputs, variables)[1])
        gamma_key, poisson_key = jax.random.split(key)
        rate = self.largest * mean * jax.random.gamma(gamma_key, r, mean.shape) / r
        return jax.random.poisson(poisson_key, rate) / self.largest

    def _spread(self, raw_r: Array, raw: Array) -> list[Array]:
        """Returns raw_r, or r and log_stirling(r), computed once for all examples that share it."""
        if self.dispersion != "per_channel":
            return [raw_r]
        r = _dispersion(raw_r)
        return [jnp.broadcast_to(each, raw.shape) for each in (r, log_stirling(r))]

    def _without_rest(self, x: Array, raw: Array, *spread: Array) -> Array:
        """Returns log p of single values, but for log_stirling(k)."""
        k, mean = self.largest * x, self.largest * self._mean(raw)
        r = spread[0] if spread[1:] else _dispersion(spread[0])
        free = self.library == "none"
        x_log_ratio = _x_log_ratio(x, raw) if free else x * raw - xlogy(x, x)
        return (
            self.largest * x_log_ratio
            + (k + r) * jnp.log1p((k - mean) / (mean + r))
            - jnp.log1p(k / r)
            + (spread[1] if spread[1:] else log_stirling(r))
            - log_stirling(k + r)
        )

    def _located(self, raw: Array, x: Array | None = None) -> Array:
        """Returns what `_mean` takes, [..., C], for the library of x or a typical one."""
        if self.library == "none":
            return raw
        # A row without any count is taken for one with a single count.
        least = 1 / self.largest
        typical = jnp.float32((self.total or 1.0) * least)
        size = typical if x is None else jnp.maximum(x.sum(-1, keepdims=True), least)
        return jax.nn.log_softmax(raw) + jnp.log(size)

    def _mean(self, raw: Array) -> Array:
        """Returns the mean of x, elementwise."""
        return jax.nn.sigmoid(raw) if self.library == "none" else jnp.exp(raw)

    def _parts(self, outputs: Array, variables: Variables) -> list[Array]:
        """Returns outputs of the mean, of the dispersion and, if inflated, of zeros, [..., C].

        That of a dispersion per channel is [C].
        """
        parts = self._split(outputs)
        match self.dispersion:
            case "per_channel":
                parts.insert(1, variables["params"]["log_r"])
            case "per_class":  # at the end, see `of_code`
                parts.insert(1, parts.pop())
        return parts

    def _split(self, outputs: Array) -> list[Array]:
        number = self.outputs(1) + (self.dispersion == "per_class")
        return jnp.split(outputs, number, axis=-1)


@dataclasses.dataclass(frozen=True)
class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """0 with the probability p0, else a negative binomial:

    log p(0) = log(p0 + (1 - p0) NB(0)),    log p(k) = log(1 - p0) + log NB(k).

    One more output of the decoder is log(p0 / (1 - p0)). What a person is shown is the mean of the
    negative binomial: what would have been counted where a zero is a failure to count.
    """

    inflated = True

    def to_outputs(self, mean: Array) -> Array:
        return super().to_outputs(mean / (1 - jax.nn.sigmoid(START)))

    def _further(self, raw: Array) -> list[Array]:
        return [*super()._further(raw), jnp.full_like(raw, START)]

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        def each(x: Array, raw: Array, raw_zero: Array, *spread: Array) -> Array:
            log_nb = self._without_rest(x, raw, *spread) + log_stirling(self.largest * x)
            at_zero = jnp.logaddexp(raw_zero, log_nb)
            return jnp.where(x > 0, log_nb, at_zero) - softplus(raw_zero)

        raw, raw_r, raw_zero = self._parts(outputs, variables)
        spread = self._spread(raw_r, raw)
        return sum_values(each, x, self._located(raw, x), raw_zero, *spread, mask=mask)

    def typical(self, outputs: Array) -> Array:
        return super().mean(outputs)

    def mean(self, outputs: Array) -> Array:
        return self._there(outputs) * super().mean(outputs)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        there, mean = self._there(outputs), self.typical(outputs)
        return there * (super().variance(outputs, variables) + (1 - there) * mean**2)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        key, zero_key = jax.random.split(key)
        there = jax.random.bernoulli(zero_key, self._there(outputs))
        return jnp.where(there, super().sample(outputs, variables, key=key), 0.0)

    def _there(self, outputs: Array) -> Array:
        """Returns 1 - p0, [..., C]."""
        return jax.nn.sigmoid(-self._split(outputs)[self.outputs(1) - 1])


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
