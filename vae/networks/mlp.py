"""Fully connected encoder and decoder: dense layers, plain or gated.

The heads start small: the encoder's so that q(z | x) starts near N(0, 1), where the KL is near 0
and no scale is extreme; the decoder's so that its first outputs are near the output bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import SMALL, DenseLayer, starting_bias, with_code
from vae.probability.event import Event

Array = jax.Array


class Encoder(network.Encoder):
    """Encoder(widths, outputs): [B, *places, C] -> [B, outputs], float32.

    There are `blocks` layers of each of the `widths`; a gated layer has no `activation` but its
    gate. With the stem "log1p" they read log(1 + count), and the code of a condition as it is.
    """

    widths: tuple[int, ...]
    outputs: int
    event: Event | None = None
    stem: str = "none"
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    gated: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if self.stem == "log1p" and self.event:
            counts, code = jnp.split(x, [self.event.channels], axis=-1)
            raw = jnp.asarray(self.event.values.scale) * counts
            x = jnp.concatenate([jnp.log1p(raw), code], axis=-1)
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            for _ in range(self.blocks):
                x = DenseLayer(width, self.activation, self.gated, self.dtype)(x)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)


class Decoder(network.Decoder):
    """Decoder(widths, places, outputs): [..., D] -> [..., *places, outputs], float32.

    `outputs` counts the numbers at a position, all its channels together; the head's bias starts at
    `output_bias`, [*places, outputs] or None. The rest is as in the encoder.
    """

    widths: tuple[int, ...]
    places: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    gated: bool = False
    output_bias: Array | None = None

    @nn.compact
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        # Flatten the leading dimensions: with two, XLA makes kernel gradients of transposed copies.
        h = with_code(z, code)
        h = h.reshape(-1, h.shape[-1])
        for width in self.widths:
            for _ in range(self.blocks):
                h = DenseLayer(width, self.activation, self.gated, self.dtype)(h)

        shape = (*self.places, self.outputs)
        bias = starting_bias(self.output_bias, shape)
        head = nn.Dense(
            math.prod(shape),
            kernel_init=SMALL,
            bias_init=nn.initializers.constant(bias.reshape(-1)),
            dtype=jnp.float32,
            name="head",
        )
        return head(h).reshape(*z.shape[:-1], *shape)
