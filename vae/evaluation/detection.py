"""How well a score tells two kinds apart: the receiver operating characteristic.

Of positives with scores p and negatives with scores n, a threshold t accepts the shares

    TAR(t) = P(p >= t),    FAR(t) = P(n >= t)

of them (true and false acceptance). The ROC is the curve of both over t; the area below it, AUROC =
P(p > n) + P(p = n) / 2, is 1/2 for a score that says nothing (Fawcett, "An introduction to ROC
analysis", 2006).
"""

from __future__ import annotations

import numpy as np


def roc(negatives: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(FAR [T], TAR [T]) at every threshold that tells two scores apart, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate([negatives, positives]))[::-1]
    rates = [
        (len(scores) - np.searchsorted(np.sort(scores), thresholds, "left")) / len(scores)
        for scores in (negatives, positives)
    ]
    return tuple(np.concatenate([[0.0], rate]) for rate in rates)


def auroc(negatives: np.ndarray, positives: np.ndarray) -> float:
    """The area under the ROC."""
    return float(np.trapezoid(*reversed(roc(negatives, positives))))


def tar_at_far(negatives: np.ndarray, positives: np.ndarray, far: float) -> float:
    """The highest true acceptance rate with a false acceptance rate of at most `far`."""
    false, true = roc(negatives, positives)
    return float(true[false <= far].max())
