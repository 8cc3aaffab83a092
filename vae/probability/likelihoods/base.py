"""What a likelihood is, with its defaults; and sums over an example."""

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
    """p(x | z) of examples, given what the decoder puts out for every place; see the package.

    A likelihood of one's own is a frozen dataclass that is a subclass. Its fields are what it is
    made with: any of

        event           the shape of an x and what its values mean, as the model is given them
        channels        C
        levels          how many levels the values have, or None
        largest         the largest count

    and what is set as `likelihood_settings`. By default it is of numbers, and shares nothing over
    the examples.

    Attributes:
      discrete: whether p is a probability, and not a density.
    """

    discrete: bool

    def takes(self, values: Values) -> str | None:
        """Why x cannot be of such values, None where it can.

        It goes on from 'model.likelihood = "name" ...'.
        """
        return not_numbers(values)

    def log_levels(self, values: Values) -> float | None:
        """What log p(x) lacks of the log-probability of a level, in nats a value.

        None where it has none, and so bits per dimension have no meaning.
        """
        if self.discrete:
            return 0.0
        # A density of dequantised values, integrated over the width 1 / levels of a level.
        return math.log(values.levels) if values.kind == "real" and values.levels else None

    def init(self) -> Variables:
        """The initial variables: `params` are learned, `statistics` are running averages."""
        return {"params": {}, "statistics": {}}

    @abstractmethod
    def outputs(self, channels: int) -> int:
        """P, how many numbers a decoder gives at each place, for examples of so many channels."""

    @abstractmethod
    def to_outputs(self, mean: Array) -> Array:
        """[*places, P] of this mean [*places, C]: where a decoder starts."""

    @abstractmethod
    def log_prob(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> Array:
        """log p(x | z) [..., B] in nats; see `sum_values`.

        Args:
          outputs: [..., B, *places, P].
          x: [B, *places, C].
          variables: of the likelihood.
          mask: [B, *places], True at the places whose values are summed; all of them where None.
        """

    def update(
        self, outputs: Array, x: Array, variables: Variables, mask: Array | None = None
    ) -> dict[str, Array]:
        """The statistics as these values of a batch leave them."""
        return {}

    def typical(self, outputs: Array) -> Array:
        """What a person is shown of p(x | z), [..., *places, C]: its mean."""
        return self.mean(outputs)

    @abstractmethod
    def mean(self, outputs: Array) -> Array:
        """The mean of p(x | z), [..., *places, C]."""

    @abstractmethod
    def variance(self, outputs: Array, variables: Variables) -> Array:
        """The variance of every value, [..., *places, C]."""

    @abstractmethod
    def sample(self, outputs: Array, variables: Variables, *, key: Array) -> Array:
        """A draw from p(x | z), [..., *places, C]."""


def not_numbers(values: Values) -> str | None:
    """What a likelihood of numbers says of values that are none."""
    if values.kind == "tokens":
        return 'is of numbers, but the data are tokens: use "categorical".'
    return None


def not_levels(values: Values) -> str | None:
    """What a probability of levels says of values that are none."""
    if values.kind == "real" and values.levels:
        return "needs the levels, which data.dequantize takes away: set it to False."
    if values.levels is None:
        return (
            "needs values of equally spaced levels, but the data are continuous over "
            f'[{values.low:g}, {values.high:g}]: use "gaussian".'
        )
    return not_numbers(values)


def not_grey(values: Values) -> str | None:
    """What a likelihood of values in [0, 1] says of others."""
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
    """Sums a function of single values over the places and the channels.

    These dimensions are made one first: on a CPU, XLA's loops over several small ones are tens of
    times slower.

    Args:
      log_prob: elementwise, of x and the outputs.
      x: [B, *places, C].
      outputs: [..., B, *places, C], or [] what all values share.
      mask: [B, *places] where it is summed; everywhere if None.

    Returns:
      [..., B].
    """

    def flat(a: Array) -> Array:
        return a.reshape(*a.shape[: a.ndim - x.ndim + 1], -1) if a.ndim else a

    each = log_prob(*map(flat, (x, *outputs)))
    if mask is not None:
        each = jnp.where(flat(jnp.broadcast_to(mask[..., None], x.shape)), each, 0.0)
    return each.sum(-1)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)); on a CPU in a quarter of the time of jax.nn.softplus."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(-jnp.abs(x)))


def bounded(raw: Array, bound: float = 5.0) -> Array:
    """bound tanh(raw / bound): nearly `raw` around 0, and never beyond the bound.

    It keeps what a decoder says of the logarithm of a scale sensible; e^5 is a factor of 148. A
    value that can be predicted exactly (a border that is always black) would otherwise draw its
    scale to 0 and the density to infinity.
    """
    return bound * jnp.tanh(raw / bound)


def logit(mean: Array, lowest: float, highest: float) -> Array:
    """log(mean / (1 - mean)) of the mean clipped to [lowest, highest], both within (0, 1)."""
    mean = jnp.clip(mean, lowest, highest)
    return jnp.log(mean) - jnp.log1p(-mean)
