"""Lays small pictures out on a page: in a grid, in pairs, and in rows with titles.

Pictures are [..., H, W, C] in [0, 1]; one that is NaN everywhere is none, and its cell stays empty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from vae.modalities.sheets import in_rows

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


def pairs(
    images: np.ndarray,
    beside: np.ndarray,
    title: str,
    names: tuple[str, str],
    captions: Sequence[str] = (),
) -> np.ndarray:
    """Lays images [N, H, W, C] out, each with another beside it; returns uint8 [H', W', 3].

    Args:
      images: see `as_bytes`.
      beside: as many others.
      title: the title of the page.
      names: what the images of a pair are.
      captions: a line under each pair, or none.
    """
    both = np.stack([images, beside], axis=1).reshape(-1, *images.shape[1:])
    across = 2 * _across(len(images), math.sqrt(len(images) / 2))
    captions = [text for caption in captions for text in (caption, "")]
    groups = (2,) * (across // 2)
    return grid(both, title, columns=names * (across // 2), groups=groups, captions=captions)


def rows_of(
    images: np.ndarray,
    title: str,
    *,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    before: Mapping[str, np.ndarray] | None = None,
    after: Mapping[str, np.ndarray] | None = None,
    captions: Sequence[Sequence[str]] = (),
) -> np.ndarray:
    """Lays images [R, K, H, W, C] out in R rows; returns uint8 [H', W', 3].

    Args:
      images: see `as_bytes`.
      title: the title of the page.
      columns: a title for each of the K columns.
      rows: a title for each row, or none.
      before: images [R, H, W, C] by title, which stand apart at the left end.
      after: the same, at the right end.
      captions: for each row, a line under each of its K images; or none.
    """
    before, after = before or {}, after or {}
    every = in_rows(images, before, after)
    under = [text for row in captions for text in (*[""] * len(before), *row, *[""] * len(after))]
    return grid(
        every.reshape(-1, *every.shape[2:]),
        title,
        columns=[*before, *columns, *after],
        rows=rows,
        groups=[size for size in (len(before), images.shape[1], len(after)) if size],
        captions=under,
    )


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

    Clips [N, T, H, W, C] are laid out alike, as pages [T, H', W', 3].

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

    number, (height, width) = len(images), images.shape[-3:-1]
    across = len(columns) or _across(number, math.sqrt(number))
    down = math.ceil(number / across)
    titled = (columns or rows or captions) and across <= MANY
    smallest = SMALLEST_TITLED if titled else SMALLEST
    factor = max(1, math.ceil(smallest / max(height, width)))
    empty = np.isnan(images).reshape(number, -1).all(1)
    images = as_bytes(np.asarray(images, np.float32))
    images = images.repeat(factor, axis=-3).repeat(factor, axis=-2)
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
