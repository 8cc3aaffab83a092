"""A causal decoder of dilated convolutions: a WaveNet that is given z.

(van den Oord et al., "WaveNet: a generative model for raw audio", 2016.) A layer with dilation d
reads h at t and at t - d, and z at every step:

    u_t = tanh(a_t) sigmoid(b_t),    (a_t, b_t) = h_{t-d} A + h_t B + z V + c
    h_t + u_t R                      what the next layer reads
    sum over layers u_t S            what the outputs are made of ("skip")

Dilations are 1, 2, 4, ... within a stack, so that it sees 2^layers values back. All values at once
are convolutions; one value after the other needs the last d values of h in each layer, a ring of
which one is read and one replaced, whatever the length of x (Paine et al., "Fast WaveNet generation
algorithm", 2016).
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import GATED, HE, LINEAR, SMALL, with_code
from vae.networks.in_order import Causal
from vae.networks.maps import LAYOUTS
from vae.networks.vocabulary import SCALE, Embedding

Array = jax.Array

SKIP = 2  # numbers that a layer gives to the outputs, over its width


class WaveNet(Causal):
    """`blocks` stacks of layers, each with a layer for each of the widths, which are equal."""

    def setup(self) -> None:
        width, layers = self.widths[0], len(self.widths) * self.blocks
        self.values = Embedding(self.number + 1, width, dtype=self.dtype)  # V stands before all
        if self.event.channels > 1:
            shape = (self.event.channels, width)
            self.channels = self.param("channels", nn.initializers.normal(SCALE), shape)
        self.given = nn.Dense(layers * 2 * width, dtype=self.dtype)
        self.layers = [
            Layer(width, 2**i, self.dtype)
            for _ in range(self.blocks)
            for i in range(len(self.widths))
        ]
        self.hidden = nn.Dense(SKIP * width, kernel_init=HE, dtype=self.dtype)
        self.head = nn.Dense(
            self.outputs // self.event.channels,
            kernel_init=SMALL,
            bias_init=self.first_bias,
            dtype=jnp.float32,
        )

    @property
    def sample_bytes(self) -> int:
        """Returns about how many bytes `__call__` holds for one z."""
        layers = 8 * self.widths[0] * len(self.widths) * self.blocks
        return 4 * self.event.size * (layers + self.outputs // self.event.channels)

    def begin(self, z: Array, code: Array | None = None, length: int | None = None) -> Any:
        given = with_code(z, code)
        given = self.given(given.reshape(-1, given.shape[-1]))[:, None]
        return given, [layer.blank(given.shape[0]) for layer in self.layers]

    def read(
        self, before: Array, memory: Any, start: Array | int, keys: Array | None = None
    ) -> tuple[Array, Any]:
        given, rings = memory
        h = self.values(before)
        if self.event.channels > 1:
            channel = (start + jnp.arange(before.shape[1])) % self.event.channels
            h = h + self.channels[channel].astype(self.dtype)
        samples = given.shape[0] // before.shape[0]
        h = jnp.broadcast_to(h, (samples, *h.shape)).reshape(-1, *h.shape[1:])
        total, grown = jnp.zeros((), self.dtype), []
        own = jnp.split(given, len(self.layers), axis=-1)
        for layer, told, ring in zip(self.layers, own, rings, strict=True):
            h, skip, ring = layer(h, told, ring, start)
            total = total + skip
            grown.append(ring)
        h = nn.relu(self.hidden(nn.relu(total / math.sqrt(len(self.layers)))))
        return self.head(h.astype(jnp.float32)), (given, grown)


class Layer(nn.Module):
    """Reads h [N, T, width] and what it is told of z [N, 1, 2 width].

    Attributes:
      width: of h.
      dilation: d, how many values back it reads.
      dtype: the type of the arithmetic.
    """

    width: int
    dilation: int
    dtype: jnp.dtype = jnp.float32

    def setup(self) -> None:
        self.kernel = self.param("kernel", GATED, (2, self.width, 2 * self.width))
        self.out = nn.Dense((1 + SKIP) * self.width, kernel_init=_skipped, dtype=self.dtype)

    def blank(self, number: int) -> Array:
        """Returns the ring before the first value: h_t will be at t mod d, [number, d, width]."""
        return jnp.zeros((number, self.dilation, self.width), self.dtype)

    def __call__(
        self, h: Array, told: Array, ring: Array, start: Array | int
    ) -> tuple[Array, Array, Array]:
        """Returns the next h, the skip [N, T, SKIP width], and the ring with h."""
        kernel = self.kernel.astype(self.dtype)
        if h.shape[1] == 1:
            slot = start % self.dilation
            past = jax.lax.dynamic_slice_in_dim(ring, slot, 1, axis=1)
            ring = jax.lax.dynamic_update_slice_in_dim(ring, h, slot, axis=1)
            gates = past @ kernel[0] + h @ kernel[1]
        else:
            every = jnp.concatenate([jnp.roll(ring, -start, axis=1), h], axis=1)
            ring = jnp.roll(every[:, h.shape[1] :], start + h.shape[1], axis=1)
            gates = jax.lax.conv_general_dilated(
                every,
                kernel,
                (1,),
                "VALID",
                rhs_dilation=(self.dilation,),
                dimension_numbers=LAYOUTS[1],
            )
        a, b = jnp.split(gates + told, 2, axis=-1)
        residual, skip = jnp.split(self.out(nn.tanh(a) * nn.sigmoid(b)), [self.width], axis=-1)
        return h + residual, skip, ring


def _skipped(key: Array, shape: tuple[int, int], dtype: Any = jnp.float32) -> Array:
    """Returns a kernel whose first numbers, beside the skip connection, are 0 at first."""
    width = shape[0]
    return LINEAR(key, shape, dtype).at[:, :width].set(0.0)
