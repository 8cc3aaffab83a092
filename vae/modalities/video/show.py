"""Shows clips as rows of frames and as animations, and measures how alike their frames are.

A frame that is missing is an empty cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.files import whole
from vae.modalities import grids, images, scripts
from vae.modalities.sheets import Sheet, along, in_rows
from vae.modalities.video import encoding
from vae.probability.event import Event

ACROSS = 10  # frames of a clip in a row
ROWS = 40  # rows of a sheet
PLAYED = 64  # clips of a sheet that are played
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
    """See `vae/modalities`: a row of frames for each clip, or two; files play the clips."""
    if beside is None:
        return side_by_side(x[:, None], title, captions=captions)
    return side_by_side(np.stack([x, beside], 1), title, kinds=names, captions=captions)


def side_by_side(
    x: np.ndarray,
    title: str,
    *,
    kinds: Sequence[str] = ("",),
    captions: Sequence[str] = (),
    said: Sequence[str] = (),
) -> Sheet:
    """Returns clips [N, K, T, H, W, C], a row of frames for each; files play each K at once.

    Args:
      x: the clips. So many of the N are drawn as make `ROWS` rows, and the first `PLAYED` played.
      title: the title of the page.
      kinds: what each of the K is.
      captions: what each of the N is, or none.
      said: a word on each of the T frames, or none.
    """
    each, fit = chosen(x.shape[2]), max(1, ROWS // x.shape[1])
    said = said or [""] * x.shape[2]
    named = captions or [""] * len(x)
    drawn = grids.rows_of(
        x[:fit, :, each].reshape(-1, len(each), *x.shape[3:]),
        title if fit >= len(x) else f"{title}; the first {fit} of {len(x)} clips",
        columns=[f"frame {t + 1} {said[t]}" for t in each],
        rows=[f"{name} {kind}".strip() for name in named[:fit] for kind in kinds],
    )
    return Sheet(drawn, files=played(x, title, kinds, captions, said))


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
    before, after = before or {}, after or {}
    over = [*before, *columns, *after]
    return Sheet(drawn, files=played(in_rows(x, before, after), title, over, rows))


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


def played(
    x: np.ndarray,
    title: str,
    columns: Sequence[str],
    captions: Sequence[str],
    said: Sequence[str] = (),
) -> dict[str, bytes]:
    """Returns files that play clips [N, K, T, H, W, C], each K of them side by side, at once.

    The `columns` have titles, a caption stands under the first of each K, and under all of them
    which frame it is, and what is `said` of it.
    """
    from vae.modalities import page  # whose library takes half a second to import

    number, (across, frames, height, width) = len(x), x.shape[1:5]
    x = x[:PLAYED]
    groups = max(1, math.ceil(math.sqrt(len(x) * height / (across * width))))
    drawn = grids.grid(
        x.reshape(-1, *x.shape[2:]),
        title if len(x) == number else f"{title}; the first {len(x)} of {number} clips",
        columns=[*columns] * groups,
        groups=[across] * groups,
        captions=[text for caption in captions for text in (caption, *[""] * (across - 1))],
    )
    size = drawn.shape[-2], page.LINE
    words = [f"frame {t + 1} of {frames} {word}" for t, word in enumerate(said or [""] * frames)]
    labels = [page.Label(page.MARGIN, page.LINE / 2, text, size[0], "left") for text in words]
    under = [page.composed([], [label], "", *size) for label in labels]
    drawn = np.concatenate([np.broadcast_to(drawn, (frames, *drawn.shape[-3:])), under], 1)
    made = {".gif": encoding.gif(drawn), ".mp4": encoding.mp4(drawn)}
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


script = scripts.beside(__file__)
