"""Decoders that read the example itself: p(x | z) = prod_i p(x_i | z, x_1, ..., x_{i-1}).

The L values of an example are in order: position after position, and within each the channels one
after the other. In training all of them are known, and one pass gives all outputs ("teacher
forcing"); in sampling a value is drawn when those before it have been (`models/emission.py`). Both
are `read`, of L values at once or of one. Every step is given z, so that the decoder uses it beside
what it reads (Bowman et al., "Generating sentences from a continuous space", 2016; images:
Gulrajani et al., "PixelVAE", 2017).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import SMALL, with_code
from vae.networks.transformer import HEADS, Block
from vae.probability.event import Event

Array = jax.Array

# The share of z has a variance of about 1 at first; a smaller embedding would be drowned by it.
EMBEDDING = nn.initializers.normal(0.5)
SIZES = {"lstm": (2, 4), "gru": (1, 3)}  # states and gates of a recurrent cell


class Decoder(network.Decoder):
    """z [..., B, D] and x [B, *places, C] to outputs [..., B, *places, P], float32.

    Attributes:
      widths: widths of the layers, `blocks` layers of each.
      event: its values are binary, levels or tokens, V of them.
      outputs: P, the numbers at a position, O for each of its channels.
      dtype: the type of the arithmetic.
      output_bias: [*places, P], or None: the head's bias starts at its mean over the values.
    """

    widths: tuple[int, ...]
    event: Event
    outputs: int
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None

    causal = True

    @abstractmethod
    def make_layers(self, widths: list[int]) -> list[nn.Module]:
        """Returns a layer per width: (h [N, T, F], memory, start) to h [N, T, width], memory."""

    @abstractmethod
    def first(self, given: Array) -> list[Any]:
        """Returns each layer's memory before the first value, for z and code [N, D + c]."""

    @property
    def sample_bytes(self) -> int:
        """Returns about how many bytes `__call__` holds for one z."""
        return 4 * self.event.size * (8 * max(self.widths) + self.outputs // self.event.channels)

    @property
    def number(self) -> int:
        """Returns V, the number of different values."""
        return cast(int, self.event.values.levels)

    def setup(self) -> None:
        width = self.widths[0]
        self.positions = self.param("positions", EMBEDDING, (self.event.size, width))
        self.values = nn.Dense(width, use_bias=False, kernel_init=EMBEDDING, dtype=self.dtype)
        self.given = nn.Dense(width, dtype=self.dtype)
        self.layers = self.make_layers([w for w in self.widths for _ in range(self.blocks)])
        self.norm = nn.LayerNorm(dtype=self.dtype)
        each = self.outputs // self.event.channels
        bias = jnp.zeros(each)
        if self.output_bias is not None:
            bias = jnp.asarray(self.output_bias).reshape(-1, each, self.event.channels).mean((0, 2))
        self.head = nn.Dense(
            each, kernel_init=SMALL, bias_init=nn.initializers.constant(bias), dtype=jnp.float32
        )

    def __call__(  # type: ignore[override]  # it reads x
        self, z: Array, code: Array | None = None, *, x: Array
    ) -> Array:
        """Returns the outputs of all values, each given those of x before it.

        Args:
          z: [..., B, D].
          code: [B, c], the code of the condition, or None.
          x: [B, *places, C].
        """
        leading = z.shape[:-1]
        before = self.to_numbers(x).reshape(len(x), -1)[:, :-1]
        before = jnp.pad(before, ((0, 0), (1, 0)), constant_values=self.number)
        outputs, _ = self.read(before, self.begin(z, code), 0)
        return self.assemble(outputs).reshape(*leading, *self.event.places, self.outputs)

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

    def begin(self, z: Array, code: Array | None = None) -> Any:
        """Returns the memory before the first value, of N = K B examples; code is [B, c]."""
        given = with_code(z, code)
        given = given.reshape(-1, given.shape[-1])
        return self.given(given)[:, None], self.first(given)

    def read(self, before: Array, memory: Any, start: Array | int) -> tuple[Array, Any]:
        """Reads what precedes the values start, ..., start + T - 1.

        Args:
          before: [B, T], the number of the value before each of them; V before the first of all.
          memory: the memory of N = K B examples, their z apart, from `begin` or the last call.
          start: [] the first value.

        Returns:
          Outputs [N, T, O] of these values, float32, and the memory with them.
        """
        given, layers = memory
        positions = jax.lax.dynamic_slice_in_dim(self.positions, start, before.shape[1])
        # One product: an accelerator would sum the gradient of a look-up in any order.
        h = self.values(jax.nn.one_hot(before, self.number + 1, dtype=self.dtype))
        h = h + positions.astype(self.dtype)
        h = (given.reshape(-1, *h.shape[:1], *given.shape[1:]) + h).reshape(-1, *h.shape[1:])
        grown = []
        for layer, past in zip(self.layers, layers, strict=True):
            h, past = layer(h, past, start)
            grown.append(past)
        return self.head(self.norm(h).astype(jnp.float32)), (given, grown)

    def assemble(self, outputs: Array) -> Array:
        """Returns the outputs [N, L, O] of all values as [N, *places, O C]."""
        outputs = outputs.reshape(len(outputs), *self.event.places, self.event.channels, -1)
        return jnp.swapaxes(outputs, -1, -2).reshape(len(outputs), *self.event.places, -1)


class Transformer(Decoder):
    """Layers of causal attention, all of one width, a multiple of HEADS."""

    def make_layers(self, widths: list[int]) -> list[nn.Module]:
        return [Block(self.dtype) for _ in widths]

    def first(self, given: Array) -> list[Any]:
        shape = (len(given), self.event.size, HEADS, self.widths[0] // HEADS)
        return [(jnp.zeros(shape, self.dtype),) * 2 for _ in self.layers]

    @property
    def sample_bytes(self) -> int:
        return super().sample_bytes + 4 * HEADS * self.event.size**2


class Recurrent(Decoder):
    """Layers that carry a state from value to value; z gives the first state."""

    cell: str = "lstm"

    def make_layers(self, widths: list[int]) -> list[nn.Module]:
        return [Layer(width, self.cell, self.dtype) for width in widths]

    def first(self, given: Array) -> list[Any]:
        return [layer.first(given) for layer in self.layers]


class Layer(nn.Module):
    """A recurrent layer: [N, T, F] -> [N, T, width].

    Attributes:
      width: the width of the state h.
      cell: "lstm" (Hochreiter and Schmidhuber, 1997), which adds a state c to h; or "gru" (Cho et
        al., 2014), with the reset gate after the product, so that one product makes all gates.
      dtype: the type of the products; the state is float32.
    """

    width: int
    cell: str
    dtype: jnp.dtype = jnp.float32

    def setup(self) -> None:
        states, gates = SIZES[self.cell]
        self.state = nn.Dense(states * self.width, dtype=self.dtype)
        self.inputs = nn.Dense(gates * self.width, dtype=self.dtype)
        self.recurrent = self.param("recurrent", _orthogonal, (self.width, gates * self.width))

    def first(self, given: Array) -> tuple[Array, ...]:
        """Returns the state before the first value, [N, width] each."""
        state = self.state(given).astype(jnp.float32)
        h, *c = jnp.split(state, SIZES[self.cell][0], axis=-1)
        return (jnp.tanh(h), *c)

    def __call__(self, x: Array, state: tuple, start: Array | int) -> tuple[Array, tuple]:
        turns: dict[str, Callable[..., tuple]] = {"lstm": lstm, "gru": gru}
        turn = turns[self.cell]
        kernel = self.recurrent.astype(self.dtype)

        def step(state: tuple, inputs: Array) -> tuple[tuple, Array]:
            product = (state[0].astype(self.dtype) @ kernel).astype(jnp.float32)
            state = turn(state, inputs.astype(jnp.float32), product)
            return state, state[0].astype(self.dtype)

        inputs = jnp.swapaxes(self.inputs(x), 0, 1)  # of all values in one product
        state, h = jax.lax.scan(step, state, inputs)
        return jnp.swapaxes(h, 0, 1), state


def lstm(state: tuple[Array, Array], inputs: Array, product: Array) -> tuple[Array, Array]:
    """Returns the next (h, c) [N, F]; inputs and h add [N, 4 F] each to the four gates."""
    into, forget, out, new = jnp.split(inputs + product, 4, axis=-1)
    # The forget gate keeps most of c at first (Jozefowicz et al., 2015).
    c = jax.nn.sigmoid(forget + 1) * state[1] + jax.nn.sigmoid(into) * jnp.tanh(new)
    return jax.nn.sigmoid(out) * jnp.tanh(c), c


def gru(state: tuple[Array], inputs: Array, product: Array) -> tuple[Array]:
    """Returns the next (h,) [N, F]; inputs and h add [N, 3 F] each to the two gates and to h."""
    (reset, update, new), (own_reset, own_update, own) = (
        jnp.split(a, 3, axis=-1) for a in (inputs, product)
    )
    update = jax.nn.sigmoid(update + own_update)
    new = jnp.tanh(new + jax.nn.sigmoid(reset + own_reset) * own)
    return ((1 - update) * new + update * state[0],)


def _orthogonal(key: Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
    """Returns a square orthogonal matrix for each gate, side by side."""
    width, columns = shape
    keys = jax.random.split(key, columns // width)
    each = [nn.initializers.orthogonal()(k, (width, width), dtype) for k in keys]
    return jnp.concatenate(each, axis=1)
