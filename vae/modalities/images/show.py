"""Shows images, and measures how alike they are."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np
from PIL import Image

from vae.modalities import pictures
from vae.modalities.sheets import Sheet
from vae.probability import similarity
from vae.probability.event import Event

GAP = 2  # pixels between images
APART = 10  # pixels between groups of images
SMALLEST = 56  # pixels: smaller images are enlarged by a whole factor
SMALLEST_TITLED = 96  # the same where titles need room
MANY = 14  # with more columns, images are not enlarged to give titles room
WIDEST = 130  # pixels for a title beside a row


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Returns images [..., C], clipped to [0, 1], as uint8 [..., 3].

    Three channels are RGB; of any other number, the first is shown in grey.
    """
    images = np.rint(np.nan_to_num(np.clip(images, 0, 1)) * 255).astype(np.uint8)
    return images if images.shape[-1] == 3 else np.repeat(images[..., :1], 3, axis=-1)


def sheet(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    beside: np.ndarray | None = None,
    names: tuple[str, str] = ("given", "decoded"),
    data: np.ndarray | None = None,
    captions: Sequence[str] = (),
) -> Sheet:
    """See `vae/modalities`: a grid of images, or of pairs of them."""
    if beside is None:
        return Sheet(grid(x, title, captions=captions))
    both = np.stack([x, beside], axis=1).reshape(-1, *x.shape[1:])
    across = 2 * _across(len(x), math.sqrt(len(x) / 2))
    captions = [text for caption in captions for text in (caption, "")]
    groups = (2,) * (across // 2)
    columns = names * (across // 2)
    return Sheet(grid(both, title, columns=columns, groups=groups, captions=captions))


def table(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    before: Mapping[str, np.ndarray] | None = None,
    after: Mapping[str, np.ndarray] | None = None,
    captions: Sequence[Sequence[str]] = (),
) -> Sheet:
    """See `vae/modalities`: R rows of images, with titles over and beside them."""
    before, after = before or {}, after or {}
    every = [*before.values(), *np.moveaxis(x, 1, 0), *after.values()]
    images = np.stack(every, axis=1)
    under = [text for row in captions for text in (*[""] * len(before), *row, *[""] * len(after))]
    drawn = grid(
        images.reshape(-1, *images.shape[2:]),
        title,
        columns=[*before, *columns, *after],
        rows=rows,
        groups=[size for size in (len(before), x.shape[1], len(after)) if size],
        captions=under,
    )
    return Sheet(drawn)


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a grid of images, with the latents' values over and beside them."""
    columns = [f"z0 {value:.2f}" for value in across]
    return table(x, event, title, columns=columns, rows=[f"z1 {value:.2f}" for value in up])


def grid(
    images: np.ndarray,
    title: str = "",
    *,
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    groups: Sequence[int] = (),
    captions: Sequence[str] = (),
) -> np.ndarray:
    """Lays images [N, H, W, C] out in rows; returns uint8 [H', W', 3].

    Args:
      images: see `as_bytes`. Small ones are enlarged by a whole factor. One that is all NaN is no
        image: its cell stays empty.
      title: the title of the page.
      columns: a title for each column. Without, there are as many columns as leave few cells empty.
      rows: a title for each row, or none.
      groups: sizes of the groups of columns that stand apart.
      captions: a line under each image, or none.
    """
    from vae.modalities import page  # whose library takes half a second to import

    number, height, width, _ = images.shape
    across = len(columns) or _across(number, math.sqrt(number))
    down = math.ceil(number / across)
    titled = (columns or rows or captions) and across <= MANY
    smallest = SMALLEST_TITLED if titled else SMALLEST
    factor = max(1, math.ceil(smallest / max(height, width)))
    empty = np.isnan(images).all((1, 2, 3))
    images = as_bytes(np.asarray(images, np.float32))
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    height, width = height * factor, width * factor

    beside = [page.wrapped(text, WIDEST, page.SMALL)[: height // page.LINE] for text in rows]
    left = max((page.extent(line) for lines in beside for line in lines), default=0.0)
    left = math.ceil(left) + 2 * page.MARGIN if left else GAP
    top = page.LINE + GAP if any(columns) else GAP
    step = height + GAP + page.LINE * bool(captions)
    apart = np.repeat(np.arange(len(groups) or 1), groups or [across]) * (APART - GAP)
    lefts = (left + np.arange(across) * (width + GAP) + apart).tolist()
    tops = [top + i * step for i in range(down)]
    tiles = [(lefts[i % across], tops[i // across], image) for i, image in enumerate(images)]
    labels = [
        page.Label(x + width / 2, page.LINE / 2, text, width)
        for x, text in zip(lefts, columns, strict=False)
    ]
    labels += [
        page.Label(
            page.MARGIN, y + (height + (2 * i + 1 - len(lines)) * page.LINE) / 2, line, left, "left"
        )
        for y, lines in zip(tops, beside, strict=False)
        for i, line in enumerate(lines)
    ]
    labels += [
        page.Label(x + width / 2, y + height + page.LINE / 2, text, width)
        for (x, y, _), text in zip(tiles, captions, strict=False)
    ]
    size = lefts[-1] + width + GAP, top + down * step
    tiles = [tile for tile, none in zip(tiles, empty, strict=True) if not none]
    return page.composed(tiles, labels, title, *size)


def _across(number: int, ideal: float) -> int:
    """Returns the columns, from an ideal number to twice it, that leave the fewest cells empty."""
    few = range(math.ceil(ideal), math.ceil(2 * ideal) + 1)
    return min(few, key=lambda columns: (-number % columns, columns))


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes images [R, T, H, W, C] as a GIF with a grid of R images in each frame."""
    frames = np.stack([grid(x[:, i], title, captions=captions) for i in range(x.shape[1])])
    pictures.save_animation(frames, path)
    return [path]


def texts(x: np.ndarray, event: Event) -> None:
    """Returns None: images are not read."""
    return


def likeness(x: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """Returns the mean squared error, PSNR and SSIM of pairs of images and others [N, H, W, C]."""
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
    """Returns the lengths [N] in nats of images [N, H, W, C] in [0, 1] as PNG files.

    RGB is one file; otherwise each channel is a grey file of its own.
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
