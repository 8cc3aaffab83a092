"""Causal decoders of recurrent layers and of attention, see `in_order.py`."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import SMALL, with_code
from vae.networks.in_order import Causal, kept
from vae.networks.transformer import HEADS, Block
from vae.networks.vocabulary import SCALE, Embedding

Array = jax.Array

EMBEDDING = nn.initializers.normal(SCALE)
SIZES = {"lstm": (2, 4), "gru": (1, 3)}  # states and gates of a recurrent cell


class Decoder(Causal):
    """Layers that each have a memory; a learned vector tells them the position.

    Attributes:
      dropout: the share of the numbers that `Dropout` drops in and after the layers.
      tied_embeddings: whether values are read and answered by one table, see `vocabulary.py`.
      latent_input: where z is given: "everywhere", as "state", at all "steps", or as "prefix".
    """

    dropout: float = 0.0
    tied_embeddings: bool = False
    latent_input: str = "everywhere"

    @abstractmethod
    def make_layers(self, widths: list[int]) -> list[nn.Module]:
        """Returns a layer per width: (h [N, T, F], memory, start) to h [N, T, width], memory.

        Each is given `drop`, which it applies where it drops numbers.
        """

    @abstractmethod
    def first(self, given: Array, length: int) -> list[Any]:
        """Returns each layer's memory before the first of `length` values.

        It is made from z and code [N, D + c] where these are the first state.
        """

    @property
    def random(self) -> bool:
        return super().random or self.dropout > 0

    @property
    def sample_bytes(self) -> int:
        """Returns about how many bytes `__call__` holds for one z."""
        return 4 * self.event.size * (8 * max(self.widths) + self.outputs // self.event.channels)

    def setup(self) -> None:
        width, tied = self.widths[0], self.tied_embeddings
        self.positions = self.param("positions", EMBEDDING, (self.event.size, width))
        # Before the first value stands V, a number of its own; a tied table has none.
        self.values = Embedding(self.number + (not tied), width, tied, self.dtype)
        self.given = nn.Dense(width, dtype=self.dtype)
        self.layers = self.make_layers([w for w in self.widths for _ in range(self.blocks)])
        self.norm = nn.LayerNorm(dtype=self.dtype)
        each = self.outputs // self.event.channels
        if tied:
            self.bias = self.param("bias", self.first_bias, (each,))
        else:
            self.head = nn.Dense(
                each, kernel_init=SMALL, bias_init=self.first_bias, dtype=jnp.float32
            )

    def begin(self, z: Array, code: Array | None = None, length: int | None = None) -> Any:
        given = with_code(z, code)
        given = given.reshape(-1, given.shape[-1])
        nothing = jnp.zeros((given.shape[0], 1, self.widths[0]), self.dtype)
        h = nothing if self.latent_input == "state" else self.given(given)[:, None]
        memory = self.first(given, (length or self.event.size) + self._prefix)
        if not self._prefix:
            return h, memory
        return nothing, self._pass(h, memory, 0, Dropout(0.0))[1]

    @property
    def _prefix(self) -> int:
        return int(self.latent_input == "prefix")

    def read(
        self, before: Array, memory: Any, start: Array | int, keys: Array | None = None
    ) -> tuple[Array, Any]:
        given, layers = memory
        positions = jax.lax.dynamic_slice_in_dim(self.positions, start, before.shape[1])
        h = self.values(before) + positions.astype(self.dtype)
        h = (given.reshape(-1, *h.shape[:1], *given.shape[1:]) + h).reshape(-1, *h.shape[1:])
        drop = Dropout(self.dropout, keys)
        h, layers = self._pass(h, layers, start + self._prefix, drop)
        h = drop(self.norm(h))
        if self.tied_embeddings:
            return self.values.logits(h, self.bias), (given, layers)
        return self.head(h.astype(jnp.float32)), (given, layers)

    def _pass(
        self, h: Array, memory: list[Any], start: Array | int, drop: Callable[[Array], Array]
    ) -> tuple[Array, list[Any]]:
        grown = []
        for layer, past in zip(self.layers, memory, strict=True):
            h, past = layer(h, past, start, drop=drop)
            grown.append(past)
        return h, grown


class Transformer(Decoder):
    """Layers of causal attention, all of one width, a multiple of HEADS."""

    def make_layers(self, widths: list[int]) -> list[nn.Module]:
        return [Block(self.dtype) for _ in widths]

    def first(self, given: Array, length: int) -> list[Any]:
        shape = (given.shape[0], length, HEADS, self.widths[0] // HEADS)
        return [(jnp.zeros(shape, self.dtype),) * 2 for _ in self.layers]

    @property
    def sample_bytes(self) -> int:
        return super().sample_bytes + 4 * HEADS * self.event.size**2


class Recurrent(Decoder):
    """Layers that carry a state from value to value."""

    cell: str = "lstm"

    def make_layers(self, widths: list[int]) -> list[nn.Module]:
        return [Layer(width, self.cell, self.dtype) for width in widths]

    def first(self, given: Array, length: int) -> list[Any]:
        if self.latent_input in ("everywhere", "state"):
            return [layer.first(given) for layer in self.layers]
        return [layer.blank(given.shape[0]) for layer in self.layers]


class Dropout:
    """Drops numbers of h [N, T, F]: the same at all positions and in all samples of an example.

    (Gal and Ghahramani, "A theoretically grounded application of dropout in recurrent neural
    networks", 2016.) Each call drops others. Noise belongs to an example: N = K B.
    """

    def __init__(self, rate: float, keys: Array | None = None):
        self._rate, self._keys, self._calls = rate, keys, itertools.count(1)

    def __call__(self, h: Array) -> Array:
        if self._keys is None or not self._rate:
            return h
        there = kept(self._rate, self._keys, next(self._calls), h.shape[-1:])
        scale = (there / (1 - self._rate)).astype(h.dtype)[:, None]
        return (h.reshape(-1, len(there), *h.shape[1:]) * scale).reshape(h.shape)


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

    def blank(self, number: int) -> tuple[Array, ...]:
        """Returns a state of zeros, [number, width] each."""
        return (jnp.zeros((number, self.width)),) * SIZES[self.cell][0]

    def __call__(
        self,
        x: Array,
        state: tuple,
        start: Array | int = 0,
        *,
        present: Array | None = None,
        drop: Callable[[Array], Array] = lambda h: h,
    ) -> tuple[Array, tuple]:
        """Reads x [N, T, F]; the state stays as it is where `present` [N, T] is False."""
        turns: dict[str, Callable[..., tuple]] = {"lstm": lstm, "gru": gru}
        turn = turns[self.cell]
        kernel = self.recurrent.astype(self.dtype)

        def step(state: tuple, read: tuple[Array, Array | None]) -> tuple[tuple, Array]:
            inputs, there = read
            product = (state[0].astype(self.dtype) @ kernel).astype(jnp.float32)
            after = turn(state, inputs.astype(jnp.float32), product)
            if there is not None:
                after = jax.tree.map(lambda new, old: jnp.where(there, new, old), after, state)
            return after, after[0].astype(self.dtype)

        inputs = jnp.swapaxes(self.inputs(drop(x)), 0, 1)  # of all values in one product
        there = None if present is None else present.T[..., None]
        state, h = jax.lax.scan(step, state, (inputs, there))
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
