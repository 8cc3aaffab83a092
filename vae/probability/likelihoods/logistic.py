"""Logistic densities integrated over the bins of equally spaced levels, alone and in mixtures.

With a = (x + h - m) / s and b = (x - h - m) / s, h half the distance of two levels, and the
outermost bins reaching to infinity (Kingma et al. 2016, "Improving variational inference with
inverse autoregressive flow", app. B),

    p(x) = sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),

whose logarithm is exact in floating point however far x lies from m.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vae.probability.event import Values
from vae.probability.likelihoods.base import (
    Array,
    Likelihood,
    Variables,
    bounded,
    not_levels,
    softplus,
)
from vae.probability.likelihoods.location_scale import LocationScale


def log_bin(x: Array, location: Array, log_scale: Array, levels: int) -> Array:
    """Returns the log-probability of the bin of x, one of `levels` in [0, 1], elementwise."""
    half = 0.5 / (levels - 1)
    inverse_scale = jnp.exp(-log_scale)
    log_below = -softplus((location - x - half) * inverse_scale)  # log P(X <= x)
    log_above = -softplus((x - half - location) * inverse_scale)  # log P(X >= x)
    between = log_below + log_above + jnp.log(-jnp.expm1(-2 * half * inverse_scale))
    return jnp.where(x < half, log_below, jnp.where(x > 1 - half, log_above, between))


def nearest_level(x: Array, levels: int) -> Array:
    """Returns the level in whose bin x lies."""
    return jnp.round(jnp.clip(x, 0.0, 1.0) * (levels - 1)) / (levels - 1)


NOISE_VARIANCE = math.pi**2 / 3  # of a logistic of scale 1
LARGEST_VARIANCE = 0.25  # of values in [0, 1], however wide a logistic is


@dataclasses.dataclass(frozen=True)
class DiscretizedLogistic(LocationScale):
    """One logistic for every value.

    Its mean and variance ignore the rounding to levels in [0, 1].
    """

    levels: int
    scale: str = "learned"
    scale_init: float = 0.1

    discrete = True
    _noise = staticmethod(jax.random.logistic)
    _noise_variance = NOISE_VARIANCE

    def takes(self, values: Values) -> str | None:
        return not_levels(values)

    def _log_prob(self, x: Array, location: Array, log_scale: Array) -> Array:
        return log_bin(x, location, log_scale, self.levels)

    def mean(self, outputs: Array) -> Array:
        return jnp.clip(self._location(outputs), 0.0, 1.0)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        return jnp.minimum(super().variance(outputs, variables), LARGEST_VARIANCE)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        return nearest_level(super().sample(outputs, variables, key=key), self.levels)


@dataclasses.dataclass(frozen=True)
class MixtureOfLogistics(Likelihood):
    """A mixture of K logistics for every position, whose channels depend on each other.

    (Salimans et al. 2017, "PixelCNN++", section 2.1 and 2.2.) All channels of a position share the
    component k; within it, channel c has the location

        m_kc + sum_{d < c} a_kcd (x_d - 1/2),    |a_kcd| < 1,

    as in the paper, whose x is from -1 to 1. The mean mu_kc has the same form with clip(mu_kd, 0,
    1), but for the rounding to levels and for scales so wide that a component is cut off on one
    side. Outputs that are the mu_kc themselves are learned more slowly: a channel is known far
    better from another than from z, so brightness would change only if all channels moved together,
    at the scale of their small differences (`experiments/celeba_hierarchical.py`, 300 steps of 16
    images: 5.85 bits per dimension, and 5.99 with mu_kc).

    The outputs are blocks of K numbers: the logits of pi; m_k0, m_k1, ...; the logarithms of the
    scales, bounded; the a_kcd of (c, d) = (1, 0), (2, 0), (2, 1), ..., through tanh.
    """

    levels: int
    components: int = 10
    scale_init: float = 0.1

    discrete = True
    in_turn = True

    def takes(self, values: Values) -> str | None:
        return not_levels(values)

    def outputs(self, channels: int) -> int:
        return self.components * (1 + 2 * channels + math.comb(channels, 2))

    def to_outputs(self, mean: Array) -> Array:
        # Components spread evenly around the mean, as far as [0, 1] has room on both sides.
        centred = (2 * jnp.arange(self.components) + 1) / self.components - 1
        room = jnp.clip(jnp.minimum(mean, 1 - mean), 0.0)
        locations = mean[..., None] + room[..., None] * centred  # [*places, C, K]
        locations = locations.reshape(*mean.shape[:-1], -1)
        before = self.components
        after = self.outputs(mean.shape[-1]) - before - locations.shape[-1]
        return jnp.pad(locations, (*[(0, 0)] * (mean.ndim - 1), (before, after)))

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        places = x.ndim - 2
        parts = self._parts(outputs, places)
        channels = jnp.split(_places_last(x, places), x.shape[-1], axis=-2)
        log_prob = parts.log_weights
        for c, value in enumerate(channels):
            location = parts.location(c, channels)
            log_prob += log_bin(value, location, parts.log_scales[c], self.levels)
        each = jax.nn.logsumexp(log_prob, axis=-2)
        if mask is not None:
            each = jnp.where(mask.reshape(len(mask), -1), each, 0.0)
        return each.sum(-1)

    def log_next(self, outputs: Array, before: Array, x: Array, variables: Variables) -> Array:
        parts = self._parts(outputs)
        channels = [value[None] for value in before.T]
        log_weights, c = parts.log_weights, len(channels)
        for d, value in enumerate(channels):
            location = parts.location(d, channels)
            log_weights += log_bin(value, location, parts.log_scales[d], self.levels)
        log_weights -= jax.nn.logsumexp(log_weights, axis=-2, keepdims=True)
        location, log_scale = parts.location(c, channels), parts.log_scales[c]
        each = log_bin(x[:, None, None], location, log_scale, self.levels)  # [V, K, N]
        return jax.nn.logsumexp(log_weights + each, axis=-2).T

    def mean(self, outputs: Array) -> Array:
        parts = self._parts(outputs)
        weights = jnp.exp(parts.log_weights)
        means = [(weights * mean).sum(-2) for mean in parts.means()]
        return jnp.stack(means, axis=-1).reshape(*outputs.shape[:-1], -1)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        parts = self._parts(outputs)
        weights = jnp.exp(parts.log_weights)
        within: list[Array] = []  # x_c is its own noise plus a_cd times that of each d before it
        loadings: list[list[Array]] = []
        for c, log_scale in enumerate(parts.log_scales):
            loading = [jnp.zeros_like(log_scale) for _ in range(c)] + [jnp.ones_like(log_scale)]
            for d, coefficient in enumerate(parts.coefficients[c]):
                for e, other in enumerate(loadings[d]):
                    loading[e] += coefficient * other
            loadings.append(loading)
            noise = zip(loading, parts.log_scales, strict=False)
            squares = sum((a * jnp.exp(log_s)) ** 2 for a, log_s in noise)
            within.append(NOISE_VARIANCE * jnp.asarray(squares))
        variances = []
        for mean, v in zip(parts.means(), within, strict=True):
            between = (weights * mean**2).sum(-2) - (weights * mean).sum(-2) ** 2
            variances.append((weights * jnp.minimum(v, LARGEST_VARIANCE)).sum(-2) + between)
        return jnp.stack(variances, axis=-1).reshape(*outputs.shape[:-1], -1)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        parts = self._parts(outputs)
        component_key, noise_key = jax.random.split(key)
        component = jax.random.categorical(component_key, parts.log_weights, axis=-2)
        chosen = jax.nn.one_hot(component, self.components, axis=-2)
        parts = jax.tree.map(lambda part: (chosen * part).sum(-2, keepdims=True), parts)
        x: list[Array] = []
        for c, channel_key in enumerate(jax.random.split(noise_key, len(parts.locations))):
            location = parts.location(c, x)
            noise = jax.random.logistic(channel_key, location.shape)
            x.append(nearest_level(location + jnp.exp(parts.log_scales[c]) * noise, self.levels))
        drawn = jnp.concatenate(x, axis=-2)  # [..., C, N]
        return jnp.swapaxes(drawn, -1, -2).reshape(*outputs.shape[:-1], -1)

    def _parts(self, outputs: Array, places: int | None = None) -> _Parts:
        """Reads the outputs; `places` is how many dimensions become N, all but P if None."""
        number = outputs.shape[-1] // self.components
        channels = math.isqrt(2 * number) - 1  # there are (C + 1) (C + 2) / 2 blocks
        blocks = iter(jnp.split(_places_last(outputs, places), number, axis=-2))
        log_init = math.log(self.scale_init)
        return _Parts(
            log_weights=jax.nn.log_softmax(next(blocks), axis=-2),
            locations=[next(blocks) for _ in range(channels)],
            log_scales=[log_init + bounded(next(blocks)) for _ in range(channels)],
            coefficients=[[jnp.tanh(next(blocks)) for _ in range(c)] for c in range(channels)],
        )


class _Parts(NamedTuple):
    """The parameters of a mixture: arrays [..., K, N] for N positions."""

    log_weights: Array
    locations: list[Array]  # of each channel, where those before it are 1/2
    log_scales: list[Array]
    coefficients: list[list[Array]]  # of each channel and each one before it

    def location(self, channel: int, x: list[Array]) -> Array:
        """Returns the location of a channel, given x [..., 1 or K, N] of at least those before."""
        location = self.locations[channel]
        for before, coefficient in zip(x, self.coefficients[channel], strict=False):
            location += coefficient * (before - 0.5)
        return location

    def means(self) -> list[Array]:
        """Returns the mean of each channel in each component."""
        means: list[Array] = []
        for channel in range(len(self.locations)):
            means.append(jnp.clip(self.location(channel, means), 0.0, 1.0))
        return means


def _places_last(array: Array, places: int | None) -> Array:
    """Moves [..., *places, P] to [..., P, N]: with the components last, a loop is too short."""
    leading = 0 if places is None else array.ndim - 1 - places
    flat = array.reshape(*array.shape[:leading], -1, array.shape[-1])
    return jnp.swapaxes(flat, -1, -2)
