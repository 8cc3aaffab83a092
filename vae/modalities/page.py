"""Pages, on which every picture is put, with its title and the titles of its parts in one font.

Matplotlib draws the text and the plots. Images are copied onto the page as they are, so that a
pixel stays a pixel. Matplotlib takes half a second to import: code that may draw no picture imports
this module where it draws.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

COLOURS = ("#1f61a6", "#de7014", "#3d8f5f", "#8a5aa8")  # the first two without red and green
FAINT = "#bbbbbb"
GROUND = 224  # grey between images, unlike a white image and a black one
DPI = 100
SMALL, TITLE = 8, 10  # font sizes in points
LINE, TITLE_LINE = 16, 19  # pixels from one line to the next
MARGIN = 6  # pixels
NARROWEST = 340  # pixels: a narrower page has no room for a title


class Label(NamedTuple):
    """A text on a page, centred in height on `y`, in pixels from the upper left corner.

    Attributes:
      x: of the text's middle, or of its left end.
      y: of the text's middle.
      text: what is written, cut where it is too long.
      width: the room for it.
      align: "center" or "left", which says what `x` is.
    """

    x: float
    y: float
    text: str
    width: float
    align: str = "center"


def figure(width: float, height: float) -> Figure:
    """Returns an empty figure of a size in inches, laid out so that plots do not overlap."""
    return Figure((width, height), dpi=DPI, layout="constrained")


def pixels(drawn: Figure) -> np.ndarray:
    """Returns the pixels of a figure, [H, W, 3] uint8."""
    canvas = FigureCanvasAgg(drawn)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for it
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def titled(picture: np.ndarray, title: str) -> np.ndarray:
    """Returns a picture [H, W, 3] uint8 with a title over it."""
    height, width = picture.shape[:2]
    return composed([(0, 0, picture)], [], title, width, height, ground=255)


def composed(
    pictures: Sequence[tuple[int, int, np.ndarray]],
    labels: Sequence[Label],
    title: str,
    width: int,
    height: int,
    *,
    ground: int = GROUND,
) -> np.ndarray:
    """Returns a page [H, W, 3] uint8 of pictures and labels, under a title; of clips, [T, H, W, 3].

    Args:
      pictures: for each its left and upper end, in pixels, and [h, w, 3] or [T, h, w, 3] uint8.
      labels: the texts between the pictures.
      title: broken into lines where it is wider than the page; may be empty.
      width: width of the part under the title, in pixels; a titled page has at least `NARROWEST`.
      height: height of the part under the title, in pixels.
      ground: the grey between pictures.
    """
    width = max(width, NARROWEST) if title else width
    lines = wrapped(title, width - 2 * MARGIN)
    top = TITLE_LINE * len(lines) + MARGIN if lines else 0
    whole = top + height
    # Half a pixel more, since sizes in inches may be rounded to a pixel too few.
    page = Figure(((width + 0.5) / DPI, (whole + 0.5) / DPI), dpi=DPI, facecolor=str(ground / 255))

    def write(x: float, y: float, text: str, size: int, align: str) -> None:
        place = (x + 0.5) / (width + 0.5), 1 - (y + 0.5) / (whole + 0.5)
        drawn = page.text(*place, text, fontsize=size, ha=align, va="center_baseline")
        drawn.set_parse_math(False)  # a dollar sign begins no formula

    for i, line in enumerate(lines):
        write(MARGIN, MARGIN + (i + 0.5) * TITLE_LINE, line, TITLE, "left")
    for label in filter(lambda label: label.text, labels):
        write(label.x, top + label.y, cut(label.text, label.width), SMALL, label.align)
    drawn = pixels(page)
    frames = pictures[0][2].shape[:-3] if pictures else ()
    drawn = np.broadcast_to(drawn, (*frames, *drawn.shape)).copy()
    for left, upper, picture in pictures:
        high, wide = picture.shape[-3:-1]
        drawn[..., top + upper : top + upper + high, left : left + wide, :] = picture
    return drawn


@functools.lru_cache(10_000)
def extent(text: str, size: int = SMALL) -> float:
    """Returns the width of a line of text, in pixels."""
    font = FontProperties(size=size)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        return _ruler().get_text_width_height_descent(text, font, ismath=False)[0]


@functools.cache
def _ruler() -> RendererAgg:
    return RendererAgg(1, 1, DPI)


def cut(text: str, width: float, size: int = SMALL) -> str:
    """Returns the beginning of a text that is at most `width` pixels wide."""
    if extent(text, size) <= width:
        return text
    while text and extent(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text}…" if text else ""


def wrapped(text: str, width: float, size: int = TITLE) -> list[str]:
    """Breaks a text between words into lines of at most `width` pixels."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and extent(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(cut(word, width, size))
    return lines
