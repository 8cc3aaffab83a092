"""What the numbers of attributes mean, each in its own unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Scales(NamedTuple):
    """What the numbers of A attributes mean.

    Attributes:
      low: [A] where an attribute is taken to be off, the share 0 of its range.
      high: [A] where it is taken to be on, the share 1.
      mean: [A] which networks are given as 0.
      std: [A] the distance from the mean which they are given as 1.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def share(self, y: np.ndarray) -> np.ndarray:
        """How far attributes [N, A] are from low to high, [N, A] float32."""
        low, high = map(np.array, (self.low, self.high))
        return ((y - low) / (high - low)).astype(np.float32)


def unit_scales(number: int) -> Scales:
    """The scales of attributes between 0 and 1, which networks are given as they are."""
    zeros, ones = (0.0,) * number, (1.0,) * number
    return Scales(zeros, ones, zeros, ones)


def scales_of(values: np.ndarray | None, number: int) -> Scales:
    """Returns what the numbers of A attributes [N, A] mean, given all of them (None: not at hand).

    Those between 0 and 1 are shares as they are. Any other has its 5th and 95th percentile as low
    and high, or its lowest and highest value where these are equal.
    """
    if values is None or not number:
        return unit_scales(number)
    values = np.asarray(values, np.float64)
    lowest, highest = values.min(0), values.max(0)
    unit = (lowest >= 0) & (highest <= 1)
    low, high = np.zeros(number), np.ones(number)
    mean, std = np.zeros(number), np.ones(number)
    for a in np.flatnonzero(~unit):
        low[a], high[a] = np.percentile(values[:, a], (5, 95))
        if low[a] == high[a]:
            low[a], high[a] = lowest[a], highest[a]
        if low[a] == high[a]:
            high[a] += 1
        mean[a], std[a] = values[:, a].mean(), values[:, a].std() or 1.0
    return Scales(*(tuple(column.tolist()) for column in (low, high, mean, std)))
