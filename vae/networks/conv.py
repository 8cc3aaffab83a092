"""Convolutional encoder and decoder: stride-2 layers that halve, or double, the image.

The sizes are H, ceil(H/2), ceil(H/4), ... and the decoder walks the same list back, so that images
of any size work. Initialisation follows `mlp`: variance 2 / fan_in in the body, small heads.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.convolutions import Conv, ConvTranspose, he_normal_transposed
from vae.networks.mlp import HE, SMALL, starting_at

Array = jax.Array


class Encoder(nn.Module):
    """Encoder(widths, outputs): [B, H, W, C] -> [B, outputs], float32."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for width in self.widths:
            x = self.activation(Conv(width, dtype=self.dtype)(x))
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)


class Decoder(nn.Module):
    """Decoder(widths, (H, W, C), outputs): [..., D] -> [..., H, W, outputs], float32.

    `widths` runs from the smallest grid up to the image. `outputs` counts the numbers for each
    pixel; the last bias starts at the mean over the image of `output_bias` [H, W, outputs], for a
    convolution's bias knows no place, or at 0 where that is None.
    """

    widths: tuple[int, ...]
    image_shape: tuple[int, int, int]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    output_bias: Array | None = None

    @nn.compact
    def __call__(self, z: Array) -> Array:
        height, width, _ = self.image_shape
        sizes = [(height, width)]
        for _ in self.widths:
            sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
        grid = (*sizes.pop(), self.widths[0])

        h = z.reshape(-1, z.shape[-1])
        h = nn.Dense(math.prod(grid), kernel_init=HE, dtype=self.dtype)(h)
        h = self.activation(h).reshape(-1, *grid)
        for features in self.widths[1:]:
            h = self.activation(ConvTranspose(features, dtype=self.dtype)(h, sizes.pop()))

        bias = self.output_bias
        if bias is not None:
            bias = jnp.mean(jnp.asarray(bias, jnp.float32), axis=(0, 1))
        head = ConvTranspose(
            self.outputs,
            kernel_init=he_normal_transposed(2, scale=0.01),
            bias_init=starting_at(bias),
            dtype=jnp.float32,
            name="head",
        )
        x = head(h, sizes.pop())
        return x.reshape(*z.shape[:-1], height, width, self.outputs)
