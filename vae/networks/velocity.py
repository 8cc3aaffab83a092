"""Networks over latents at a time of their path: what a diffusion or flow prior learns.

They take x [N, *grid, E], latents with noise, the logarithm of the signal-to-noise ratio [N], and a
code [N, C] of the condition or None, and return a velocity [N, *grid, E]. The last layer starts at
0. Time and code become one vector, which shifts and scales every block behind its normalisation
(Dhariwal & Nichol, "Diffusion models beat GANs", 2021). The arithmetic is float32.
"""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import ATTENTION_PLACES, HE, LINEAR, Attention, group_norm
from vae.networks.strided import Conv, halvings

Array = jax.Array

ZEROS = nn.initializers.zeros
WAVES = 16  # frequencies of the log-SNR, of which a network sees sines and cosines
LONGEST, SHORTEST = 40.0, 1.0  # their periods


class Told(nn.Module):
    """The vector [N, features] of a log-SNR [N] and a code [N, C] or None."""

    features: int

    @nn.compact
    def __call__(self, log_snr: Array, code: Array | None) -> Array:
        frequency = 2 * math.pi / jnp.geomspace(LONGEST, SHORTEST, WAVES)
        angle = log_snr[:, None] * frequency
        h = jnp.concatenate([jnp.sin(angle), jnp.cos(angle)], axis=-1)
        h = nn.Dense(self.features, kernel_init=LINEAR, name="time")(h)
        if code is not None:
            h += nn.Dense(self.features, kernel_init=LINEAR, name="condition")(code)
        return nn.silu(nn.Dense(self.features, kernel_init=HE)(nn.silu(h)))


def modulated(h: Array, told: Array) -> Array:
    """Scales and shifts h [N, *grid, C] as `told` [N, F] says: a layer of the calling module."""
    both = nn.Dense(2 * h.shape[-1], kernel_init=ZEROS, name="modulation")(told)
    both = both.reshape(len(both), *(1,) * (h.ndim - 2), -1)
    scale, shift = jnp.split(both, 2, axis=-1)
    return h * (1 + scale) + shift


class GridBlock(nn.Module):
    """x + f(x) as in `blocks.ResidualBlock`, with f told the time: [N, *grid, C] -> features."""

    features: int

    @nn.compact
    def __call__(self, x: Array, told: Array) -> Array:
        kernel_size = 3 if max(x.shape[1:-1]) > 2 else 1
        h = nn.silu(group_norm(x, jnp.float32))
        h = group_norm(Conv(self.features, kernel_size, 1, kernel_init=HE)(h), jnp.float32)
        h = nn.silu(modulated(h, told))
        h = Conv(self.features, kernel_size, 1, kernel_init=ZEROS)(h)
        if x.shape[-1] != self.features:
            x = nn.Dense(self.features, kernel_init=LINEAR, name="skip")(x)
        x = x + h
        return Attention()(x) if 1 < math.prod(x.shape[1:-1]) <= ATTENTION_PLACES else x


class UNet(nn.Module):
    """A U-Net over a grid of one, two or three axes (Ronneberger et al. 2015; Ho et al. 2020).

    Attributes:
      widths: channels at each resolution, from the latents' grid to the smallest; every axis is
        halved between two of them.
      blocks: residual blocks at each resolution, on the way down as on the way up.
    """

    widths: tuple[int, ...]
    blocks: int

    @nn.compact
    def __call__(self, x: Array, log_snr: Array, code: Array | None = None) -> Array:
        told = Told(2 * max(self.widths))(log_snr, code)
        grids = halvings(x.shape[1:-1], len(self.widths) - 1)
        h = Conv(self.widths[0], 3, 1, kernel_init=LINEAR)(x)
        kept = []
        for i, width in enumerate(self.widths):
            if i > 0:
                h = Conv(width, 3, 2, kernel_init=LINEAR)(h)
            for _ in range(self.blocks):
                h = GridBlock(width)(h, told)
                kept.append(h)
        for i, width in reversed(list(enumerate(self.widths))):
            for _ in range(self.blocks):
                h = GridBlock(width)(jnp.concatenate([h, kept.pop()], axis=-1), told)
            if i > 0:
                h = nn.Dense(self.widths[i - 1], kernel_init=LINEAR)(h)
                h = enlarged(h, grids[i - 1])
        h = nn.silu(group_norm(h, jnp.float32))
        return Conv(x.shape[-1], 3, 1, kernel_init=ZEROS, name="head")(h)


def enlarged(h: Array, grid: tuple[int, ...]) -> Array:
    """Returns h [N, *ceil(grid / 2), C] with every position repeated, on a `grid`."""
    for axis, length in enumerate(grid, 1):
        h = jnp.repeat(h, 2, axis=axis)
        h = jax.lax.slice_in_dim(h, 0, length, axis=axis)
    return h


class ResidualMLP(nn.Module):
    """Residual blocks of two dense layers, told the time: [N, D] -> [N, D].

    Attributes:
      widths: the width at each block.
      blocks: blocks for each of the widths.
    """

    widths: tuple[int, ...]
    blocks: int

    @nn.compact
    def __call__(self, x: Array, log_snr: Array, code: Array | None = None) -> Array:
        told = Told(max(self.widths))(log_snr, code)
        h = x
        for width in self.widths:
            if h.shape[-1] != width:
                h = nn.Dense(width, kernel_init=LINEAR)(h)
            for _ in range(self.blocks):
                h = VectorBlock()(h, told)
        return nn.Dense(x.shape[-1], kernel_init=ZEROS, name="head")(nn.LayerNorm()(h))


class VectorBlock(nn.Module):
    """h + f(h), f told the time: [N, C] -> [N, C]."""

    @nn.compact
    def __call__(self, h: Array, told: Array) -> Array:
        width = h.shape[-1]
        f = modulated(nn.LayerNorm(use_bias=False, use_scale=False)(h), told)
        f = nn.silu(nn.Dense(width, kernel_init=HE)(f))
        return h + nn.Dense(width, kernel_init=ZEROS)(f)
