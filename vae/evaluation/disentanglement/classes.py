"""Factors as classes from 0, which is what all scores take.

A factor of few values is taken as it is, and any other is cut into bins of equally many examples.
"""

from __future__ import annotations

import numpy as np

from vae.evaluation.disentanglement.predictors import split

MOST = 200  # values of a factor that is taken as it is,
ROWS = 10  # and the fewest examples of each, on average
BINS = 10  # of any other factor
FEWEST = 5  # examples whose value is not the commonest one, in each part


def is_discrete(values: np.ndarray) -> bool:
    """Returns whether values [N] of a factor are taken as they are."""
    number = len(np.unique(values))
    return number <= min(MOST, max(len(values) // ROWS, 2))


def as_classes(values: np.ndarray) -> np.ndarray:
    """Returns the class [N], from 0, of each value [N] of a factor.

    Bins have equally many examples, as far as equal values, which share a bin, allow.
    """
    if not is_discrete(values):
        bins = min(BINS, max(len(values) // ROWS, 2))
        cuts = np.quantile(values, np.arange(1, bins) / bins)
        values = np.searchsorted(np.unique(cuts), values, side="right")
    return np.unique(values, return_inverse=True)[1]


def varies(factors: np.ndarray) -> np.ndarray:
    """Returns which factors, [F] bool, of classes [N, F] take more than one value.

    At least five examples of those that are learned from, and five of those that are measured on,
    must have another value than the commonest: else there is nothing to measure.
    """
    parts = [factors[part] for part in split(len(factors))]
    others = [
        [len(values) - max(np.bincount(values), default=0) for values in part.T] for part in parts
    ]
    return np.min(others, axis=0) >= FEWEST
