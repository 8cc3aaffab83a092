"""How close samples come to the data, measured between their features.

With features a, b [N, F] of data and samples, float64 numpy:

    Frechet distance     |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), between the Gaussians of
                         their means and covariances (Heusel et al. 2017); biased upwards, the less
                         the more samples there are, so compare it at equal N only; the bias is
                         large where N is not many times F
    kernel distance      the squared maximum mean discrepancy with k(u, v) = (u'v / F + 1)^3,
                         unbiased (Binkowski et al. 2018): 0 in the mean for samples of the data
    precision            the share of samples within the data's manifold
    recall               the share of data within the samples' manifold: the union of balls about
                         each point that reach to its k-th nearest neighbour (Kynkaanniemi et al.
                         2019)

and the entropy, in nats, of the labels that a classifier predicts: if samples have less of it than
data, modes are missing.

A metric of features or predictions that are not all finite is NaN.
"""

from __future__ import annotations

import math

import numpy as np

NEIGHBOURS = 3
BINS = 10  # of the histogram whose entropy is that of a continuous attribute
ROWS = 1000  # rows of a distance matrix that are held at once


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the Frechet distance of features [N, F] and [M, F].

    With A and B the centred features over sqrt(N - 1) and sqrt(M - 1), C_a = A'A and C_b = B'B, so
    the trace of (C_a C_b)^(1/2) is the sum of the singular values of A B'. This also holds where
    there are fewer examples than features and no covariance has full rank. A and B are first turned
    into triangles, which leaves the singular values as they are.
    """
    if not _finite(a, b):
        return math.nan
    moved = ((a.mean(0) - b.mean(0)) ** 2).sum()
    a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    overlap = np.linalg.svd(_triangle(a) @ _triangle(b).T, compute_uv=False).sum()
    return float(max(moved + (a**2).sum() + (b**2).sum() - 2 * overlap, 0.0))


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(x, mode="r"))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the kernel distance of features [N, F] and [M, F]; it may be negative."""

    def kernel(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return (u @ v.T / u.shape[1] + 1) ** 3

    def within(x: np.ndarray) -> float:
        k = kernel(x, x)
        return (k.sum() - np.trace(k)) / (len(x) * (len(x) - 1))

    return float(within(a) + within(b) - 2 * kernel(a, b).mean())


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns squared Euclidean distances [N, M] of vectors [N, F] and [M, F]."""
    products = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.maximum(products, 0)


def precision_recall(
    data: np.ndarray, samples: np.ndarray, *, k: int = NEIGHBOURS
) -> tuple[float, float]:
    """Returns (precision, recall) of samples [M, F] against data [N, F], both more than k."""
    if not _finite(data, samples):
        return math.nan, math.nan
    return _share_within(samples, data, k), _share_within(data, samples, k)


def _share_within(points: np.ndarray, others: np.ndarray, k: int) -> float:
    """Returns the share of `points` in the union of k-nearest-neighbour balls about `others`."""
    within = np.zeros(len(points), bool)
    for start in range(0, len(others), ROWS):
        centres = others[start : start + ROWS]
        own = squared_distances(centres, others)
        own[np.arange(len(centres)), np.arange(start, start + len(centres))] = -1  # itself, first
        radius = np.partition(own, k, axis=1)[:, k]
        within |= (squared_distances(centres, points) <= radius[:, None]).any(0)
    return float(within.mean())


def class_entropy(predicted: np.ndarray) -> float:
    """Returns the entropy of the most probable classes of predictions [N, A]."""
    if not _finite(predicted):
        return math.nan
    return _entropy(np.bincount(predicted.argmax(1)))


def attribute_entropy(predicted: np.ndarray, bins: int = BINS) -> float:
    """Returns the entropy of the histogram of an attribute's predictions [N] in [0, 1].

    Use two bins for a binary attribute.
    """
    if not _finite(predicted):
        return math.nan
    return _entropy(np.histogram(predicted, bins, (0.0, 1.0))[0])


def _finite(*arrays: np.ndarray) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def _entropy(counts: np.ndarray) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() + 0.0)  # of one bin 0, not -0
