"""Fully connected encoder and decoder: dense layers with an activation between them.

Kernels start with variance 2 / fan_in, which keeps the scale through a rectifier (He et
al., 2015). The heads start small: the encoder's so that q(z | x) starts near N(0, 1), where the KL
is near 0 and no scale is extreme, the decoder's so that the first images are near the output bias.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

Array = jax.Array

HE = nn.initializers.he_normal()
SMALL = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")


class Encoder(nn.Module):
    """Encoder(widths, outputs): [B, H, W, C] -> [B, outputs], float32."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = nn.Dense(width, kernel_init=HE, dtype=self.dtype)(x)
            x = self.activation(x)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)


class Decoder(nn.Module):
    """Decoder(widths, (H, W, C), outputs): [..., D] -> [..., H, W, C, outputs], float32.

    `outputs` counts the parameters of a pixel's distribution; `output_bias`, [H, W, C] or None, is
    where the bias of the first one starts, the others start at 0.
    """

    widths: tuple[int, ...]
    image_shape: tuple[int, int, int]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    output_bias: Array | None = None

    @nn.compact
    def __call__(self, z: Array) -> Array:
        # One dimension of examples: with two, XLA makes kernel gradients of transposed copies.
        h = z.reshape(-1, z.shape[-1])
        for width in self.widths:
            h = nn.Dense(width, kernel_init=HE, dtype=self.dtype)(h)
            h = self.activation(h)

        shape = (*self.image_shape, self.outputs)
        head = nn.Dense(
            math.prod(shape),
            kernel_init=SMALL,
            bias_init=first_parameter_bias(self.output_bias, self.image_shape),
            dtype=jnp.float32,
            name="head",
        )
        return head(h).reshape(*z.shape[:-1], *shape)


def first_parameter_bias(
    values: Array | None, shape: tuple[int, ...]
) -> nn.initializers.Initializer:
    """Initialises a [prod(shape) * outputs] bias: `values` in the first output, 0 elsewhere."""

    def init(key, size, dtype=jnp.float32):
        bias = jnp.zeros((math.prod(shape), size[0] // math.prod(shape)), dtype)
        if values is not None:
            start = jnp.asarray(values, dtype)
            if start.shape != tuple(shape):
                raise ValueError(f"the output bias has the shape {start.shape}, not {shape}")
            bias = bias.at[:, 0].set(start.reshape(-1))
        return bias.reshape(-1)

    return init
