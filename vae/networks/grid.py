"""Convolutional encoder and decoder without dense layers: each latent has a position on a grid.

Every axis of the example is halved once for every width, down to the grid; with `blocks` above 1,
convolutions of 3 taps an axis follow at each size but the example's. The numbers of a grid are laid
out channel by channel, [E, *grid], so that halves of the channels are halves of the vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import with_code
from vae.networks.conv import double, halve
from vae.networks.strided import Conv, halvings

Array = jax.Array


class Encoder(network.Encoder):
    """Encoder(widths, outputs): [B, *places, C] -> [B, outputs], float32.

    `outputs` is a multiple of the grid's positions; the head is a linear map at each of them.
    """

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    normalized = False
    ranks = (1, 2, 3)

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return halvings(places, len(self.widths))[-1]

    @property
    def reach(self) -> int:
        return _reach(self, at_grid=0)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = halve(self, x)
        batch, *grid, _ = x.shape
        x = nn.Dense(self.outputs // math.prod(grid), dtype=jnp.float32, name="head")(x)
        return jnp.moveaxis(x, -1, 1).reshape(batch, self.outputs)


class Decoder(network.Decoder):
    """Decoder(widths, places, outputs): [..., D] -> [..., *places, outputs], float32.

    D is a multiple of the grid's positions; a code is the same at all of them. `widths` runs from
    the grid up to the example; the rest is as in `conv.Decoder`.
    """

    widths: tuple[int, ...]
    places: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None
    normalized = False
    ranks = (1, 2, 3)

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return halvings(places, len(self.widths))[-1]

    @property
    def reach(self) -> int:
        return _reach(self, at_grid=1)

    @nn.compact
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        grid = self.grid(self.places)
        h = jnp.moveaxis(z.reshape(*z.shape[:-1], -1, *grid), z.ndim - 1, -1)
        h = with_code(h, code, len(grid))
        h = h.reshape(-1, *h.shape[z.ndim - 1 :])
        h = self.activation(Conv(self.widths[0], kernel_size=3, stride=1, dtype=self.dtype)(h))
        return double(self, h).reshape(*z.shape[:-1], *self.places, self.outputs)


def _reach(module: Encoder | Decoder, at_grid: int) -> int:
    """Returns how many positions a place sees around its own, with `at_grid` places on the grid.

    Three taps see one position more. Four that halve see one more than the two of their own.
    """
    reach = at_grid
    for _ in module.widths:
        reach = 2 * (reach + module.blocks - 1) + 1
    return reach
