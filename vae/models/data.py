"""What a model must know of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Scales(NamedTuple):
    """What the numbers of A attributes mean, each in its own unit.

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


class Data(NamedTuple):
    """Facts that decide shapes, and arrays that parameters start from.

    Attributes:
      mean_image: [H, W, C] mean of the training data.
      scale: a raw value is x times this.
      levels: number of equally spaced values in [0, 1] that x takes, None if it is continuous.
      num_classes: of the labels; 0 where there are none.
      images: number to the first so many images of the training data, [n, H, W, C].
      num_attributes: of the images; 0 where there are none.
      scales: of the attributes; as of `unit_scales` where None.
    """

    mean_image: np.ndarray
    scale: float
    levels: int | None
    num_classes: int
    images: Callable[[int], np.ndarray]
    num_attributes: int = 0
    scales: Scales | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.mean_image.shape
