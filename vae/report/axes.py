"""Axes of charts: from values to pixels, and where the ticks are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

TICKS = 5  # about so many on an axis
MOST = (0.1, 0.9)  # of the sorted values: those between set the scale of a robust axis,
FAR = 1.5  # and others set it if they are no further out than so many of their ranges


class Axis(NamedTuple):
    """An axis.

    Attributes:
      low, high: the values at its ends.
      start, end: their places, in pixels.
      log: whether it is logarithmic.
      ticks: the values that are marked.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Returns the place of a value; one outside the ends is at the nearer end."""
        low, high, x = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, x = math.log(low), math.log(high), math.log(x)
        return self.start + (self.end - self.start) * (x - low) / (high - low)

    @property
    def labels(self) -> tuple[str, ...]:
        """Returns the ticks as text."""
        return labels(self.ticks)


def axis(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    log: bool = False,
    zero: bool = False,
    robust: bool = False,
    most: int = TICKS,
) -> Axis:
    """Returns the axis on which values fit; those that are not finite are left out.

    Args:
      values: what is drawn.
      start: the place of the low end, in pixels.
      end: the place of the high end.
      log: makes it logarithmic, if all values are above 0.
      zero: makes it reach 0.
      robust: cuts off the few values that lie far from all others, as losses of the first steps.
      most: about how many ticks it has.
    """
    found = sorted(x for x in values if math.isfinite(x)) or [0.0, 1.0]
    log = log and found[0] > 0
    low, high = _most(found) if robust else (found[0], found[-1])
    if zero and not log:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = (low / 2, high * 2) if log else (low - (abs(low) or 1) / 2, high + (high or 1))
        low, high = min(low, high), max(low, high)
    step = _step((high - low) / most)
    if log:
        ticks = _decades(low, high, most) or _multiples(step, low, high)
        return Axis(low, high, start, end, True, ticks)
    margin = (high - low) * 0.04
    low = low if zero and low == 0 else low - margin
    high = high if zero and high == 0 else high + margin
    return Axis(low, high, start, end, False, _multiples(step, low, high))


def labels(values: Sequence[float]) -> tuple[str, ...]:
    """Returns ticks as short text, with as many digits as tell them apart: "0.5", "20k"."""
    largest = max((abs(x) for x in values), default=0.0)
    unit, letter = next(
        ((u, s) for u, s in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if largest >= 10 * u), (1.0, "")
    )
    for digits in range(2, 9):
        texts = [f"{x / unit:.{digits}g}" for x in values]
        if len(set(texts)) == len(set(values)) and all(
            math.isclose(float(text) * unit, x, rel_tol=1e-6, abs_tol=largest * 1e-9)
            for text, x in zip(texts, values, strict=True)
        ):
            break
    return tuple(_plain(float(t)) + (letter if float(t) else "") for t in texts) if values else ()


def _plain(value: float) -> str:
    return f"{value:g}".replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def _most(found: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of sorted values without those that lie far from most of them."""
    low, high = (found[round(share * (len(found) - 1))] for share in MOST)
    room = FAR * (high - low)
    kept = [x for x in found if low - room <= x <= high + room]
    return kept[0], kept[-1]


def _step(least: float) -> float:
    """Returns the round number at or above a step."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= least * (1 - 1e-9))


def _multiples(step: float, low: float, high: float) -> tuple[float, ...]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(i * step for i in range(first, last + 1))


def _decades(low: float, high: float, most: int) -> tuple[float, ...]:
    """Returns round numbers between the ends of a logarithmic axis; none if these are near."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1,), (1, 3), (1, 2, 5)):
        ticks = [f * 10.0**p for p in powers for f in factors if low <= f * 10.0**p <= high]
        if len(ticks) >= 3:
            return tuple(ticks[:: math.ceil(len(ticks) / (2 * most))])
    return ()
