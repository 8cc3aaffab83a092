"""Scales of attributes: what is low, high and usual of numbers that have units of their own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Scales(NamedTuple):
    """The scales of A attributes.

    Attributes:
      low: [A], where an attribute counts as off, the share 0 of its range.
      high: [A], where it counts as on, the share 1.
      mean: [A], the value that networks are given as 0.
      std: [A], the distance from the mean that networks are given as 1.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def share(self, y: np.ndarray) -> np.ndarray:
        """Returns how far attributes [N, A] are on the way from low to high, [N, A] float32."""
        low, high = map(np.array, (self.low, self.high))
        return ((y - low) / (high - low)).astype(np.float32)


def unit_scales(number: int) -> Scales:
    """Returns scales of attributes between 0 and 1, which networks are given as they are."""
    zeros, ones = (0.0,) * number, (1.0,) * number
    return Scales(zeros, ones, zeros, ones)


def scales_of(values: np.ndarray | None, number: int) -> Scales:
    """Returns the scales of A attributes.

    An attribute whose values are all between 0 and 1 keeps them. For any other, low and high are
    its 5th and 95th percentile, or its lowest and highest value where these are equal.

    Args:
      values: [N, A], of all examples; None where they are not at hand: all keep their values.
      number: A.
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
