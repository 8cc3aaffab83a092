"""Convolutional encoder and decoder: stride-2 layers that halve, or double, the image.

The sizes are H, ceil(H/2), ceil(H/4), ... and the decoder walks the same list back, so that images
of any size work. With `blocks` above 1, 3x3 convolutions follow at each size but the image's. The
heads start small, as in `mlp`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import HE, SMALL, starting_bias
from vae.networks.convolutions import Conv, ConvTranspose, halvings, he_normal_transposed

Array = jax.Array


class Encoder(nn.Module):
    """Encoder(widths, outputs): [B, H, W, C] -> [B, outputs], float32."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for width in self.widths:
            x = self.activation(Conv(width, dtype=self.dtype)(x))
            for _ in range(self.blocks - 1):
                x = self.activation(Conv(width, kernel_size=3, stride=1, dtype=self.dtype)(x))
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)


class Decoder(nn.Module):
    """Decoder(widths, (H, W, C), outputs): [..., D] -> [..., H, W, outputs], float32.

    `widths` runs from the smallest grid up to the image. `outputs` counts the numbers of a pixel,
    all its channels together; the head's bias starts at the mean over the pixels of `output_bias`,
    [H, W, outputs] or None, for a convolution's bias knows no place.
    """

    widths: tuple[int, ...]
    image_shape: tuple[int, int, int]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None

    @nn.compact
    def __call__(self, z: Array) -> Array:
        size = self.image_shape[:2]
        sizes = halvings(size, len(self.widths))
        grid = (*sizes.pop(), self.widths[0])

        h = z.reshape(-1, z.shape[-1])
        h = nn.Dense(math.prod(grid), kernel_init=HE, dtype=self.dtype)(h)
        h = self.activation(h).reshape(-1, *grid)
        for i, width in enumerate(self.widths):
            if i > 0:
                h = self.activation(ConvTranspose(width, dtype=self.dtype)(h, sizes.pop()))
            for _ in range(self.blocks - 1):
                h = self.activation(Conv(width, kernel_size=3, stride=1, dtype=self.dtype)(h))

        bias = starting_bias(self.output_bias, (*size, self.outputs))
        head = ConvTranspose(
            self.outputs,
            kernel_init=he_normal_transposed(2, scale=0.01),
            bias_init=nn.initializers.constant(bias.mean((0, 1))),
            dtype=jnp.float32,
            name="head",
        )
        return head(h, size).reshape(*z.shape[:-1], *size, self.outputs)
