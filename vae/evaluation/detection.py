"""How well a score separates two kinds: the receiver operating characteristic (ROC).

From positives with scores p and negatives with scores n, a threshold t accepts the shares

    TAR(t) = P(p >= t),    FAR(t) = P(n >= t)

(true and false acceptance rate). The ROC is the curve of both over t. The area below it, AUROC =
P(p > n) + P(p = n) / 2, is 1/2 for a score that says nothing (Fawcett, "An introduction to ROC
analysis", 2006). Positives may have weights, so that groups of them count equally.

Scores that are NaN cannot be ranked: every metric made with one of them is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

COMPLEX = (
    0.5  # a rank correlation with the complexity of examples beyond which a score is warned of
)


def roc(
    negatives: np.ndarray, positives: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (FAR [T], TAR [T]) at every threshold between two scores, from (0, 0) to (1, 1).

    Args:
      negatives: [N] scores.
      positives: [P] scores.
      weights: [P] weights of the positives; equal if None.

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
    """Returns the area under the ROC; NaN if a score is, or there are none of a kind."""
    if not _ranked(negatives, positives):
        return math.nan
    return float(np.trapezoid(*reversed(roc(negatives, positives, weights))))


def tar_at_far(
    negatives: np.ndarray,
    positives: np.ndarray,
    far: float,
    weights: np.ndarray | None = None,
) -> float:
    """Returns the highest true acceptance rate with a false one of at most `far`, or NaN."""
    if not _ranked(negatives, positives):
        return math.nan
    false, true = roc(negatives, positives, weights)
    return float(true[false <= far].max())


def auroc_error(negatives: np.ndarray, positives: np.ndarray, groups: np.ndarray) -> float:
    """Returns the standard error of the AUROC in which every group [P] of positives counts equally.

    The AUROC is the mean over groups of the share of negatives that a group's positives lie above,
    and also the mean over negatives of the share of groups that lie above one. Its variance is the
    sum of those of the two means (DeLong et al., "Comparing the areas under two or more correlated
    receiver operating characteristic curves", 1988, with groups in place of positives). It is NaN
    with fewer than two groups or negatives, and if a score is.
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


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Returns Spearman's correlation of scores [N] and [N]; NaN if one is NaN or never varies."""
    if np.isnan(a).any() or np.isnan(b).any() or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(spearmanr(a, b).statistic)


def complexity_warning(
    correlations: Mapping[str, float], aurocs: Mapping[str, float]
) -> str | None:
    """Returns one sentence if -log p(x) orders examples by how simple they look, else None.

    A simple image has a high likelihood under a model of other images (Nalisnick et al., "Do deep
    generative models know what they don't know?", 2019).

    Args:
      correlations: the rank correlation of "nll", -log p(x), and of "ratio", which is less by the
        length of a universal code for x, with that length over test examples.
      aurocs: the AUROC of both; empty where there are no outliers.
    """
    nll, ratio = correlations["nll"], correlations["ratio"]
    told = f"by the length of their code (rank correlation {nll:.2f} over test examples)"
    if aurocs and aurocs["nll"] < 0.5:
        return (
            f"The order is the wrong way round: nll takes the outliers for more typical than test "
            f"examples (AUROC {aurocs['nll']:.3f}). It orders examples {told}, so that simple ones "
            f"score low; ratio, which takes that length off, has AUROC {aurocs['ratio']:.3f}."
        )
    if nll > COMPLEX:
        return (
            f"nll orders examples {told}, so outliers that look simpler than the data score low; "
            f"ratio takes that length off (rank correlation {ratio:.2f})."
        )
    return None


def fold_accuracies(negatives: Sequence[np.ndarray], positives: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the accuracy [F] on each fold of a threshold chosen on the other folds.

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
    """Returns the share of sorted scores that each of `scores` lies above, ties half."""
    low, high = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    return (low + high) / (2 * len(ordered))


def _accepted(scores: np.ndarray, weights: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns the weighted share of scores at or above each threshold, from one above all on."""
    order = np.argsort(scores)
    above = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
    shares = above / above[0]
    return np.concatenate([[0.0], shares[np.searchsorted(scores[order], thresholds, "left")]])


def _ranked(*kinds: np.ndarray) -> bool:
    return all(len(scores) and not np.isnan(scores).any() for scores in kinds)
