"""Decoders that read the example itself: p(x | z) = prod_i p(x_i | z, x_1, ..., x_{i-1}).

The L values of an example are in order: position after position, and within each the channels one
after the other. In training all of them are known, and one pass gives all outputs ("teacher
forcing"); in sampling a value is drawn when those before it have been (`models/emission.py`). Both
are `read`, of L values at once or of one. Usually every step is given z, so that the decoder uses
it beside what it reads (Bowman et al., "Generating sentences from a continuous space", 2016;
images: Gulrajani et al., "PixelVAE", 2017).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.probability.distributions import draw_each
from vae.probability.event import Event

Array = jax.Array

MISSING = -1  # a number whose vector is zeros


class Causal(network.Decoder):
    """z [..., B, D] and x [B, *places, C] to outputs [..., B, *places, P], float32.

    Attributes:
      widths: widths of the layers, `blocks` layers of each.
      event: its values are binary, levels or tokens, V of them.
      outputs: P, the numbers at a position, O for each of its channels.
      dtype: the type of the arithmetic.
      output_bias: [*places, P], or None: the head's bias starts at its mean over the values.
      word_dropout: the share of the values that it does not read (Bowman et al., 2016).
    """

    widths: tuple[int, ...]
    event: Event
    outputs: int
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None
    word_dropout: float = 0.0

    causal = True

    @property
    def random(self) -> bool:
        return self.word_dropout > 0

    @property
    def number(self) -> int:
        """Returns V, the number of different values."""
        return cast(int, self.event.values.levels)

    @property
    def first_bias(self) -> Callable[..., Array]:
        """Returns the initialiser of the bias [O] of a value's outputs."""
        each = self.outputs // self.event.channels
        if self.output_bias is None:
            return nn.initializers.zeros
        bias = jnp.asarray(self.output_bias).reshape(-1, each, self.event.channels)
        return nn.initializers.constant(bias.mean((0, 2)))

    def __call__(  # type: ignore[override]  # it reads x
        self, z: Array, code: Array | None = None, *, x: Array, keys: Array | None = None
    ) -> Array:
        """Returns the outputs of all values, each given those of x before it.

        Args:
          z: [..., B, D].
          code: [B, c], the code of the condition, or None.
          x: [B, *places, C]; these may be fewer places than the event's.
          keys: [B], with which values and numbers are dropped; None drops none.
        """
        before = self.to_numbers(x).reshape(len(x), -1)[:, :-1]
        before = jnp.pad(before, ((0, 0), (1, 0)), constant_values=self.number)
        memory = self.begin(z, code, before.shape[1])
        if keys is not None and self.word_dropout:
            read = kept(self.word_dropout, keys, 0, before.shape[1:])
            before = jnp.where(read | (before == self.number), before, MISSING)
        outputs, _ = self.read(before, memory, 0, keys)
        outputs = outputs.reshape(len(outputs), *x.shape[1:], -1)
        outputs = jnp.swapaxes(outputs, -1, -2)
        return outputs.reshape(*z.shape[:-1], *x.shape[1:-1], self.outputs)

    def to_numbers(self, x: Array) -> Array:
        """Returns the numbers 0, ..., V - 1 of the values nearest to x, int32."""
        if self.event.values.kind == "tokens":
            return x
        last = self.number - 1
        return jnp.round(jnp.clip(x, 0, 1) * last).astype(jnp.int32)

    def from_numbers(self, numbers: Array) -> Array:
        """Returns the values x of these numbers."""
        if self.event.values.kind == "tokens":
            return numbers
        return numbers / (self.number - 1)

    @abstractmethod
    def begin(self, z: Array, code: Array | None = None, length: int | None = None) -> Any:
        """Returns the memory before the first value, of N = K B examples.

        Args:
          z: [..., B, D].
          code: [B, c], or None.
          length: how many values are read; those of the event if None.
        """

    @abstractmethod
    def read(
        self, before: Array, memory: Any, start: Array | int, keys: Array | None = None
    ) -> tuple[Array, Any]:
        """Reads what precedes the values start, ..., start + T - 1.

        Args:
          before: [B, T], the number of the value before each of them; V before the first of all.
          memory: the memory of N = K B examples, their z apart, from `begin` or the last call.
          start: [] the first value.
          keys: [B], with which numbers are dropped; None drops none.

        Returns:
          Outputs [N, T, O] of these values, float32, and the memory with them.
        """


def kept(rate: float, keys: Array, call: int, shape: tuple[int, ...]) -> Array:
    """Draws which are kept, [B, *shape], from keys [B]."""

    def draw(key: Array) -> Array:
        return jax.random.bernoulli(jax.random.fold_in(key, call), 1 - rate, shape)

    return draw_each(draw, keys)
