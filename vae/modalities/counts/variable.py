"""Highly variable genes, as Seurat's third version finds them.

A gene's variance over cells follows its mean mu: log10 sigma^2(mu) is fitted by local quadratic
regression of log10 variance on log10 mean. With sigma(mu) a gene's counts k are standardised, and
clipped at sqrt(N), so that a few cells do not make a gene variable:

    score = sum over cells of (min((k - mu) / sigma(mu), sqrt(N)))^2 / (N - 1)

(Stuart et al., "Comprehensive integration of single-cell data", 2019, "Feature selection".) The
regression is computed at 200 means, evenly over the genes, and interpolated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

SPAN = 0.3  # the share of genes in a neighbourhood
KNOTS = 200


def most(read: Callable[[], Iterator[sparse.csr_array]], number: int) -> np.ndarray:
    """Returns the genes that vary most, in increasing order, for what yields the counts [n, F]."""
    score = scores(read)
    return np.sort(np.argsort(-score, kind="stable")[:number])


def scores(read: Callable[[], Iterator[sparse.csr_array]]) -> np.ndarray:
    """Returns the scores [F] of genes; 0 for those that do not vary."""
    total: Any
    squares: Any
    count, total, squares = 0, 0.0, 0.0
    for part in read():
        part = part.astype(np.float64)
        count += part.shape[0]
        total = total + np.asarray(part.sum(0)).ravel()
        squares = squares + np.asarray(part.power(2).sum(0)).ravel()
    mean = np.asarray(total / count)
    variance = np.maximum(np.asarray(squares) - count * mean**2, 0) / max(count - 1, 1)
    moving = variance > 0
    std = np.ones(len(mean))
    std[moving] = 10 ** (local(np.log10(mean[moving]), np.log10(variance[moving])) / 2)
    # A count is clipped where its standardised value is; a zero never is.
    highest = mean + std * np.sqrt(count)
    total, squares = 0.0, 0.0
    for part in read():
        part = part.astype(np.float64).tocsc()
        part.data = np.minimum(part.data, np.repeat(highest, np.diff(part.indptr)))
        total = total + np.asarray(part.sum(0)).ravel()
        squares = squares + np.asarray(part.power(2).sum(0)).ravel()
    deviations = squares - 2 * mean * total + count * mean**2
    return np.where(moving, deviations / (max(count - 1, 1) * std**2), 0.0)


def local(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the local quadratic regression of y on x at x, [F], with tricube weights."""
    if len(x) < 10:
        return np.full(len(x), y.mean()) if len(x) else y
    near = max(10, int(SPAN * len(x)))
    by = np.argsort(x)
    x_, y_ = x[by], y[by]
    knots = np.unique(x_[np.linspace(0, len(x) - 1, min(KNOTS, len(x))).astype(int)])
    fitted = np.empty(len(knots))
    for i, knot in enumerate(knots):
        start = int(np.clip(np.searchsorted(x_, knot) - near // 2, 0, len(x) - near))
        own, values = x_[start : start + near] - knot, y_[start : start + near]
        far = max(np.abs(own).max(), 1e-12)
        weight = np.sqrt((1 - np.minimum(np.abs(own) / far, 1) ** 3) ** 3)
        powers = weight[:, None] * (own / far)[:, None] ** np.arange(3)
        fitted[i] = np.linalg.lstsq(powers, weight * values, rcond=None)[0][0]
    return np.interp(x, knots, fitted)
