"""How well a score tells two kinds apart: the receiver operating characteristic.

Of positives with scores p and negatives with scores n, a threshold t accepts the shares

    TAR(t) = P(p >= t),    FAR(t) = P(n >= t)

of them (true and false acceptance). The ROC is the curve of both over t; the area below it, AUROC =
P(p > n) + P(p = n) / 2, is 1/2 for a score that says nothing (Fawcett, "An introduction to ROC
analysis", 2006). Positives may count by weights, so that groups of them weigh alike.

Scores that are not numbers cannot be ranked: every figure made with one of them is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def roc(
    negatives: np.ndarray, positives: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(FAR [T], TAR [T]) at every threshold that tells two scores apart, from (0, 0) to (1, 1).

    Args:
      negatives: [N] scores.
      positives: [P] scores.
      weights: [P] what the positives count; all alike where None.

    Raises:
      ValueError: a score is NaN, or there are none of a kind.
    """
    if not _ranked(negatives, positives):
        raise ValueError("a ROC needs scores of both kinds, and numbers for all of them.")
    thresholds = np.unique(np.concatenate([negatives, positives]))[::-1]
    weights = np.ones(len(positives)) if weights is None else weights
    false = _accepted(negatives, np.ones(len(negatives)), thresholds)
    return false, _accepted(positives, weights, thresholds)


def auroc(negatives: np.ndarray, positives: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The area under the ROC; NaN where a score is, or there are none of a kind."""
    if not _ranked(negatives, positives):
        return math.nan
    return float(np.trapezoid(*reversed(roc(negatives, positives, weights))))


def tar_at_far(
    negatives: np.ndarray,
    positives: np.ndarray,
    far: float,
    weights: np.ndarray | None = None,
) -> float:
    """The highest true acceptance rate with a false acceptance rate of at most `far`, or NaN."""
    if not _ranked(negatives, positives):
        return math.nan
    false, true = roc(negatives, positives, weights)
    return float(true[false <= far].max())


def auroc_error(negatives: np.ndarray, positives: np.ndarray, groups: np.ndarray) -> float:
    """The standard error of the AUROC in which every group [P] of positives weighs alike.

    The AUROC is the mean over groups of the share of negatives that a group's positives lie above,
    and also the mean over negatives of the share of groups that lie above one: its variance is the
    sum of those of the two means (DeLong et al., "Comparing the areas under two or more correlated
    receiver operating characteristic curves", 1988, with a group in the place of a positive). NaN
    with fewer than two groups or negatives, and where a score is.
    """
    names, group = np.unique(groups, return_inverse=True)
    if not _ranked(negatives, positives) or min(len(names), len(negatives)) < 2:
        return math.nan
    weights = 1 / np.bincount(group)[group]
    own = np.bincount(group, weights * _above(np.sort(negatives), positives))
    order = np.argsort(positives)
    ends = np.concatenate([[0.0], np.cumsum(weights[order])]) / len(names)
    low, high = (np.searchsorted(positives[order], negatives, side) for side in ("left", "right"))
    others = 1 - (ends[low] + ends[high]) / 2
    variance = own.var(ddof=1) / len(own) + others.var(ddof=1) / len(others)
    return float(math.sqrt(variance))


def fold_accuracies(negatives: Sequence[np.ndarray], positives: Sequence[np.ndarray]) -> np.ndarray:
    """The share of each of F folds that a threshold chosen on the others tells right, [F].

    Args:
      negatives: F arrays of scores.
      positives: F arrays of scores.
    """
    shares = []
    for fold, (low, high) in enumerate(zip(negatives, positives, strict=True)):
        others = [
            np.concatenate([*kind[:fold], *kind[fold + 1 :]]) for kind in (negatives, positives)
        ]
        if not _ranked(low, high, *others):
            return np.full(len(negatives), math.nan)
        false, true = roc(*others)
        thresholds = np.unique(np.concatenate(others))[::-1]
        right = true[1:] * len(others[1]) - false[1:] * len(others[0])
        threshold = thresholds[right.argmax()]
        shares.append(
            ((low < threshold).sum() + (high >= threshold).sum()) / (len(low) + len(high))
        )
    return np.array(shares)


def _above(ordered: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of sorted scores that each of `scores` lies above, ties half."""
    low, high = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return (low + high) / (2 * len(ordered))


def _accepted(scores: np.ndarray, weights: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """The weighted share of scores at or above each threshold, after one above all of them."""
    order = np.argsort(scores)
    above = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
    shares = above / above[0]
    return np.concatenate([[0.0], shares[np.searchsorted(scores[order], thresholds, "left")]])


def _ranked(*kinds: np.ndarray) -> bool:
    return all(len(scores) and not np.isnan(scores).any() for scores in kinds)
