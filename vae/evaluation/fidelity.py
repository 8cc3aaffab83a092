"""How close samples come to the data, measured between their features.

With features a, b [N, F] of data and samples, float64 numpy:

    Frechet distance     |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), between the Gaussians of
                         their means and covariances (Heusel et al. 2017); biased upwards, the less
                         the more samples there are, so compare it at equal N only; the bias is
                         large where N is not many times F
    the same, unbiased   the value at infinite N if the bias is proportional to 1/N (Chong and
                         Forsyth 2020), by the jackknife: with d of all examples and d_g of all but
                         the g-th tenth of both sets, it is the mean of 10 d - 9 d_g, whose spread
                         over the tenths gives the error (Quenouille 1956, Tukey 1958)
    kernel distance      the squared maximum mean discrepancy with k(u, v) = (u'v / F + 1)^3,
                         unbiased (Binkowski et al. 2018): 0 in the mean for samples of the data; of
                         all pairs at once, which is what random subsets estimate. Its error is by
                         the jackknife over the examples of both sets; where the two distributions
                         are one, it is too large, by about sqrt(2)
    precision            the share of samples within the data's manifold
    recall               the share of data within the samples' manifold: the union of balls about
                         each point that reach to its k-th nearest neighbour, k = 3 (Kynkaanniemi et
                         al. 2019)
    density              how many of the data's balls a sample is in, over k = 5 (Naeem et al.
                         2020): 1 in the mean for samples of the data, and it may be larger
    coverage             the share of the data's balls, k = 5, that hold a sample (the same): for M
                         samples of the data 1 - C(N - 1, k) / C(N + M - 1, k) in the mean
    diversity            the mean distance of two samples, see `similarity.of_features`

Errors of the last five are those of a mean over so many points, the other set being as it is.

With probabilities [N, C] of classes for each sample:

    Inception score      exp E KL(p(y | x) | p(y)), of each of ten splits (Salimans et al. 2016):
                         their mean, and their standard deviation, as is usual; biased downwards, so
                         compare it at equal N only
    entropy              in nats, of the labels that a classifier predicts: if samples have less of
                         it than data, modes are missing

A metric of features or predictions that are not all finite is NaN.
"""

from __future__ import annotations

import itertools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

NEIGHBOURS = 3  # of precision and recall
NEAREST = 5  # of density and coverage
GROUPS = 10  # of the jackknife of the Frechet distance
SPLITS = 10  # of the Inception score
BINS = 10  # of the histogram whose entropy is that of a continuous attribute
ROWS = 1000  # rows of a matrix of distances or kernels that are held at once
COPIES = 2**31  # bytes of features that are copied at once


class Estimate(NamedTuple):
    """A figure and its standard error."""

    value: float
    stderr: float


UNKNOWN = Estimate(math.nan, math.nan)


def mean(values: np.ndarray) -> Estimate:
    """Returns the mean of independent values [N], and its error."""
    if not _finite(values) or len(values) < 2:
        return UNKNOWN
    return Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the Frechet distance of features [N, F] and [M, F].

    With A and B the centred features over sqrt(N - 1) and sqrt(M - 1), C_a = A'A and C_b = B'B, so
    the trace of (C_a C_b)^(1/2) is the sum of the singular values of A B'. This also holds where
    there are fewer examples than features and no covariance has full rank. A and B are first turned
    into triangles, which leaves the singular values as they are.
    """
    if not _finite(a, b):
        return math.nan
    with threadpool_limits(1, "blas"):
        return _frechet(a, b)


def _frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the distance. On more threads than one OpenBLAS spends most of its time waiting."""
    moved = ((a.mean(0) - b.mean(0)) ** 2).sum()
    a, b = ((x - x.mean(0)) / math.sqrt(len(x) - 1) for x in (a, b))
    overlap = np.linalg.svd(_triangle(a) @ _triangle(b).T, compute_uv=False).sum()
    return float(max(moved + (a**2).sum() + (b**2).sum() - 2 * overlap, 0.0))


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.qr(x, mode="r"))


