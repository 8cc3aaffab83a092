"""Categorical likelihoods: a probability for every level of every value, and for every token."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jax.scipy.special import betaln

from vae.probability.event import Event, Values
from vae.probability.likelihoods.base import Array, Likelihood, Variables, not_levels


@dataclasses.dataclass(frozen=True)
class Categorical(Likelihood):
    """p(x = l / (L - 1)) = softmax(logits)_l, for L equally spaced levels in [0, 1].

    (van den Oord et al. 2016, "Pixel recurrent neural networks", section 3.3.)
    """

    levels: int

    discrete = True

    @classmethod
    def build(cls, levels: int, event: Event) -> Categorical:
        """Returns the likelihood for the values of an event, which may be tokens."""
        return (Tokens if event.values.kind == "tokens" else cls)(levels)

    def takes(self, values: Values) -> str | None:
        return not_levels(values)

    def outputs(self, channels: int) -> int:
        return self.levels * channels

    def to_outputs(self, mean: Array) -> Array:
        # The beta-binomial with alpha + beta = 2 is broad (uniform at 1/2) and has just this mean.
        alpha = 2 * jnp.clip(mean, 0.005, 0.995)[..., None, :]
        level, last = jnp.arange(self.levels)[:, None], self.levels - 1
        log_choose = -betaln(level + 1, last - level + 1)
        logits = log_choose + betaln(level + alpha, last - level + 2 - alpha)
        return logits.reshape(*mean.shape[:-1], -1)

    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        logits = self._logits(outputs)
        each = self._each(logits, x)
        if mask is not None:
            each = jnp.where(mask[..., None], each, 0.0)
        return each.sum(tuple(range(1 - x.ndim, 0)))

    def log_each(self, outputs: Array, x: Array, variables: Variables) -> Array:
        return jax.nn.log_softmax(outputs.reshape(len(outputs), -1))

    def mean(self, outputs: Array) -> Array:
        probabilities = jax.nn.softmax(self._logits(outputs), axis=-2)
        return (probabilities * jnp.linspace(0, 1, self.levels)[:, None]).sum(-2)

    def variance(self, outputs: Array, variables: Variables) -> Array:
        probabilities = jax.nn.softmax(self._logits(outputs), axis=-2)
        distance = jnp.linspace(0, 1, self.levels)[:, None] - self.mean(outputs)[..., None, :]
        return (probabilities * distance**2).sum(-2)

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        return jax.random.categorical(key, self._logits(outputs), axis=-2) / (self.levels - 1)

    def _each(self, logits: Array, x: Array) -> Array:
        """Returns the log-probability of every value of x [B, *places, C], [..., *places, C]."""
        level = jnp.round(x * (self.levels - 1))[..., None, :]
        # Comparing with every level keeps a scatter out of the gradient.
        own = jnp.where(level == jnp.arange(self.levels)[:, None], logits, 0.0).sum(-2)
        return own - jax.nn.logsumexp(logits, axis=-2)

    def _logits(self, outputs: Array) -> Array:
        """Returns the outputs as [..., *places, L, C]."""
        return outputs.reshape(*outputs.shape[:-1], self.levels, -1)


@dataclasses.dataclass(frozen=True)
class Tokens(Categorical):
    """p(x = t) = softmax(logits)_t, for the tokens t = 0, ..., L - 1 of a vocabulary.

    Tokens have no order: their mean is no token, and a decoder starts at outputs for which all are
    equally probable.
    """

    def takes(self, values: Values) -> str | None:
        return None if values.kind == "tokens" else "of tokens is given numbers."

    def to_outputs(self, mean: Array) -> Array:
        return jnp.zeros((*mean.shape[:-1], self.outputs(mean.shape[-1])))

    def typical(self, outputs: Array) -> Array:
        return self._logits(outputs).argmax(-2).astype(jnp.int32)

    def mean(self, outputs: Array) -> Array:
        raise TypeError("tokens have no mean; `typical` gives the most probable ones.")

    def variance(self, outputs: Array, variables: Variables) -> Array:
        raise TypeError("tokens have no variance.")

    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        return jax.random.categorical(key, self._logits(outputs), axis=-2).astype(jnp.int32)

    def _each(self, logits: Array, x: Array) -> Array:
        # A CPU is many times slower along another axis than the last.
        logits = jnp.moveaxis(logits, -2, -1)
        shape = jnp.broadcast_shapes(x.shape, logits.shape[:-1])
        logits = jnp.broadcast_to(logits, (*shape, self.levels)).reshape(-1, self.levels)
        return log_softmax_at(logits, jnp.broadcast_to(x, shape).reshape(-1)).reshape(shape)


@jax.custom_vjp
def log_softmax_at(logits: Array, number: Array) -> Array:
    """Returns log softmax(logits)_n [N] for logits [N, L] and numbers n [N].

    With thousands of tokens each pass over the logits counts. The gradient, one-hot(n) - softmax,
    is one pass, from nothing that is kept but the logits and their sum.
    """
    return _log_softmax_at(logits, number)[0]


def _log_softmax_at(logits: Array, number: Array) -> tuple[Array, tuple[Array, ...]]:
    largest = logits.max(-1)
    log_sum = jnp.log(jnp.exp(logits - largest[..., None]).sum(-1)) + largest
    own = jnp.take_along_axis(logits, jnp.maximum(number, 0)[..., None], -1)[..., 0]
    return own - log_sum, (logits, number, log_sum)


def _slope(kept: tuple[Array, ...], slope: Array) -> tuple[Array, None]:
    logits, number, log_sum = kept
    one_hot = number[..., None] == jnp.arange(logits.shape[-1])
    return slope[..., None] * (one_hot - jnp.exp(logits - log_sum[..., None])), None


log_softmax_at.defvjp(_log_softmax_at, _slope)
