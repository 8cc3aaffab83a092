"""Similarity of two images, as metrics and as losses. Images are [B, H, W, C] in [0, 1].

    PSNR     10 log10(1 / mean squared error), in decibels
    SSIM     the mean over positions of a Gaussian window, 11x11 of standard deviation 1.5, of
             l cs,   l = (2 m_x m_y + c1) / (m_x^2 + m_y^2 + c1),
                     cs = (2 s_xy + c2) / (s_x^2 + s_y^2 + c2)
             with the window's means m and (co)variances s (Wang et al., "Image quality assessment",
             2004); the window lies within the image, and channels are averaged
    MS-SSIM  cs_1^w1 ... cs_M^wM l_M^wM over M scales, each half as large as the one before, each
             factor the mean over positions (Wang et al., "Multiscale structural similarity", 2003)

    features sum_l mean_p |u_lp - v_lp|^2 of the features u, v of two images at the positions p of a
             network's layers l, each of length 1 (Zhang et al., "The unreasonable effectiveness of
             deep features as a perceptual metric", 2018, eq. 1, with all weights 1)

The window is separable and applied as one product with a banded matrix for each axis. With so few
channels this is cheaper than a convolution, also in a loop on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from vae.probability.distributions import einsum

Array = jax.Array

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first


def psnr(x: Array, y: Array) -> Array:
    """Returns the peak signal-to-noise ratio [B] in decibels; infinite for equal images."""
    return -10 * jnp.log10(((x - y) ** 2).mean((1, 2, 3)))


def ssim(x: Array, y: Array) -> Array:
    """Returns the structural similarity [B], at most 1.

    If the image is smaller than the window, the window is the largest odd size that fits.
    """
    luminance, structure = _comparisons(x, y)
    return (luminance * structure).mean((1, 2, 3))


def of_features(u: Sequence[Array], v: Sequence[Array]) -> Array:
    """Returns the distance [B] of features [B, *positions, F] of two sets, layer by layer."""
    distances = [
        ((_unit(a) - _unit(b)) ** 2).sum(-1).mean(tuple(range(1, a.ndim - 1)))
        for a, b in zip(u, v, strict=True)
    ]
    return sum(distances, jnp.zeros(()))


def _unit(features: Array) -> Array:
    return features / jnp.sqrt((features**2).sum(-1, keepdims=True) + 1e-8)


def num_scales(height: int, width: int) -> int:
    """Returns how many scales of MS-SSIM are at least as large as the window, from 1 to 5."""
    side = min(height, width)
    return max([1] + [m for m in range(1, len(WEIGHTS) + 1) if side >> (m - 1) >= WINDOW])


def ms_ssim(x: Array, y: Array) -> Array:
    """Returns the multi-scale structural similarity [B], at most 1.

    Images smaller than 176 pixels have fewer scales (`num_scales`), whose weights are rescaled to
    add up to 1: there are 3 at 64x64, 2 at 28x28. A mean of cs below 0 counts as 0.
    """
    weights = np.array(WEIGHTS[: num_scales(*x.shape[1:3])])
    result = jnp.ones(())
    for scale, weight in enumerate(weights / weights.sum()):
        if scale > 0:
            x, y = _halved(x), _halved(y)
        luminance, structure = _comparisons(x, y)
        last = scale == len(weights) - 1
        factor = (luminance * structure if last else structure).mean((1, 2))  # [B, C]
        # The slope of the power is infinite at 0.
        result = result * jnp.maximum(factor, 1e-6) ** weight
    return result.mean(-1)


def _comparisons(x: Array, y: Array) -> tuple[Array, Array]:
    """Returns l and cs at every position of the window, [B, h, w, C]."""
    rows, columns = (_window_matrix(size, min(x.shape[1:3])) for size in x.shape[1:3])

    def mean(image: Array) -> Array:
        return einsum("ih,bhwc,jw->bijc", rows, image, columns)

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x**2 + y**2) - mean_x**2 - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return luminance, (2 * covariance + C2) / (variances + C2)


def _window_matrix(size: int, smallest: int) -> np.ndarray:
    """Returns a matrix [places, size] whose rows are the window at each position."""
    length = min(WINDOW, smallest - 1 + smallest % 2)
    window = np.exp(-0.5 * ((np.arange(length) - length // 2) / SIGMA) ** 2)
    matrix = np.zeros((size - length + 1, size), np.float32)
    for place, row in enumerate(matrix):
        row[place : place + length] = window / window.sum()
    return matrix


def _halved(image: Array) -> Array:
    """Returns the means over 2x2 pixels, [B, H // 2, W // 2, C]."""
    batch, height, width, channels = image.shape
    image = image[:, : height // 2 * 2, : width // 2 * 2]
    return image.reshape(batch, height // 2, 2, width // 2, 2, channels).mean((2, 4))
