"""Blocks of encoders and decoders, and the initialisation of their weights.

A kernel's initial variance keeps the scale of its inputs: 2 / fan_in before a rectifier (He et al.,
2015), 1 / fan_in where nothing follows, and 3 / fan_in in a gated layer. A block with a skip
connection starts as the identity: the last layer beside the skip is 0.

The arithmetic runs in `dtype`; parameters and normalisation statistics are float32.
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

ATTENTION_PLACES = 8 * 8  # a larger grid gets no attention, whose cost is quadratic in positions


def starting_bias(output_bias: Array | None, shape: tuple[int, ...]) -> Array:
    """Returns a decoder head's initial bias, [*places, P]: `output_bias`, or 0 if that is None."""
    if output_bias is None:
        return jnp.zeros(shape)
    bias = jnp.asarray(output_bias, jnp.float32)
    if bias.shape != tuple(shape):
        raise ValueError(f"the output bias has the shape {bias.shape}, not {tuple(shape)}")
    return bias


def over_places(bias: Array) -> Array:
    """Returns the mean of [*places, P] over positions, [P]: a convolution has one bias for all."""
    return bias.mean(tuple(range(bias.ndim - 1)))


def with_code(x: Array, code: Array | None, rank: int = 0) -> Array:
    """Returns x [..., *places, C] with the `code` [..., c] appended at every position.

    There are `rank` axes of places. Leading dimensions that x has beyond the code's share the code.
    Without a code, returns x.
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


def block_of(block: type[nn.Module], remat: bool) -> type[nn.Module]:
    """Returns a class of blocks that, with `remat`, keep nothing but their inputs for the gradient.

    What is inside is computed once more in the backward pass (Chen et al., "Training deep nets with
    sublinear memory cost", 2016). The layers have the same names either way.
    """
    if not remat:
        return block
    forgetful = nn.remat(block)
    forgetful.__name__ = block.__name__  # of which Linen makes the names of layers
    return forgetful


def num_groups(channels: int) -> int:
    """Returns the largest number of groups, up to 32, that divides C into groups of 8 or more.

    A smaller group keeps too little on a grid of one position: a single channel becomes 0 there.
    """
    return max(n for n in range(1, 33) if channels % n == 0 and (n == 1 or channels // n >= 8))


def group_norm(x: Array, dtype: jnp.dtype) -> Array:
    """Applies group normalisation (Wu and He, 2018) as a layer of the calling module."""
    return nn.GroupNorm(num_groups(x.shape[-1]), dtype=dtype)(x)


class ResidualBlock(nn.Module):
    """x + f(x), f twice norm, activation, convolution: [B, *grid, C] -> [B, *grid, features].

    He et al., "Identity mappings in deep residual networks", 2016. A `context`, [B, *grid, c], is a
    further input of f alone. The kernels have 3 taps an axis, but one on a grid shorter than 3
    along every axis, where most of a larger kernel would only see padding (Child, "Very deep VAEs",
    2021). Where C differs from `features` the skip is a linear map at each position.
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
    """x + self-attention between the positions of the grid, with one head: [B, *grid, C] -> same.

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
    """The layers at one resolution: [B, *grid, C] -> [B, *grid, features].

    Residual blocks, then attention if the grid is small.
    """

    features: int
    blocks: int = 1
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        block = block_of(ResidualBlock, self.remat)
        for _ in range(self.blocks):
            x = block(self.features, self.activation, self.dtype)(x)
        if 1 < math.prod(x.shape[1:-1]) <= ATTENTION_PLACES:
            x = Attention(self.dtype)(x)
        return x
