"""Pictures: images in a grid or a table as PNG files, and as animated GIFs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vae.training.directory import whole

GAP = 2  # pixels between images
SMALLEST = 56  # an image smaller than this is enlarged by a whole factor, to be seen
SMALLEST_TITLED = 96  # and where there has to be room for titles
TEXT = 13  # pixels
FRAME = 80  # milliseconds of one picture of an animation, and of the first and last:
REST = 600


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images [..., C] in [0, 1], clipped to it, as uint8 [..., 3]; see `grid`."""
    images = np.rint(np.nan_to_num(np.clip(images, 0, 1)) * 255).astype(np.uint8)
    return images if images.shape[-1] == 3 else np.repeat(images[..., :1], 3, axis=-1)


def grid(images: np.ndarray, columns: int | None = None, smallest: int = SMALLEST) -> np.ndarray:
    """Lays images [N, H, W, C] in [0, 1] out in rows; returns uint8 [H', W', 3].

    Args:
      images: values outside [0, 1] are clipped; C is 1 or 3, of more channels the first is shown.
      columns: images in a row; as square as it can be where None.
      smallest: an image smaller than this is enlarged by a whole factor.
    """
    number, height, width, _ = images.shape
    columns = columns or math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    images = as_bytes(np.asarray(images, np.float32))
    factor = max(1, math.ceil(smallest / max(height, width)))
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width = height * factor + GAP, width * factor + GAP
    sheet = np.full((rows * height + GAP, columns * width + GAP, 3), 255, np.uint8)
    for i, image in enumerate(images):
        top, left = GAP + i // columns * height, GAP + i % columns * width
        sheet[top : top + height - GAP, left : left + width - GAP] = image
    return sheet


def pairs(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """A grid of N originals, each with its reconstruction to the right; [H', W', 3] uint8."""
    both = np.stack([originals, reconstructions], axis=1).reshape(-1, *originals.shape[1:])
    columns = 2 * max(1, math.ceil(math.sqrt(len(originals) / 2)))
    return grid(both, columns)


def table(
    images: np.ndarray, *, columns: Sequence[str] = (), rows: Sequence[str] = ()
) -> np.ndarray:
    """Lays images [R, N, H, W, C] out as R rows of N, with titles over and beside them.

    Args:
      images: as of `grid`.
      columns: N titles, or none.
      rows: R titles, or none.

    Returns:
      [H', W', 3] uint8. A title too long for its column is cut.
    """
    number = images.shape[1]
    sheet = grid(images.reshape(-1, *images.shape[2:]), number, SMALLEST_TITLED)
    font = ImageFont.load_default(TEXT)
    left = max((math.ceil(font.getlength(row)) + 2 * TEXT // 2 for row in rows), default=0)
    top = 2 * TEXT if columns else 0
    height, width = sheet.shape[0] + top, sheet.shape[1] + left
    picture = Image.new("RGB", (width, height), "white")
    picture.paste(Image.fromarray(sheet), (left, top))
    draw = ImageDraw.Draw(picture)
    across, down = (sheet.shape[1] - GAP) // number, (sheet.shape[0] - GAP) // len(images)
    for i, title in enumerate(columns):
        while font.getlength(title) > across:
            title = title[:-1]
        middle = left + GAP / 2 + (i + 0.5) * across
        draw.text((middle, top / 2), title, "black", font, anchor="mm")
    for i, title in enumerate(rows):
        draw.text((TEXT // 2, top + (i + 0.5) * down), title, "black", font, anchor="lm")
    return np.asarray(picture)


def save(sheet: np.ndarray, path: Path) -> None:
    """Writes [H, W, 3] uint8 as a PNG file, making its folder."""
    with whole(path) as file:
        Image.fromarray(sheet).save(file, "PNG")


def save_animation(frames: np.ndarray, path: Path) -> None:
    """Writes frames [T, H, W, 3] uint8 as a GIF that goes there and back without end.

    All frames share one palette of 256 colours, fitted to all of them, so that nothing flickers.
    """
    everything = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))
    palette = everything.quantize(256, method=Image.Quantize.MEDIANCUT)
    there = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    first, *others = there + there[-2:0:-1]
    durations = [FRAME] * (1 + len(others))
    durations[0] = durations[len(there) - 1] = REST
    with whole(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
