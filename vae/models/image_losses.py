"""Losses of an image beside its likelihood, which judges every value alone.

Each is a function of the mean of p(x | z) [B, H, W, C] and x [B, H, W, C] to [B], a term of the
loss for each example.
"""

from __future__ import annotations

import math

import jax

from vae.probability import similarity

Array = jax.Array


def ms_ssim(mean: Array, x: Array) -> Array:
    """1 - MS-SSIM for every value of the image, as its log-likelihood is a sum over them.

    Its constants are meant for values in [0, 1] (Snell et al., "Learning to generate images with
    perceptual similarity metrics", 2017).
    """
    return math.prod(x.shape[1:]) * (1 - similarity.ms_ssim(mean, x))


IMAGE_LOSSES = {"none": None, "ms_ssim": ms_ssim}
