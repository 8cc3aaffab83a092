"""What one example is: numbers at positions (`places`), and what the numbers mean.

The places of an image are (H, W), of a sound or a sentence (T,), of a solid (D, H, W). A row of a
table has none; its columns are channels. Data keep raw values; models are given x:

    x = (raw - offset) / scale

| kind   | x                                                                                  |
|--------|------------------------------------------------------------------------------------|
| binary | 0 or 1                                                                             |
| levels | one of L equally spaced values in [0, 1], 0 and 1 among them                       |
| counts | whole numbers without an upper end, divided by the largest that was counted        |
| real   | real numbers                                                                       |
| tokens | whole numbers 0, ..., V - 1 that are names, unchanged                              |
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

KINDS = ("binary", "levels", "real", "counts", "tokens")


@dataclasses.dataclass(frozen=True)
class Values:
    """The meaning of a value.

    Attributes:
      kind: one of KINDS.
      scale: a number, or one for each channel.
      levels: how many values there are: L for levels, V for tokens, one more than the largest for
        counts. For real numbers None, unless noise of one level's width was added to L levels: L.
      offset: a number, or one for each channel.
      low, high: the least and the largest x in the data.
      black, white: the source's own values that became x = 0 and x = 1, where reading changed them.
    """

    kind: str
    scale: float | tuple[float, ...] = 1.0
    levels: int | None = None
    offset: float | tuple[float, ...] = 0.0
    low: float = 0.0
    high: float = 1.0
    black: float | None = None
    white: float | None = None

    def to_x(self, raw: Any) -> Any:
        """Returns raw values [..., C] as x, float32 (tokens int32), on the host or in a trace."""
        if self.kind == "tokens":
            return raw.astype(np.int32)
        raw = raw.astype(np.float32)
        if self.offset != 0.0:
            raw = raw - _numbers(self.offset)
        return raw / _numbers(self.scale)

    def to_raw(self, x: np.ndarray) -> np.ndarray:
        """Returns x [..., C] as raw values, on the host; all but real ones are rounded."""
        if self.kind == "tokens":
            return x
        raw = x * _numbers(self.scale) + _numbers(self.offset)
        return raw if self.kind == "real" else np.rint(raw)


def _numbers(given: float | tuple[float, ...]) -> Any:
    """Returns one number, which leaves the type of the arithmetic alone, or float32 [C]."""
    return np.asarray(given, np.float32) if isinstance(given, tuple) else float(given)


BYTES = Values("levels", scale=255.0, levels=256)
BINARY = Values("binary", levels=2)


@dataclasses.dataclass(frozen=True)
class Event:
    """The shape of an example (*places, C), what its values mean, and the names of its channels."""

    shape: tuple[int, ...]
    values: Values
    names: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[int, ...]:
        return self.shape[:-1]

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def log_scale(self) -> float:
        """Returns the sum of log scale over all values: log p(raw) = log p(x) - this, if real."""
        scales = np.broadcast_to(np.log(np.asarray(self.values.scale)), self.shape)
        return float(scales.sum())

    @property
    def size(self) -> int:
        """Returns the number of values."""
        return math.prod(self.shape)
