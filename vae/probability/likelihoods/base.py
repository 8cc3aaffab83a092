"""The contract of a likelihood, with its defaults; and sums over an example."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from vae.probability.event import Values

Array = jax.Array
Variables = dict[str, dict[str, Any]]


class Likelihood(Protocol):
    """p(x | z) of examples, given the decoder's outputs at every position; see the package.

    Subclass it with a frozen dataclass to write your own. The fields are what it is made with: any
    of

        event           the shape of an x and what its values mean, as the model is given them
        channels        C
        levels          how many levels the values have, or None
        largest         the largest count
        total           the median sum of a row of counts over training examples, or None
        classes         numbers in the code of the condition that the decoder is told, or 0

    and what is set as `likelihood_settings`. By default it takes numbers, and shares nothing over
    the examples.

    Attributes:
      discrete: whether p is a probability, not a density.
      in_turn: whether p of a channel depends on those before it at its position; a discrete one
        then has `log_next`.
      by_value: whether the outputs of a value are all that its p depends on, beside what all values
        share: then `log_each` knows it.
    """

    discrete: bool
    in_turn: bool = False
    by_value: bool = True

    def takes(self, values: Values) -> str | None:
        """Returns why x cannot have such values, or None where it can.

        The reason continues the sentence 'model.likelihood = "name" ...'.
        """
        return not_numbers(values)

    def log_levels(self, values: Values) -> float | None:
        """Returns log p(x) minus the log-probability of x's level, in nats a value.

        It is None where x has no levels: bits per dimension then have no meaning.
        """
        if self.discrete:
            return 0.0
        # The density of dequantised values is integrated over the width 1 / levels of a level.
        return math.log(values.levels) if values.kind == "real" and values.levels else None

    def reads_sum(self) -> bool:
        """Returns whether log p is that of values given their sum, which `sample` does not keep."""
        return False

    def init(self) -> Variables:
        """Returns the initial variables: learned `params`, and running averages `statistics`."""
        return {"params": {}, "statistics": {}}

    @abstractmethod
    def outputs(self, channels: int) -> int:
        """Returns P, how many numbers a decoder gives at each position, for C channels."""

    def of_code(self, code: Array | None, variables: Variables) -> Array | None:
        """Returns numbers [B, c] that depend on the condition alone; None where there are none.

        They are appended to what the decoder gives, at every position.

        Args:
          code: [B, classes], of the condition that the decoder is told, or None.
          variables: the likelihood's variables.
        """
        return None

    @abstractmethod
    def to_outputs(self, mean: Array) -> Array:
        """Returns outputs [*places, P] with this mean [*places, C], at which a decoder starts."""

    @abstractmethod
    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        """Returns log p(x | z) [..., B] in nats; see `sum_values`.

        Args:
          outputs: [..., B, *places, P].
          x: [B, *places, C].
          variables: the likelihood's variables.
          mask: [B, *places], True at the positions whose values are summed; None sums all.
        """

    def log_each(self, outputs: Array, x: Array, variables: Variables) -> Array:
        """Returns log p [N, V] of each of the values x [V], for one value's outputs [N, 1.., O].

        There is one position, and one channel.
        """
        x = x.reshape(-1, *(1 for _ in outputs.shape[1:]))
        outputs = jnp.broadcast_to(outputs[:, None], (len(outputs), len(x), *outputs.shape[1:]))
        return self.log_prob(outputs, x, variables)

    def log_next(self, outputs: Array, before: Array, x: Array, variables: Variables) -> Array:
        """Returns log p [N, V] of each of the values x [V] of the channel after those `before`.

        Args:
          outputs: [N, P], of N positions.
          before: [N, c], the values of the first c channels.
          x: [V].
          variables: the likelihood's variables.
        """
        raise TypeError(f"the channels of a {type(self).__name__} do not go in turn")

    def update(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> dict[str, Array]:
        """Returns the statistics after this batch."""
        return {}

    def typical(self, outputs: Array) -> Array:
        """Returns what a person is shown of p(x | z), [..., *places, C]: by default its mean."""
        return self.mean(outputs)

    @abstractmethod
    def mean(self, outputs: Array) -> Array:
        """Returns the mean of p(x | z), [..., *places, C]."""

    @abstractmethod
    def variance(self, outputs: Array, variables: Variables) -> Array:
        """Returns the variance of every value, [..., *places, C]."""

    @abstractmethod
    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        """Draws from p(x | z), [..., *places, C]."""


def not_numbers(values: Values) -> str | None:
    """Returns why a likelihood of numbers does not take these values, or None where it does."""
    if values.kind == "tokens":
        return 'is of numbers, but the data are tokens: use "categorical".'
    return None


def not_levels(values: Values) -> str | None:
    """Returns why a probability of levels does not take these values, or None where it does."""
    if values.kind == "real" and values.levels:
        return "needs the levels, which data.dequantize takes away: set it to False."
    if values.levels is None:
        return (
            "needs values of equally spaced levels, but the data are continuous over "
            f'[{values.low:g}, {values.high:g}]: use "gaussian".'
        )
    return not_numbers(values)


def not_grey(values: Values) -> str | None:
    """Returns why a likelihood on [0, 1] does not take these values, or None where it does."""
    if values.kind == "counts":
        return (
            f'is for grey values, but the data are counts up to {values.scale:g}: use "poisson" '
            'or "negative_binomial", or save grey values as uint8.'
        )
    if values.kind != "tokens" and not (values.low >= 0 and values.high <= 1):
        return (
            "needs values in [0, 1], but the data range over "
            f'[{values.low:g}, {values.high:g}]: rescale them, or use "gaussian".'
        )
    return not_numbers(values)


def sum_values(
    log_prob: Callable[..., Array], x: Array, *outputs: Array, mask: Array | None = None
) -> Array:
    """Sums a function of single values over positions and channels.

    The summed dimensions are flattened first: on a CPU, XLA's loops over several small ones are
    tens of times slower.

    Args:
      log_prob: an elementwise function of x and the outputs.
      x: [B, *places, C].
      outputs: [..., B, *places, C], or [] if all values share it.
      mask: [B, *places], where values are summed; everywhere if None.

    Returns:
      The sums, [..., B].
    """

    def flat(a: Array) -> Array:
        return a.reshape(*a.shape[: a.ndim - x.ndim + 1], -1) if a.ndim else a

    each = log_prob(*map(flat, (x, *outputs)))
    if mask is not None:
        each = jnp.where(flat(jnp.broadcast_to(mask[..., None], x.shape)), each, 0.0)
    return each.sum(-1)


def softplus(x: Array) -> Array:
    """Returns log(1 + exp(x)), on a CPU in a quarter of the time of jax.nn.softplus."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def bounded(raw: Array, bound: float = 5.0) -> Array:
    """Returns bound tanh(raw / bound): nearly `raw` around 0, and never beyond the bound.

    It bounds the logarithm of a scale that a decoder gives; e^5 is a factor of 148. Otherwise a
    value that can be predicted exactly (a border that is always black) would draw its scale to 0
    and the density to infinity.
    """
    return bound * jnp.tanh(raw / bound)


def logit(mean: Array, lowest: float, highest: float) -> Array:
    """Returns log(mean / (1 - mean)) of the mean clipped to [lowest, highest] within (0, 1)."""
    mean = jnp.clip(mean, lowest, highest)
    return jnp.log(mean) - jnp.log1p(-mean)
