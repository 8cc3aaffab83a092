"""Fully convolutional encoder and decoder of latents that keep their places: a first stage.

(The autoencoders of Esser et al., "Taming transformers for high-resolution image synthesis", 2021,
and Rombach et al., "High-resolution image synthesis with latent diffusion models", 2022, without
their attention.) The finest grid is `stem_stride` times smaller than the example along each axis,
and each further width halves it. At each resolution stand residual blocks.

Every position is normalised by itself, over its channels: nothing else here joins positions that
lie far apart. So an output sees a window of fixed size, and what is encoded or decoded in tiles
equals, away from the tiles' borders, what the whole gives. Tiles start at multiples of the strides.

The numbers of a grid are laid out channel by channel, [E, *grid], as in `grid.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import HE, LINEAR, SMALL, block_of, over_places, with_code
from vae.networks.maps import strided_places
from vae.networks.strided import Conv, ConvTranspose, halvings, he_normal_transposed

Array = jax.Array


def grids(places: tuple[int, ...], stem_stride: int, widths: int) -> list[tuple[int, ...]]:
    """Returns the grids for so many widths, from the finest down."""
    return halvings(strided_places(places, stem_stride), widths - 1)


class Block(nn.Module):
    """x + f(x), f twice norm, activation, convolution of 3 taps an axis: [N, *grid, C] -> same."""

    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = x
        for kernel_init in (HE, nn.initializers.zeros):
            h = self.activation(nn.RMSNorm(dtype=self.dtype)(h))
            h = Conv(x.shape[-1], 3, 1, self.dtype, kernel_init)(h)
        return x + h


def _blocks(module: Encoder | Decoder, x: Array) -> Array:
    """Applies the blocks of one resolution, as layers of the module."""
    block = block_of(Block, module.remat)
    for _ in range(module.blocks):
        x = block(module.activation, module.dtype)(x)
    return x


def _reach(module: Encoder | Decoder, at_grid: int) -> int:
    """Returns how many positions a place sees around its own, with `at_grid` places on the grid.

    Three taps see one position more. A stride sees one more than its own.
    """
    reach = at_grid
    for stride in (*(2,) * (len(module.widths) - 1), module.stem_stride):
        reach = stride * (reach + 2 * module.blocks) + 1
    return reach


class Encoder(network.Encoder):
    """Encoder(widths, outputs): [B, *places, C] -> [B, outputs], float32.

    `outputs` is a multiple of the grid's positions. The head is a linear map at each of them.
    """

    widths: tuple[int, ...]
    outputs: int
    stem_stride: int = 1
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    remat: bool = False

    ranks = (1, 2, 3)

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return grids(places, self.stem_stride, len(self.widths))[-1]

    @property
    def reach(self) -> int:
        return _reach(self, at_grid=0)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        stride = self.stem_stride
        for width in self.widths:
            x = Conv(width, stride + 2, stride, self.dtype, LINEAR)(x)
            x = _blocks(self, x)
            stride = 2
        x = self.activation(nn.RMSNorm(dtype=self.dtype)(x))
        batch, *grid, _ = x.shape
        channels = self.outputs // math.prod(grid)
        x = nn.Dense(channels, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)
        return jnp.moveaxis(x, -1, 1).reshape(batch, self.outputs)


class Decoder(network.Decoder):
    """Decoder(widths, places, outputs): [..., D] -> [..., *places, outputs], float32.

    D is a multiple of the grid's positions; a code is the same at all of them. `widths` runs from
    the grid up to the example.
    """

    widths: tuple[int, ...]
    places: tuple[int, ...]
    outputs: int
    stem_stride: int = 1
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    remat: bool = False
    output_bias: Array | None = None

    ranks = (1, 2, 3)

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return grids(places, self.stem_stride, len(self.widths))[-1]

    @property
    def reach(self) -> int:
        return _reach(self, at_grid=1)

    @nn.compact
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        sizes = grids(self.places, self.stem_stride, len(self.widths))
        grid = sizes.pop()
        h = jnp.moveaxis(z.reshape(*z.shape[:-1], -1, *grid), z.ndim - 1, -1)
        h = with_code(h, code, len(grid))
        h = h.reshape(-1, *h.shape[z.ndim - 1 :])
        h = Conv(self.widths[0], 3, 1, self.dtype, LINEAR)(h)
        for i, width in enumerate(self.widths):
            if i > 0:
                kernel_init = he_normal_transposed(2, scale=1.0)
                h = ConvTranspose(width, dtype=self.dtype, kernel_init=kernel_init)(h, sizes.pop())
            h = _blocks(self, h)
        h = self.activation(nn.RMSNorm(dtype=self.dtype)(h))

        bias = 0.0 if self.output_bias is None else over_places(self.output_bias)
        head = ConvTranspose(
            self.outputs,
            self.stem_stride + 2,
            self.stem_stride,
            jnp.float32,
            kernel_init=he_normal_transposed(self.stem_stride, scale=0.01),
            bias_init=nn.initializers.constant(bias),
            name="head",
        )
        return head(h, self.places).reshape(*z.shape[:-1], *self.places, self.outputs)
