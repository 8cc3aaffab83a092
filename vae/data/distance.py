"""How far examples are from others.

    numbers   the root mean squared difference of the values
    tokens    the share of positions at which the tokens differ

Values that are missing do not count: numbers that either example lacks, and positions at which
neither has a token (a longer text differs from a shorter one where only it has tokens).
"""

from __future__ import annotations

import numpy as np

from vae.probability.event import Event


def distance(x: np.ndarray, others: np.ndarray, event: Event) -> np.ndarray:
    """Returns distances [...] of x and others, [..., *event.shape], which broadcast.

    NaN where no value counts.
    """
    error = errors(x, others, event)
    return error if event.values.kind == "tokens" else np.sqrt(error)


def errors(x: np.ndarray, others: np.ndarray, event: Event) -> np.ndarray:
    """Returns squared distances [...] of numbers, and distances of tokens, see `distance`."""
    tokens = event.values.kind == "tokens"
    error = (x != others) if tokens else (x - others) ** 2
    error = error.reshape(*error.shape[: error.ndim - len(event.shape)], -1)
    if not event.values.missing:
        return error.mean(-1)
    counts = (x >= 0) | (others >= 0) if tokens else ~np.isnan(error)
    counts = counts.reshape(error.shape)
    with np.errstate(invalid="ignore"):
        return np.where(counts, error, 0).sum(-1) / counts.sum(-1)
