"""Shows texts: as lines of a terminal, and the same lines on a page.

What belongs together is a block: a heading, and lines that each have a title. A text that is empty,
as that of a model which ends at once, is shown as ∅, so that it is seen.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.modalities import scripts
from vae.modalities.sheets import Sheet, in_rows
from vae.modalities.text.tokens import texts
from vae.probability.event import Event

EMPTY = "∅"
WIDTH = 900  # pixels of a page,
LINES = 4  # and the most of its lines that a text takes
INDENT, WRAPPED = 2, 100  # characters


class Block(NamedTuple):
    """Texts that belong together: a heading, which may be "", and (title, note, text) of each."""

    heading: str
    lines: list[tuple[str, str, str]]


def file(x: np.ndarray, event: Event) -> tuple[str, bytes]:
    """See `vae/modalities`: a text as a .txt file."""
    return ".txt", f"{_shown(x[None], event)[0]}\n".encode()


def media(x: np.ndarray, event: Event) -> list[tuple[str, bytes]]:
    """See `vae/modalities`: the text."""
    return [("text/plain", file(x, event)[1])]


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
    """See `vae/modalities`: a text a line, or pairs of texts, one below the other.

    The lines of texts that have no captions are the texts alone.
    """
    captions = captions or [""] * len(x)
    if beside is not None:
        pairs = zip(captions, _shown(x, event), _shown(beside, event), strict=True)
        blocks = [Block(each, [(names[0], "", a), (names[1], "", b)]) for each, a, b in pairs]
        return _sheet(blocks, title)
    lines = [(name, "", text) for name, text in zip(captions, _shown(x, event), strict=True)]
    block = Block("", lines)
    return Sheet(_page([block], title), "\n".join(_lines(block)))


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
    """See `vae/modalities`: a block for each row, with a line for each column."""
    before, after = before or {}, after or {}
    every = in_rows(x, before, after)
    titles = [*before, *columns, *after]
    blocks = []
    for i, found in enumerate(_shown(every, event)):
        under = captions[i] if captions else ()
        notes = [*[""] * len(before), *under, *[""] * (len(titles) - len(before) - len(under))]
        lines = [line for line in zip(titles, notes, found, strict=True) if line[-1]]
        blocks.append(Block(rows[i] if rows else "", lines))
    return _sheet(blocks, title)


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a block for each value of the second latent."""
    columns = [f"z0 {value:+.2f}" for value in across]
    return table(x, event, title, columns=columns, rows=[f"z1 {value:+.2f}" for value in up])


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes nothing: lines below each other show how a text changes."""
    return []


def _shown(x: np.ndarray, event: Event) -> list:
    """Returns the texts of x [..., T, 1], in lists [...]; "" where all of one is missing."""
    there = (np.asarray(x)[..., 0] >= 0).any(-1)
    found = texts(x, event)
    return np.where(there & (found == ""), EMPTY, found).tolist()


def _sheet(blocks: Sequence[Block], title: str) -> Sheet:
    parts = [textwrap.fill(title, WRAPPED), *("\n".join(_lines(block)) for block in blocks)]
    return Sheet(_page(blocks, title), "\n\n".join(parts))


def _lines(block: Block) -> Iterable[str]:
    """Yields the heading, and the lines with their titles and notes in columns."""
    if block.heading:
        yield block.heading
    columns = [[" " * INDENT * bool(block.heading)] * len(block.lines)]
    for parts in list(zip(*block.lines, strict=True))[:-1]:
        width = max(map(len, parts))
        columns.append([f"{part:{width}}  " if width else "" for part in parts])
    for *before, (_, _, text) in zip(*columns, block.lines, strict=True):
        yield "".join([*before, text])


def _page(blocks: Sequence[Block], title: str) -> np.ndarray:
    """Returns a page [H, W, 3] uint8 with the blocks below each other."""
    from vae.modalities import page  # whose library takes half a second to import

    lefts = [2.0 * page.MARGIN]  # of titles, notes and texts
    for each in list(zip(*(line for block in blocks for line in block.lines), strict=True))[:-1]:
        width = max(map(page.extent, each))
        lefts.append(lefts[-1] + (width + 2 * page.MARGIN if width else 0.0))
    labels: list[page.Label] = []
    y = float(page.MARGIN)

    def write(x: float, text: str) -> None:
        labels.append(page.Label(x, y + page.LINE / 2, text, WIDTH - x - page.MARGIN, "left"))

    for block in blocks:
        if block.heading:
            write(page.MARGIN, block.heading)
            y += page.LINE
        for name, note, text in block.lines:
            write(lefts[0], name)
            write(lefts[1], note)
            lines = page.wrapped(text, WIDTH - lefts[2] - 2 * page.MARGIN, page.SMALL)
            more = len(lines) > LINES
            for i, line in enumerate(lines[:LINES]):
                write(lefts[2], f"{line} …" if more and i == LINES - 1 else line)
                y += page.LINE
        y += page.LINE / 2
    return page.composed([], labels, title, WIDTH, int(y), ground=255)


script = scripts.beside(__file__)
