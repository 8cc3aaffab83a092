"""Standardises real numbers to mean 0 and standard deviation 1 over the training set.

Each channel has its own mean m and standard deviation s, over all examples and positions:

    x = (raw - m) / s,    log p(raw) = log p(x) - sum of log s over all values
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from vae.data.checks import check_outliers
from vae.data.examples import Examples, Fitted
from vae.probability.event import Event, Values

logger = logging.getLogger(__name__)

ROWS = 4096  # examples read at once
COARSE = 0.01  # standard deviations: warn where float32 rounds by more
FAR = 1000  # standard deviations from the mean: beyond, one value decides the figures of its set


def standardised(train: Examples, names: Sequence[str], what: str) -> Values:
    """Returns the meaning of real values: the mean and standard deviation of each channel.

    Missing positions are left out.

    A channel that is constant in the training set has the standard deviation 1. Warns of such
    channels, of outliers, and of channels so far from 0 that float32 rounds them coarsely.

    Args:
      train: the training set.
      names: the names of the channels; where there are none, their numbers.
      what: the data, for the warnings.
    """
    names = names or tuple(map(str, range(train.shape[-1])))
    chunks = [np.arange(i, min(i + ROWS, len(train))) for i in range(0, len(train), ROWS)]

    def values(chunk: np.ndarray) -> np.ndarray:
        raw, ok = train.read(chunk)
        rows = raw.values[ok].reshape(-1, len(names)).astype(np.float64)
        return rows[~np.isnan(rows).any(1)]

    parts = [(len(x), x.sum(0), x.min(0), x.max(0)) for x in map(values, chunks) if len(x)]
    counts, sums, lows, highs = map(np.array, zip(*parts, strict=True))
    number, low, high = counts.sum(), lows.min(0), highs.max(0)
    mean = sums.sum(0) / number
    std = np.sqrt(sum(((values(chunk) - mean) ** 2).sum(0) for chunk in chunks) / number)

    constant = low == high
    mean, std = np.where(constant, low, mean), np.where(constant, 1.0, std)
    if constant.any():
        few = ", ".join(np.array(names)[constant])
        logger.warning("%s: constant in the training set, which teaches nothing: %s", what, few)
    for name, some, least, most in zip(names, values(chunks[0]).T, low, high, strict=True):
        check_outliers(some, least, most, f"{what}: {name}")
    coarse = np.spacing(np.maximum(-low, high).astype(np.float32)) > COARSE * std
    if (coarse & ~constant).any():
        few = ", ".join(np.array(names)[coarse & ~constant])
        logger.warning(
            "%s: too far from 0 for its spread, so that float32 rounds it: %s; subtract a number",
            *(what, few),
        )
    return Values(
        "real",
        scale=tuple(std.tolist()),
        offset=tuple(mean.tolist()),
        low=float(((low - mean) / std).min()),
        high=float(((high - mean) / std).max()),
    )


def fit(
    splits: Mapping[str, Examples], like: Event | None, *, names: Sequence[str], what: str
) -> Fitted:
    """Returns the splits with the meaning of their values, by the training set or as in `like`.

    Args:
      splits: the splits.
      like: an event with the mean and standard deviation of the training set, if they are known.
      names: the names of the channels.
      what: the data, for warnings.
    """
    if like:
        return Fitted(splits, like.values)
    values = standardised(splits["train"], names, what)
    check_far({name: x for name, x in splits.items() if name != "train"}, values, names)
    return Fitted(splits, values)


def check_far(splits: Mapping[str, Examples], values: Values, names: Sequence[str]) -> None:
    """Warns where one value is so far from the training set's mean that it decides the figures."""
    for split, examples in splits.items():
        farthest = np.zeros(examples.shape[-1])
        for i in range(0, len(examples), ROWS):
            raw, ok = examples.read(np.arange(i, min(i + ROWS, len(examples))))
            x = np.abs(values.to_x(raw.values[ok])).reshape(-1, len(farthest))
            farthest = np.fmax(farthest, np.nan_to_num(x).max(0, initial=0))
        if farthest.max() > FAR:
            logger.warning(
                "data.%s has a value of %s %.2g deviations from the training set's mean, which "
                "decides its figures alone: leave it out if it is an error",
                split,
                names[int(farthest.argmax())] if names else farthest.argmax(),
                farthest.max(),
            )
