"""How images are shown, and how alike two of them are."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vae.modalities import pictures
from vae.probability import similarity
from vae.probability.event import Event

GAP = 2  # pixels between images
SMALLEST = 56  # an image smaller than this is enlarged by a whole factor, to be seen
SMALLEST_TITLED = 96  # and where there has to be room for titles
TEXT = 13  # pixels


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


def sheet(
    x: np.ndarray,
    event: Event,
    beside: np.ndarray | None = None,
    data: np.ndarray | None = None,
) -> np.ndarray:
    """See `vae/modalities`: a grid of images, or of pairs of them."""
    return grid(x) if beside is None else pairs(x, beside)


def animate(x: np.ndarray, event: Event, path: Path) -> list[Path]:
    """Writes images [R, T, H, W, C] as a GIF with a grid of R images in each frame."""
    frames = np.stack([grid(x[:, i]) for i in range(x.shape[1])])
    pictures.save_animation(frames, path)
    return [path]


def save(x: np.ndarray, event: Event, path: Path) -> list[Path]:
    """Writes nothing: images are what their picture shows."""
    return []


def likeness(x: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """The mean squared error, PSNR and SSIM of images and others [N, H, W, C], pair by pair."""
    alike = jax.jit(
        lambda x, y: (((x - y) ** 2).mean(), similarity.psnr(x, y), similarity.ssim(x, y))
    )
    return {
        name: float(np.mean(value))
        for name, value in zip(
            ("mse", "psnr", "ssim"), jax.device_get(alike(x, others)), strict=True
        )
    }


def code_length(x: np.ndarray) -> np.ndarray:
    """The lengths [N] in nats of images [N, H, W, C] in [0, 1] as PNG files.

    RGB is one file, else each channel is one of grey values.
    """
    return np.array([_code_length(image) for image in x])


def _code_length(image: np.ndarray) -> float:
    levels = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    planes = [levels] if levels.shape[-1] == 3 else np.moveaxis(levels, -1, 0)
    return sum(_png_bytes(plane) for plane in planes) * 8 * math.log(2)


def _png_bytes(levels: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "png", optimize=True)
    return file.tell()


def pairs(originals: np.ndarray, reconstructions: np.ndarray) -> np.ndarray:
    """A grid of N originals, each with its reconstruction to the right; [H', W', 3] uint8."""
    both = np.stack([originals, reconstructions], axis=1).reshape(-1, *originals.shape[1:])
    columns = 2 * max(1, math.ceil(math.sqrt(len(originals) / 2)))
    return grid(both, columns)


def table(
    images: np.ndarray, event: Event, columns: Sequence[str] = (), rows: Sequence[str] = ()
) -> np.ndarray:
    """Lays images [R, N, H, W, C] out as R rows of N, with titles over and beside them.

    Args:
      images: as of `grid`.
      event: what an image is.
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