def frechet_unbiased(a: np.ndarray, b: np.ndarray) -> Estimate:
    """Returns the Frechet distance without its bias, and the error; it may be negative.

    It is unknown for sets that are not larger than the number of features: what is left of the bias
    is not proportional to 1 / N then.
    """
    if not _finite(a, b) or min(len(a), len(b)) <= max(a.shape[1], GROUPS):
        return UNKNOWN
    # In random order, for examples in a row may be alike; in the same one, for they may be pairs.
    of_a, of_b = (np.random.default_rng(0).permutation(len(x)) % GROUPS for x in (a, b))
    most = max(1, min(GROUPS, os.cpu_count() or 1, COPIES // (a.nbytes + b.nbytes)))
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(most) as pool:
        whole = pool.submit(_frechet, a, b)
        parts = pool.map(lambda g: _frechet(a[of_a != g], b[of_b != g]), range(GROUPS))
        return mean(GROUPS * whole.result() - (GROUPS - 1) * np.array([*parts]))


def kernel_distance(a: np.ndarray, b: np.ndarray, *, paired: bool = False) -> Estimate:
    """Returns the kernel distance of features [N, F] and [M, F]; it may be negative.

    Args:
      a: features of the data.
      b: features of the samples.
      paired: whether a and b are of N pairs, as of examples and their reconstructions. The kernel
        of the two of one pair is then left out, which would make the distance too small.
    """
    if not _finite(a, b) or min(len(a), len(b)) < 3:
        return UNKNOWN
    n, m = len(a), len(b)
    (of_aa, _), (of_bb, _), (of_ab, of_ba) = _sums(a, a), _sums(b, b), _sums(a, b)
    of_aa, of_bb = of_aa - _own(a, a), of_bb - _own(b, b)
    if paired:
        value, without = _of_two(of_aa + of_bb - of_ab - of_ba + 2 * _own(a, b))
        return Estimate(value, math.sqrt((n - 1) * without.var()))
    (value_a, without_a), (value_b, without_b) = map(_of_two, (of_aa, of_bb))
    total = of_ab.sum()
    without_a -= 2 * (total - of_ab) / ((n - 1) * m)
    without_b -= 2 * (total - of_ba) / (n * (m - 1))
    variance = (n - 1) * without_a.var() + (m - 1) * without_b.var()
    return Estimate(float(value_a + value_b - 2 * total / (n * m)), math.sqrt(variance))


def _sums(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sums [N] of each u's kernels with all v, and the sums [M] of each v's."""
    of_u, of_v = np.empty(len(u)), np.zeros(len(v))
    for start in range(0, len(u), ROWS):
        rows = slice(start, start + ROWS)
        kernels = (u[rows] @ v.T / u.shape[1] + 1) ** 3
        of_u[rows] = kernels.sum(1)
        of_v += kernels.sum(0)
    return of_u, of_v


def _own(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Returns the kernel [N] of each u and its own v."""
    return ((u * v).sum(1) / u.shape[1] + 1) ** 3


def _of_two(sums: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the mean of a function of two examples, and the means [N] without each example.

    Args:
      sums: those over all other examples [N].
    """
    n, total = len(sums), sums.sum()
    return float(total / (n * (n - 1))), (total - 2 * sums) / ((n - 1) * (n - 2))


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns squared Euclidean distances [N, M] of vectors [N, F] and [M, F]."""
    products = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.maximum(products, 0)


def precision_recall(
    data: np.ndarray, samples: np.ndarray, *, k: int = NEIGHBOURS
) -> tuple[Estimate, Estimate]:
    """Returns (precision, recall) of samples [M, F] against data [N, F], both more than k."""
    if not _finite(data, samples):
        return UNKNOWN, UNKNOWN
    of_samples, _ = _in_balls(samples, data, k)
    of_data, _ = _in_balls(data, samples, k)
    return mean(of_samples > 0), mean(of_data > 0)


def density_coverage(
    data: np.ndarray, samples: np.ndarray, *, k: int = NEAREST
) -> tuple[Estimate, Estimate]:
    """Returns (density, coverage) of samples [M, F] against data [N, F], data more than k."""
    if not _finite(data, samples):
        return UNKNOWN, UNKNOWN
    balls, held = _in_balls(samples, data, k)
    return mean(balls / k), mean(held > 0)


def _in_balls(points: np.ndarray, others: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts which points are in which k-nearest-neighbour balls about `others`.

    Returns:
      In how many balls each point is [N], and how many points are in each ball [M].
    """
    balls, held = np.zeros(len(points), int), []
    for start in range(0, len(others), ROWS):
        centres = others[start : start + ROWS]
        own = squared_distances(centres, others)
        own[np.arange(len(centres)), np.arange(start, start + len(centres))] = -1  # itself, first
        radius = np.partition(own, k, axis=1)[:, k]
        within = squared_distances(centres, points) <= radius[:, None]
        balls += within.sum(0)
        held.append(within.sum(1))
    return balls, np.concatenate(held)


def inception_score(predicted: np.ndarray, splits: int = SPLITS) -> tuple[float, float]:
    """Returns the mean and standard deviation over splits of the score of probabilities [N, C]."""
    if not _finite(predicted) or len(predicted) < splits:
        return math.nan, math.nan
    edges = np.arange(splits + 1) * len(predicted) // splits
    parts = [predicted[a:b].astype(np.float64) for a, b in itertools.pairwise(edges)]
    scores = [np.exp((_entropies(p.mean(0)) - _entropies(p)).mean()) for p in parts]
    return float(np.mean(scores)), float(np.std(scores))


def _entropies(probabilities: np.ndarray) -> np.ndarray:
    """Returns the entropies [...] of probabilities [..., C]; 0 log 0 is 0."""
    logs = np.log(np.where(probabilities > 0, probabilities, 1))
    return -(probabilities * logs).sum(-1)


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
    return float(_entropies(counts / counts.sum()) + 0.0)  # of one bin 0, not -0
