"""One set of axes on a page: points, bars and lines between ticks at round numbers.

What is drawn is twice as large as what is shown, which smooths it.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FINE = 2  # pixels drawn for each that is shown
TEXT = 11  # height of letters, in pixels shown
FRAME, FAINT = "#666666", "#dddddd"

Colour = tuple[int, int, int]


class Page:
    """A white page of `width` by `height` pixels, to draw on in units of these."""

    def __init__(self, width: int, height: int):
        self.image = Image.new("RGB", (width * FINE, height * FINE), "white")
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "la",
        size: int = TEXT,
        most: float = 0,
    ) -> None:
        """Writes text; it is shortened to `most` pixels where that is given."""
        font = _font(size * FINE)
        if most and font.getlength(text) > most * FINE:
            while text and font.getlength(text + "...") > most * FINE:
                text = text[:-1]
            text += "..."
        self.draw.text((x * FINE, y * FINE), text, "black", font, anchor=anchor)

    def square(self, x: float, y: float, size: float, colour: Colour) -> None:
        self.draw.rectangle([v * FINE for v in (x, y, x + size, y + size)], (*colour, 200))

    def pixels(self) -> np.ndarray:
        """The page as [H, W, 3] uint8."""
        return np.asarray(self.image.reduce(FINE))


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def text_width(text: str, size: int = TEXT) -> float:
    """How wide a text is, in pixels shown."""
    return _font(size * FINE).getlength(text) / FINE


@dataclasses.dataclass(frozen=True)
class Panel:
    """Axes on a page.

    Attributes:
      page: the page.
      box: left, top, right, bottom, in pixels.
      x: the ends of the horizontal axis, and y: of the vertical one, in units of what is shown.
    """

    page: Page
    box: tuple[float, float, float, float]
    x: tuple[float, float]
    y: tuple[float, float]

    def frame(self, *, x_ticks: bool = True, y_ticks: bool = True) -> None:
        """Draws the frame, and ticks with their numbers at the left and below."""
        left, top, right, bottom = self.box
        self.page.draw.rectangle([v * FINE for v in self.box], outline=FRAME, width=1)
        if x_ticks:
            values = ticks(*self.x, 2 if right - left < 140 else 4)
            for value, text in zip(values, labels(values), strict=True):
                across = self._across(value)
                self._line([(across, bottom), (across, bottom + 3)], FRAME)
                half = text_width(text, TEXT - 1) / 2  # kept between the ends, off its neighbour's
                across = min(max(across, left + half - 6), right - half + 6)
                self.page.text(across, bottom + 5, text, anchor="ma", size=TEXT - 1)
        if y_ticks:
            values = ticks(*self.y, 2 if bottom - top < 90 else 3)
            for value, text in zip(values, labels(values), strict=True):
                down = self._down(value)
                self._line([(left - 3, down), (left, down)], FRAME)
                self.page.text(left - 5, down, text, anchor="rm", size=TEXT - 1)

    def points(self, x: np.ndarray, y: np.ndarray, colour: Colour, radius: float = 1.5) -> None:
        """Draws a dot at each (x, y) [N] that is within the axes."""
        inside = (x >= self.x[0]) & (x <= self.x[1]) & (y >= self.y[0]) & (y <= self.y[1])
        opacity = 110 if inside.sum() > 100 else 170
        for across, down in zip(self._across(x[inside]), self._down(y[inside]), strict=True):
            box = (across - radius, down - radius, across + radius, down + radius)
            self.page.draw.ellipse([v * FINE for v in box], (*colour, opacity))

    def bars(self, edges: np.ndarray, heights: np.ndarray, colour: Colour) -> None:
        """Draws a histogram of bins with `edges` [B + 1]: filled faintly, with an outline."""
        outline = [(self._across(edges[0]), self._down(0.0))]
        for start, stop, height in zip(edges[:-1], edges[1:], heights, strict=True):
            down = self._down(height)
            outline += [(self._across(start), down), (self._across(stop), down)]
        outline.append((self._across(edges[-1]), self._down(0.0)))
        corners = [(a * FINE, d * FINE) for a, d in outline]
        self.page.draw.polygon(corners, (*colour, 60))
        self._line(outline, (*colour, 255))

    def curve(self, x: Sequence[float], y: Sequence[float], colour: Colour | str) -> None:
        """Draws straight lines from point to point."""
        self._line(list(zip(self._across(x), self._down(y), strict=True)), colour)

    def _line(self, corners: Sequence[tuple[float, float]], colour: Colour | str | tuple) -> None:
        self.page.draw.line([(a * FINE, d * FINE) for a, d in corners], colour, FINE)

    def _across(self, x: float | np.ndarray) -> float | np.ndarray:
        left, _, right, _ = self.box
        return left + (np.asarray(x) - self.x[0]) / (self.x[1] - self.x[0]) * (right - left)

    def _down(self, y: float | np.ndarray) -> float | np.ndarray:
        _, top, _, bottom = self.box
        return bottom - (np.asarray(y) - self.y[0]) / (self.y[1] - self.y[0]) * (bottom - top)


def limits(values: np.ndarray, margin: float = 0.05) -> tuple[float, float]:
    """The ends of an axis on which all the values are, with a margin."""
    low, high = float(np.min(values)), float(np.max(values))
    room = margin * (high - low) or abs(high) * margin or 1.0
    return low - room, high + room


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` multiples of 1, 2 or 5 times a power of ten between the ends, or a few more.

    More are given where the next coarser ones would be fewer than two.
    """
    step, finer = 10.0 ** math.floor(math.log10((high - low) / most)), []
    for factor in (1, 2, 5, 10, 20):
        first, last = math.ceil(low / (factor * step)), math.floor(high / (factor * step))
        found = [i * factor * step for i in range(first, last + 1)]
        if len(found) <= most:
            return found if len(found) > 1 else finer or found
        finer = found
    return finer


def labels(values: Sequence[float]) -> list[str]:
    """Numbers of one axis as text, none longer than needed."""
    return [f"{0.0 if abs(value) < 1e-12 else value:.4g}" for value in values]
