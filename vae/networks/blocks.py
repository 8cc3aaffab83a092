"""The blocks that encoders and decoders are made of, and how their weights start.

A kernel's variance at the start keeps the scale of its inputs: 2 / fan_in before a rectifier (He et
al., 2015), 1 / fan_in where nothing follows, and 3 / fan_in in a gated layer. A block with a skip
connection starts as the identity: the last layer beside the skip is 0.

The arithmetic runs in `dtype`; parameters and the statistics of normalisation are float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.strided import Conv

Array = jax.Array

HE = nn.initializers.he_normal()
LINEAR = nn.initializers.lecun_normal()
# With a and b of variance v, E[a^2] E[sigmoid(b)^2] is 1 at v = 3.
GATED = nn.initializers.variance_scaling(3.0, "fan_in", "truncated_normal")
SMALL = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")

ATTENTION_PLACES = 8 * 8  # a larger grid gets no attention, whose cost is quadratic in the places


def starting_bias(output_bias: Array | None, shape: tuple[int, ...]) -> Array:
    """Where a decoder's head starts, [*places, P]: at `output_bias`, at 0 if that is None."""
    if output_bias is None:
        return jnp.zeros(shape)
    bias = jnp.asarray(output_bias, jnp.float32)
    if bias.shape != tuple(shape):
        raise ValueError(f"the output bias has the shape {bias.shape}, not {tuple(shape)}")
    return bias


def over_places(bias: Array) -> Array:
    """The mean of [*places, P] over the places, which a convolution's bias does not know: [P]."""
    return bias.mean(tuple(range(bias.ndim - 1)))


def with_code(x: Array, code: Array | None, rank: int = 0) -> Array:
    """x [..., *places, C], and beside every place's numbers the `code` [..., c]; x without a code.

    There are `rank` axes of places. Dimensions that x has before the code's are the same for it.
    """
    if code is None:
        return x
    code = code.reshape(*code.shape[:-1], *(1,) * rank, code.shape[-1])
    code = jnp.broadcast_to(code, (*x.shape[:-1], code.shape[-1]))
    return jnp.concatenate([x, code], axis=-1)


class DenseLayer(nn.Module):
    """activation(W x + b): [..., F] -> [..., features].

    A gated layer is (W x + b) * sigmoid(V x + c) and has no other activation (Dauphin et al.,
    "Language modeling with gated convolutional networks", 2017; in VAEs Tomczak and Welling, "VAE
    with a VampPrior", 2018).
    """

    features: int
    activation: Callable[[Array], Array] = nn.relu
    gated: bool = False
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if self.gated:
            return nn.glu(nn.Dense(2 * self.features, kernel_init=GATED, dtype=self.dtype)(x))
        return self.activation(nn.Dense(self.features, kernel_init=HE, dtype=self.dtype)(x))


def num_groups(channels: int) -> int:
    """The most groups, up to 32, that divide the channels into equal groups of 8 or more.

    Of a smaller group too little is left on a grid of one place: a channel alone becomes 0 there.
    """
    return max(n for n in range(1, 33) if channels % n == 0 and (n == 1 or channels // n >= 8))


def group_norm(x: Array, dtype: jnp.dtype) -> Array:
    """Group normalisation (Wu and He, 2018) as a layer of the module that calls it."""
    return nn.GroupNorm(num_groups(x.shape[-1]), dtype=dtype)(x)


class ResidualBlock(nn.Module):
    """x + f(x), f twice norm, activation, convolution: [B, *grid, C] -> [B, *grid, features].

    He et al., "Identity mappings in deep residual networks", 2016. A `context`, [B, *grid, c], is a
    further input of f alone. The kernels have 3 taps an axis, and one on a grid below 3 along
    every axis, where most of a larger one would only ever see padding (Child, "Very deep VAEs",
    2021). Where C differs from `features` the skip is a linear map of each place.
    """

    features: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array, context: Array | None = None) -> Array:
        kernel_size = 3 if max(x.shape[1:-1]) > 2 else 1
        h = x if context is None else jnp.concatenate([x, context], axis=-1)
        for kernel_init in (HE, nn.initializers.zeros):
            h = self.activation(group_norm(h, self.dtype))
            h = Conv(self.features, kernel_size, 1, self.dtype, kernel_init)(h)
        if x.shape[-1] != self.features:
            x = nn.Dense(self.features, kernel_init=LINEAR, dtype=self.dtype, name="skip")(x)
        return x.astype(self.dtype) + h


class Attention(nn.Module):
    """x + self-attention between the places of the grid, with one head: [B, *grid, C] -> same.

    Vaswani et al., "Attention is all you need", 2017, after a group normalisation as in Ho et al.,
    "Denoising diffusion probabilistic models", 2020. The softmax is float32.
    """

    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, *grid, channels = x.shape
        h = group_norm(x, self.dtype).reshape(batch, math.prod(grid), 1, channels)
        h = nn.Dense(3 * channels, kernel_init=LINEAR, dtype=self.dtype, name="query_key_value")(h)
        h = jax.nn.dot_product_attention(*jnp.split(h, 3, axis=-1))
        h = nn.Dense(
            channels, kernel_init=nn.initializers.zeros, dtype=self.dtype, name="projection"
        )(h)
        return x.astype(self.dtype) + h.reshape(x.shape)


class Stage(nn.Module):
    """What happens at one resolution: [B, *grid, C] -> [B, *grid, features].

    So many residual blocks, then attention where the grid is small.
    """

    features: int
    blocks: int = 1
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for _ in range(self.blocks):
            x = ResidualBlock(self.features, self.activation, self.dtype)(x)
        if 1 < math.prod(x.shape[1:-1]) <= ATTENTION_PLACES:
            x = Attention(self.dtype)(x)
        return x
