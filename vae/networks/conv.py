"""Convolutional encoder and decoder: stride-2 layers that halve, or double, every axis of places.

An axis of length n shrinks to ceil(n/2), ceil(n/4), ..., and the decoder walks the same list back,
so that examples of any size work. With `blocks` above 1, convolutions of 3 taps an axis follow at
each size but the example's. A `normalized` network normalises groups of channels before each
activation, as generators need it. The heads start small, as in `mlp`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import HE, SMALL, group_norm, over_places, starting_bias, with_code
from vae.networks.strided import Conv, ConvTranspose, halvings, he_normal_transposed

Array = jax.Array


def activated(module: Any, x: Array) -> Array:
    """Normalises x if the module does so, and applies its activation."""
    return module.activation(group_norm(x, module.dtype) if module.normalized else x)


def halve(module: Any, x: Array) -> Array:
    """Applies the body of an encoder: an activated stride-2 convolution for every width."""
    for width in module.widths:
        x = activated(module, Conv(width, dtype=module.dtype)(x))
        for _ in range(module.blocks - 1):
            x = activated(module, Conv(width, kernel_size=3, stride=1, dtype=module.dtype)(x))
    return x


def double(module: Any, h: Array) -> Array:
    """Applies the body of a decoder and its head, from the smallest grid [N, *grid, E] up."""
    grids = halvings(module.places, len(module.widths))
    for i, width in enumerate(module.widths):
        if i > 0:
            h = activated(module, ConvTranspose(width, dtype=module.dtype)(h, grids[-1 - i]))
        for _ in range(module.blocks - 1):
            h = activated(module, Conv(width, kernel_size=3, stride=1, dtype=module.dtype)(h))
    bias = starting_bias(module.output_bias, (*module.places, module.outputs))
    head = ConvTranspose(
        module.outputs,
        kernel_init=he_normal_transposed(2, scale=0.01),
        bias_init=nn.initializers.constant(over_places(bias)),
        dtype=jnp.float32,
        name="head",
    )
    return head(h, module.places)


class Encoder(network.Encoder):
    """Encoder(widths, outputs): [B, *places, C] -> [B, outputs], float32."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    normalized: bool = False

    ranks = (1, 2, 3)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = halve(self, x)
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(x)


class Decoder(network.Decoder):
    """Decoder(widths, places, outputs): [..., D] -> [..., *places, outputs], float32.

    `widths` runs from the smallest grid up to the example. `outputs` counts the numbers at a
    position, all its channels together. The head's bias starts at the mean over positions of
    `output_bias`, [*places, outputs] or None, for a convolution's bias is one for all.
    """

    widths: tuple[int, ...]
    places: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None
    normalized: bool = False

    ranks = (1, 2, 3)

    @nn.compact
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        grid = (*halvings(self.places, len(self.widths))[-1], self.widths[0])
        h = with_code(z, code)
        h = h.reshape(-1, h.shape[-1])
        h = nn.Dense(math.prod(grid), kernel_init=HE, dtype=self.dtype)(h)
        x = double(self, activated(self, h.reshape(-1, *grid)))
        return x.reshape(*z.shape[:-1], *self.places, self.outputs)
