"""Pictures: images in a grid, as PNG files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

GAP = 2  # pixels between images
SMALLEST = 56  # an image smaller than this is enlarged by a whole factor, to be seen


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images [..., C] in [0, 1], clipped to it, as uint8 [..., 3]; see `grid`."""
    images = np.rint(np.nan_to_num(np.clip(images, 0, 1)) * 255).astype(np.uint8)
    return images if images.shape[-1] == 3 else np.repeat(images[..., :1], 3, axis=-1)


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Lays images [N, H, W, C] in [0, 1] out in rows; returns uint8 [H', W', 3].

    Args:
      images: values outside [0, 1] are clipped; C is 1 or 3, of more channels the first is shown.
      columns: images in a row; as square as it can be where None.
    """
    number, height, width, _ = images.shape
    columns = columns or math.ceil(math.sqrt(number))
    rows = math.ceil(number / columns)
    images = as_bytes(np.asarray(images, np.float32))
    factor = max(1, math.ceil(SMALLEST / max(height, width)))
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


def save(sheet: np.ndarray, path: Path) -> None:
    """Writes [H, W, 3] uint8 as a PNG file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path)
