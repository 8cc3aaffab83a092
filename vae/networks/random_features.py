"""Features of images from a network that was never trained.

    f_1 = relu(conv_1(2 x - 1)), f_2 = relu(conv_2(f_1)), ...

Strided convolutions with fixed Gaussian kernels see edges, textures and their positions in ever
larger windows; the first kernels have mean 0, so that they ignore uniform brightness. Such features
keep nearly all that is visible in an image (He, Wang & Hopcroft, "A powerful generative model using
random weights for the deep image representation", 2016). A perceptual distance therefore needs
neither a download nor labels.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from vae.networks.strided import convolved

Array = jax.Array

WIDTHS = (32, 64, 128)
KERNEL = 4


@functools.cache
def _kernel(layer: int, channels: int) -> np.ndarray:
    """Returns a layer's kernel, the same on every machine: it is part of the loss."""
    shape = (KERNEL, KERNEL, channels, WIDTHS[layer])
    draws = np.random.Generator(np.random.Philox(key=layer)).standard_normal(shape)
    if layer == 0:
        draws -= draws.mean((0, 1))
    return (draws * np.sqrt(2 / (KERNEL * KERNEL * channels))).astype(np.float32)


def random_features(x: Array) -> list[Array]:
    """Returns features of images [B, H, W, C] in [0, 1], each grid half as high and wide."""
    h, features = 2 * x - 1, []
    for layer in range(len(WIDTHS)):
        h = jax.nn.relu(convolved(h, jnp.asarray(_kernel(layer, h.shape[-1])), 2))
        features.append(h)
    return features
