"""What a model must know of its data."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Data(NamedTuple):
    """Facts that decide shapes, and arrays that parameters start from.

    Attributes:
      mean_image: [H, W, C] mean of the training data.
      scale: a raw value is x times this.
      levels: number of equally spaced values in [0, 1] that x takes, None if it is continuous.
      num_classes: of the labels; 0 where there are none.
      images: number to the first so many images of the training data, [n, H, W, C].
      num_attributes: of the images; 0 where there are none.
    """

    mean_image: np.ndarray
    scale: float
    levels: int | None
    num_classes: int
    images: Callable[[int], np.ndarray]
    num_attributes: int = 0

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.mean_image.shape
