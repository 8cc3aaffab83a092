"""Shows clips as rows of frames and as animations, and measures how alike their frames are.

A frame that is missing is an empty cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.files import whole
from vae.modalities import grids, images
from vae.modalities.sheets import Sheet, along, in_rows
from vae.modalities.video import encoding
from vae.probability.event import Event

ACROSS = 10  # frames of a clip in a row
PLAYED = 64  # of the clips of a sheet, so many are played
LINE = 0.5  # grey


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
    """See `vae/modalities`: a row of frames for each clip, or two; files play all of them."""
    each = chosen(x.shape[1])
    columns = [f"frame {number + 1}" for number in each]
    if beside is None:
        drawn = grids.rows_of(x[:, each], title, columns=columns, rows=captions)
        return Sheet(drawn, files=played(x[:PLAYED, None]))
    both = np.stack([x, beside], 1)
    under = captions or [""] * len(x)
    rows = [f"{name} {caption}".strip() for caption in under for name in names]
    drawn = grids.rows_of(
        both[:, :, each].reshape(-1, *both[0, 0, each].shape), title, columns=columns, rows=rows
    )
    return Sheet(drawn, files=played(both[:PLAYED]))


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
    """See `vae/modalities`: R rows of clips, four frames of each, from its first to its last."""
    ends = [{name: _four(clip) for name, clip in (end or {}).items()} for end in (before, after)]
    drawn = grids.rows_of(
        _four(x),
        title,
        columns=columns,
        rows=rows,
        before=ends[0],
        after=ends[1],
        captions=captions,
    )
    return Sheet(drawn, files=played(in_rows(x, before or {}, after or {})[:PLAYED]))


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a grid of clips, with the latents' values over and beside them."""
    return table(x, event, title, columns=along("z0", across), rows=along("z1", up))


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes clips [R, C, T, H, W, C] as a GIF in which R clips play and go through the columns."""
    columns, frames = x.shape[1:3]
    number = max(columns, frames)
    at = [x[:, i * columns // number, i * frames // number] for i in range(number)]
    drawn = np.stack([grids.grid(each, title, captions=captions) for each in at])
    with whole(path) as file:
        file.write(encoding.gif(drawn))
    return [path]


def file(x: np.ndarray, event: Event) -> tuple[str, bytes]:
    """See `vae/modalities`: a clip [T, H, W, C] as a GIF, without the frames that it lacks."""
    return ".gif", encoding.gif(grids.as_bytes(x[~np.isnan(x).any((1, 2, 3))]))


def media(x: np.ndarray, event: Event) -> list[tuple[str, bytes]]:
    """See `vae/modalities`: the clip, played."""
    return [("image/gif", file(x, event)[1])]


def chosen(frames: int) -> np.ndarray:
    """Returns the frames of a row: all, or some at equal distances, the first and the last."""
    return np.linspace(0, frames - 1, min(frames, ACROSS)).round().astype(int)


def _four(x: np.ndarray) -> np.ndarray:
    """Returns clips [..., T, H, W, C] as pictures of four frames with grey lines between them."""
    each = np.linspace(0, x.shape[-4] - 1, 4).round().astype(int)
    first, second, third, fourth = np.moveaxis(x[..., each, :, :, :], -4, 0)
    upright = 0 * first[..., :1, :] + LINE  # NaN where there is no clip
    rows = [np.concatenate([a, upright, b], -2) for a, b in ((first, second), (third, fourth))]
    level = 0 * rows[0][..., :1, :, :] + LINE
    return np.concatenate([rows[0], level, rows[1]], -3)


def played(x: np.ndarray) -> dict[str, bytes]:
    """Returns files that play clips [R, C, T, H, W, C], C of them side by side, at once."""
    number, across, frames, height, width, _ = x.shape
    groups = max(1, math.ceil(math.sqrt(number * height / (across * width))))
    down, gap = math.ceil(number / groups), grids.GAP
    larger = max(1, math.ceil(grids.SMALLEST / max(height, width)))
    small = grids.as_bytes(x).repeat(larger, -3).repeat(larger, -2)
    height, width = height * larger, width * larger
    step = across * (width + gap) + grids.APART
    page = np.full((frames, down * (height + gap), groups * step, 3), 224, np.uint8)
    for row, clips in enumerate(small):
        group, line = divmod(row, down)
        for column, clip in enumerate(clips):
            top, left = line * (height + gap), group * step + column * (width + gap)
            page[:, top : top + height, left : left + width] = clip
    made = {".gif": encoding.gif(page), ".mp4": encoding.mp4(page)}
    return {end: content for end, content in made.items() if content}


def texts(x: np.ndarray, event: Event) -> None:
    """Returns None: clips are not read."""
    return


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns the mean squared error, PSNR and SSIM of pairs of frames of clips [N, T, H, W, C].

    A frame that is missing in either is left out.
    """
    frames, other = (clips.reshape(-1, *event.shape[1:]) for clips in (x, others))
    there = ~(np.isnan(frames) | np.isnan(other)).any((1, 2, 3))
    return images.likeness(frames[there], other[there], event)


def perceived(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns clips x clipped to [0, 1]."""
    return np.clip(x, 0, 1)


def code_length(x: np.ndarray) -> None:
    """Returns None: there is no code without loss that is usual for clips."""
    return
