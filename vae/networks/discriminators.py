"""Discriminators: how real an example, or a latent, is.

    Discriminator(widths, dtype)
        x [B, ...], code [B, C] or None -> features [B, F], logit [B], both float32

One of patches has logits [B, P], one for each of P windows. A logit is linear in the features. A
code of the condition adds an inner product of its embedding with the features, averaged over
positions (projection: Miyato & Koyama, "cGANs with projection discriminator", 2018, who sum).
Nothing normalises across examples, so an example's logit is its own.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import HE, SMALL
from vae.networks.strided import Conv

Array = jax.Array

SLOPE = 0.2  # of the leaky rectifiers below 0 (Radford et al. 2016)


def _logit(features: Array, averaged: Array, code: Array | None) -> Array:
    """Applies the head as layers of the calling module; returns the logit [B]."""
    head = nn.Dense(1, kernel_init=SMALL, dtype=jnp.float32, name="head")
    logit = head(features)[:, 0]
    if code is None:
        return logit
    size = averaged.shape[-1]
    projection = nn.Dense(
        size, use_bias=False, kernel_init=SMALL, dtype=jnp.float32, name="projection"
    )
    return logit + (projection(code) * averaged).sum(-1)


def _strided(x: Array, widths: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """Applies convolutions of stride 2 as layers of the calling module; float32."""
    for width in widths:
        x = nn.leaky_relu(Conv(width, dtype=dtype)(x), SLOPE)
    return x.astype(jnp.float32)


class GridDiscriminator(nn.Module):
    """Strided convolutions of 4 taps an axis, one for each of the widths: x [B, *places, C].

    (Radford et al., "Unsupervised representation learning with deep convolutional generative
    adversarial networks", 2016.) The features are the whole output of the last convolution.
    """

    widths: tuple[int, ...]
    dtype: jnp.dtype = jnp.float32

    ranks = (1, 2, 3)

    @nn.compact
    def __call__(self, x: Array, code: Array | None = None) -> tuple[Array, Array]:
        x = _strided(x, self.widths, self.dtype)
        features = x.reshape(len(x), -1)
        return features, _logit(features, x.mean(tuple(range(1, x.ndim - 1))), code)


class PatchDiscriminator(nn.Module):
    """A logit for each position of the last convolution of a `GridDiscriminator`, [B, P].

    (PatchGAN: Isola et al. 2017.) Each is linear in the 3 positions along each axis around its own.
    """

    widths: tuple[int, ...]
    dtype: jnp.dtype = jnp.float32

    ranks = (1, 2, 3)

    @nn.compact
    def __call__(self, x: Array, code: Array | None = None) -> tuple[Array, Array]:
        x = _strided(x, self.widths, self.dtype)
        logits = Conv(1, 3, 1, kernel_init=SMALL, name="head")(x)
        if code is not None:
            projection = nn.Dense(
                x.shape[-1], use_bias=False, kernel_init=SMALL, dtype=jnp.float32, name="projection"
            )
            told = projection(code).reshape(len(x), *(1,) * (x.ndim - 2), -1)
            logits += (told * x).sum(-1, keepdims=True)
        return x.reshape(len(x), -1), logits.reshape(len(x), -1)


class VectorDiscriminator(nn.Module):
    """Dense layers, one for each of the widths, on vectors [B, D]."""

    widths: tuple[int, ...]
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: Array, code: Array | None = None) -> tuple[Array, Array]:
        for width in self.widths:
            x = nn.leaky_relu(nn.Dense(width, kernel_init=HE, dtype=self.dtype)(x), SLOPE)
        features = x.astype(jnp.float32)
        return features, _logit(features, features, code)
