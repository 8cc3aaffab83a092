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

Examples may be ragged: a sentence or a sound that is shorter than the longest has missing positions
after its end. They are marked by the values themselves: raw numbers are -1 there (NaN if they are
floats), and x is NaN (-1 for tokens). A model is given numbers and a mask instead (`Values.known`).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

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
      missing: whether positions may be missing.
      end: the token after which the positions of an example are missing, or None.
      total: of rows of counts, the median over training examples of their sum; None of all else.
    """

    kind: str
    scale: float | tuple[float, ...] = 1.0
    levels: int | None = None
    offset: float | tuple[float, ...] = 0.0
    low: float = 0.0
    high: float = 1.0
    black: float | None = None
    white: float | None = None
    missing: bool = False
    end: int | None = None
    total: float | None = None

    def to_x(self, raw: Any) -> Any:
        """Returns raw values [..., C] as x, float32 (tokens int32), on the host or in a trace."""
        if self.kind == "tokens":
            return raw.astype(np.int32)
        x = raw.astype(np.float32)
        if self.offset != 0.0:
            x = x - _numbers(self.offset)
        x = x / _numbers(self.scale)
        if self.missing and self.kind != "real":  # a float is NaN already
            numbers: Any = jnp if isinstance(raw, jax.Array) else np
            x = numbers.where(raw < 0, np.float32(np.nan), x)
        return x

    def to_raw(self, x: np.ndarray) -> np.ndarray:
        """Returns x [..., C] as raw values, on the host; all but real ones are rounded."""
        if self.kind == "tokens":
            return x
        raw = x * _numbers(self.scale) + _numbers(self.offset)
        if self.kind == "real":
            return raw
        return np.nan_to_num(np.rint(raw), nan=-1) if self.missing else np.rint(raw)

    def there(self, x: Any) -> Any:
        """Returns which positions [..., *places] of x [..., *places, C] are not missing."""
        return (x >= 0).all(-1) if self.kind == "tokens" else (x == x).all(-1)

    def known(self, x: Array) -> tuple[Array, Array | None]:
        """Returns x as a model is given it, without NaN, and the mask [..., *places] or None."""
        if not self.missing:
            return x, None
        return (x if self.kind == "tokens" else jnp.nan_to_num(x)), self.there(x)

    def marked(self, x: np.ndarray, there: np.ndarray | None) -> np.ndarray:
        """Returns x [..., *places, C] on the host, with its missing positions marked.

        Args:
          x: as a model makes it.
          there: [..., *places], False at the missing positions; None where there are none.
        """
        if there is None:
            return x
        return np.where(there[..., None], x, -1 if self.kind == "tokens" else np.float32(np.nan))


def _numbers(given: float | tuple[float, ...]) -> Any:
    """Returns one number, which leaves the type of the arithmetic alone, or float32 [C]."""
    return np.asarray(given, np.float32) if isinstance(given, tuple) else float(given)


BYTES = Values("levels", scale=255.0, levels=256)
BINARY = Values("binary", levels=2)


@dataclasses.dataclass(frozen=True)
class Event:
    """What one example is.

    Attributes:
      shape: (*places, C); of ragged examples, that of the longest.
      values: what the values mean.
      names: the names of the channels; none where they have none.
      codec: what the modality needs to make such examples of its files, and files of examples, as
        JSON of its own; "" where it needs nothing.
    """

    shape: tuple[int, ...]
    values: Values
    names: tuple[str, ...] = ()
    codec: str = ""

    @property
    def places(self) -> tuple[int, ...]:
        return self.shape[:-1]

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def ragged(self) -> bool:
        """Returns whether examples may be shorter than the shape, along the first axis."""
        return self.values.missing and len(self.shape) > 1

    @property
    def log_scale(self) -> float:
        """Returns the sum of log scale over all values: log p(raw) = log p(x) - this, if real.

        Missing positions count as well. Every position has the same part of it.
        """
        scales = np.broadcast_to(np.log(np.asarray(self.values.scale)), self.shape)
        return float(scales.sum())

    @property
    def size(self) -> int:
        """Returns the number of values."""
        return math.prod(self.shape)
