"""What one example is: numbers at places, and what the numbers mean.

An image has the places (H, W), a sound or a sentence (T,), a solid (D, H, W); a row of a table has
none, and its columns are channels. Data keep raw values; models are given x:

    x = (raw - offset) / scale

| kind   | x                                                                                  |
|--------|------------------------------------------------------------------------------------|
| binary | 0 or 1                                                                             |
| levels | one of L equally spaced values in [0, 1], 0 and 1 among them                       |
| counts | whole numbers without an upper end, over the largest that was counted              |
| real   | real numbers                                                                       |
| tokens | whole numbers 0, ..., V - 1 that are names, as they are                            |
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
      levels: how many values there are: L, V, and of counts one more than the largest. None of
        real numbers; but where noise of one level's width was added to L levels, L.
      offset: a number, or one for each channel.
      low: the least that x is, and high: the most, in the data.
      black: the source's own value that became x = 0, and white: that became 1, where reading it
        changed them.
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
        """The raw values [..., C] as x, float32; tokens int32. On the host or in a trace."""
        if self.kind == "tokens":
            return raw.astype(np.int32)
        raw = raw.astype(np.float32)
        if self.offset != 0.0:
            raw = raw - _numbers(self.offset)
        return raw / _numbers(self.scale)

    def to_raw(self, x: np.ndarray) -> np.ndarray:
        """x [..., C] as raw values, on the host; the nearest whole numbers but of real ones."""
        if self.kind == "tokens":
            return x
        raw = x * _numbers(self.scale) + _numbers(self.offset)
        return raw if self.kind == "real" else np.rint(raw)


def _numbers(given: float | tuple[float, ...]) -> Any:
    """One number, which takes no part in what the arithmetic's type is, or float32 [C]."""
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
        """The sum of log scale over all values: log p(raw) = log p(x) - this, of real numbers."""
        scales = np.broadcast_to(np.log(np.asarray(self.values.scale)), self.shape)
        return float(scales.sum())

    @property
    def size(self) -> int:
        """How many values there are."""
        return math.prod(self.shape)
