"""Convolutional encoder and decoder without dense layers: each latent has a place on a grid.

The image (H, W) is halved once for every width, to the grid (h, w); with `blocks` above 1, 3x3
convolutions follow at each size but the image's. The numbers of a grid are laid out channel by
channel, [E, h, w], so that halves of the channels are halves of the vector.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.conv import double, halve
from vae.networks.strided import Conv, halvings

Array = jax.Array


class Encoder(nn.Module):
    """Encoder(widths, outputs): [B, H, W, C] -> [B, outputs], float32; outputs = E h w.

    The head is a linear map of each place.
    """

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    normalized = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = halve(self, x)
        batch, height, width, _ = x.shape
        x = nn.Dense(self.outputs // (height * width), dtype=jnp.float32, name="head")(x)
        return jnp.moveaxis(x, -1, 1).reshape(batch, self.outputs)


class Decoder(nn.Module):
    """Decoder(widths, (H, W, C), outputs): [..., E h w] -> [..., H, W, outputs], float32.

    `widths` runs from the grid up to the image. `outputs` counts the numbers for each pixel; the
    last bias starts at the mean over the image of `output_bias`, [H, W, outputs] or None.
    """

    widths: tuple[int, ...]
    image_shape: tuple[int, int, int]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None
    normalized = False

    @nn.compact
    def __call__(self, z: Array) -> Array:
        size = self.image_shape[:2]
        grid = halvings(size, len(self.widths))[-1]
        h = jnp.moveaxis(z.reshape(-1, z.shape[-1] // math.prod(grid), *grid), 1, -1)
        h = self.activation(Conv(self.widths[0], kernel_size=3, stride=1, dtype=self.dtype)(h))
        return double(self, h).reshape(*z.shape[:-1], *size, self.outputs)
