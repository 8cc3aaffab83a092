"""Residual encoder and decoder: residual blocks at each resolution, attention at the small ones.

An axis of length n shrinks to ceil(n/2), ceil(n/4), ...; the first width has the example's size.
Between two sizes stands a linear stride-2 convolution, or its transpose. A normalisation and an
activation follow the blocks, before the head, which starts small, as in `mlp`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import (
    LINEAR,
    SMALL,
    Stage,
    group_norm,
    over_places,
    starting_bias,
    with_code,
)
from vae.networks.strided import Conv, ConvTranspose, halvings, he_normal_transposed

Array = jax.Array


class Encoder(network.Encoder):
    """Encoder(widths, outputs): [B, *places, C] -> [B, outputs], float32."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    remat: bool = False

    ranks = (1, 2, 3)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for i, width in enumerate(self.widths):
            kernel_size, stride = (4, 2) if i > 0 else (3, 1)
            x = Conv(width, kernel_size, stride, self.dtype, LINEAR)(x)
            x = Stage(width, self.blocks, self.activation, self.dtype, self.remat)(x)
        x = self.activation(group_norm(x, self.dtype)).reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)


class Decoder(network.Decoder):
    """Decoder(widths, places, outputs): [..., D] -> [..., *places, outputs], float32.

    `widths` runs from the smallest grid up to the example. `outputs` and `output_bias` are as in
    `conv.Decoder`.
    """

    widths: tuple[int, ...]
    places: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    remat: bool = False
    output_bias: Array | None = None

    ranks = (1, 2, 3)

    @nn.compact
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        grids = halvings(self.places, len(self.widths) - 1)
        grid = (*grids.pop(), self.widths[0])

        h = with_code(z, code)
        h = h.reshape(-1, h.shape[-1])
        h = nn.Dense(math.prod(grid), kernel_init=LINEAR, dtype=self.dtype)(h).reshape(-1, *grid)
        for i, width in enumerate(self.widths):
            if i > 0:
                kernel_init = he_normal_transposed(2, scale=1.0)
                h = ConvTranspose(width, dtype=self.dtype, kernel_init=kernel_init)(h, grids.pop())
            h = Stage(width, self.blocks, self.activation, self.dtype, self.remat)(h)
        h = self.activation(group_norm(h, self.dtype))

        bias = starting_bias(self.output_bias, (*self.places, self.outputs))
        head = Conv(
            self.outputs,
            kernel_size=3,
            stride=1,
            kernel_init=SMALL,
            bias_init=nn.initializers.constant(over_places(bias)),
            dtype=jnp.float32,
            name="head",
        )
        return head(h).reshape(*z.shape[:-1], *self.places, self.outputs)
