"""Pages that show rows of a table: marginals, pairs of columns, and how columns move.

All axes are in the units of the data. Where there are more columns than are shown, they are chosen
by a rule that the page states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from vae.modalities.tables.panel import TEXT, Colour, Page, Panel, limits, text_width

COLOURS: tuple[Colour, ...] = ((31, 97, 166), (222, 112, 20))  # told apart without red and green
FAINT: Colour = (190, 190, 190)
PAIRED, MARGINALS, MOVED = 6, 30, 6  # columns that are shown
BINS = 24
WIDE, HIGH = 150, 100  # a panel of one column alone
SIDE = 130  # a panel of two columns
LEFT, GAP, BELOW, MARGIN = 48, 16, 40, 16


def distribution(raw: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """A page of how each column is spread, and of pairs of columns; [H, W, 3] uint8.

    Args:
      raw: rows [N, F] in the units of the data, one set or two, drawn over each other; by what they
        are called.
      names: of the columns.
    """
    if not all(map(len, raw.values())):
        return _nothing()
    both = np.concatenate(list(raw.values()))
    shown, ends = range(min(len(names), MARGINALS)), _ends(both)

    def marginal(panel: Panel, column: int) -> None:
        _histograms(panel, raw, column, ends[column])

    what = f"Marginals of {_of(len(shown), len(names))} (share of the rows in each bin)"
    return _page(raw, names, what, [(i, names[i]) for i in shown], marginal, ends)


def comparison(raw: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    """A page of two sets whose rows are pairs: one against the other in each column, then as above.

    Args:
      raw: rows [N, F] in the units of the data; the first are what the second came from.
      names: of the columns.
    """
    (first, x), (second, y) = raw.items()
    if not len(x):
        return _nothing()
    ends = _ends(np.concatenate([x, y]))
    shown = range(min(len(names), MARGINALS))

    def against(panel: Panel, column: int) -> None:
        panel.curve(panel.x, panel.x, FAINT)
        panel.points(x[:, column], y[:, column], COLOURS[1])

    what = f"{second} (up) against {first} (across), {_of(len(shown), len(names))}"
    titles = [(i, f"{names[i]}  {_explained(x[:, i], y[:, i])}") for i in shown]
    return _page(raw, names, what, titles, against, ends, square=True)


def _nothing() -> np.ndarray:
    page = Page(360, 3 * TEXT + 2 * MARGIN)
    page.text(MARGIN, MARGIN, "There is no row whose numbers are all finite.")
    return page.pixels()


def _page(
    raw: Mapping[str, np.ndarray],
    names: Sequence[str],
    what: str,
    titles: Sequence[tuple[int, str]],
    draw: Callable[[Panel, int], None],
    ends: Sequence[tuple[float, float]],
    *,
    square: bool = False,
) -> np.ndarray:
    """One panel for each column under `what`, then the pairs of some columns."""
    columns = principal(np.concatenate(list(raw.values())), PAIRED)
    across = min(6, len(titles))
    high = WIDE if square else HIGH
    rows = math.ceil(len(titles) / across)
    block = rows * (high + BELOW + TEXT)
    pairs = len(columns) * (SIDE + GAP) if len(columns) > 1 else 0
    width = (
        max(
            MARGIN + across * (WIDE + LEFT),
            MARGIN + LEFT + 2 * TEXT + len(columns) * (SIDE + GAP) * (pairs > 0),
            _legend_width(raw, what),
        )
        + MARGIN
    )
    top = MARGIN + 3 * TEXT
    height = top + block + (pairs + 5 * TEXT + BELOW if pairs else 0) + MARGIN
    page = Page(round(width), round(height))
    _legend(page, raw, what, width)
    for i, (column, title) in enumerate(titles):
        left = MARGIN + LEFT + (i % across) * (WIDE + LEFT)
        upper = top + TEXT + 6 + (i // across) * (high + BELOW + TEXT)
        vertical = ends[column] if square else (0.0, 1.0)
        panel = Panel(page, (left, upper, left + WIDE, upper + high), ends[column], vertical)
        draw(panel, column)
        panel.frame(y_ticks=square)
        page.text(left, upper - 4, title, anchor="ld", most=WIDE + LEFT - 8)
    if pairs:
        _pairs(page, raw, names, columns, ends, top + block + TEXT)
    return page.pixels()


def _pairs(
    page: Page,
    raw: Mapping[str, np.ndarray],
    names: Sequence[str],
    columns: Sequence[int],
    ends: Sequence[tuple[float, float]],
    top: float,
) -> None:
    """Draws each of the columns over each other one, and its histogram on the diagonal."""
    text = "Pairs of columns"
    if len(columns) < len(names):
        text += f": the {len(columns)} that explain most of all {len(names)}, linearly"
    page.text(MARGIN, top, text, size=TEXT + 2)
    for i, row in enumerate(columns):
        upper = top + 2 * TEXT + i * (SIDE + GAP)
        middle = upper + SIDE / 2
        for j, column in enumerate(columns[: i + 1]):
            left = MARGIN + LEFT + 2 * TEXT + j * (SIDE + GAP)
            vertical = (0.0, 1.0) if i == j else ends[row]
            box = (left, upper, left + SIDE, upper + SIDE)
            panel = Panel(page, box, ends[column], vertical)
            if i == j:
                _histograms(panel, raw, column, ends[column])
                page.text(
                    left + SIDE + 6, middle, names[column], anchor="lm", most=_room(page, left)
                )
            else:
                sets = list(zip(raw.values(), COLOURS, strict=False))
                for rows, colour in sorted(sets, key=lambda pair: -len(pair[0])):  # few on many
                    panel.points(rows[:, column], rows[:, row], colour)
            panel.frame(x_ticks=i == len(columns) - 1, y_ticks=j == 0 and i > 0)
    bottom = top + 2 * TEXT + len(columns) * (SIDE + GAP)
    for j, column in enumerate(columns):
        left = MARGIN + LEFT + 2 * TEXT + j * (SIDE + GAP)
        page.text(left + SIDE / 2, bottom + TEXT, names[column], anchor="ma", most=SIDE + GAP - 6)


def _room(page: Page, left: float) -> float:
    """Pixels from the right of a panel of pairs to the page's end."""
    return page.image.width / 2 - left - SIDE - 12


def moves(
    raw: np.ndarray, names: Sequence[str], columns: Sequence[str] = (), rows: Sequence[str] = ()
) -> np.ndarray:
    """A page of how columns of the table move, [H, W, 3] uint8.

    Args:
      raw: R rows of C steps of an example, [R, C, F].
      names: of the F columns of the table, of which those are shown that move most, in units of
        their deviation over the page.
      columns: C titles of the steps, or none.
      rows: R titles, or none.
    """
    count, steps, number = raw.shape
    spread = np.ptp(raw, axis=1).mean(0) / np.maximum(raw.std((0, 1)), 1e-12)
    shown = sorted(np.argsort(-spread, kind="stable")[:MOVED].tolist())
    beside = max((text_width(row) for row in rows), default=0) + MARGIN
    title = f"{number} columns"
    if len(shown) < number:
        title = f"The {len(shown)} of {number} columns that move most"
    top = MARGIN + 4 * TEXT
    width = MARGIN + beside + len(shown) * (WIDE + LEFT) + MARGIN
    page = Page(round(width), round(top + count * (HIGH + GAP) + BELOW))
    page.text(MARGIN, MARGIN, title, size=TEXT + 2)
    across, ends = (-0.3, steps - 0.7), _ends(raw.reshape(-1, number))
    for i, column in enumerate(shown):
        left = MARGIN + beside + LEFT + i * (WIDE + LEFT) - MARGIN
        page.text(left, top - 6, names[column], anchor="ld", most=WIDE + LEFT - 8)
        for r in range(count):
            upper = top + r * (HIGH + GAP)
            panel = Panel(page, (left, upper, left + WIDE, upper + HIGH), across, ends[column])
            panel.curve(range(steps), raw[r, :, column], COLOURS[0])
            panel.points(np.arange(steps), raw[r, :, column], COLOURS[0], 2.5)
            panel.frame(x_ticks=False)
            if i == 0 and rows:
                page.text(MARGIN, upper + HIGH / 2, rows[r], anchor="lm")
        if columns:
            _steps(page, columns, left, top + count * (HIGH + GAP) - GAP + 5)
    return page.pixels()


def _steps(page: Page, titles: Sequence[str], left: float, top: float) -> None:
    """Writes the titles of the steps that find room below a panel, the first among them."""
    number = len(titles)
    place = WIDE / (number - 0.4)
    every = max(1, math.ceil(max(map(text_width, titles)) * 1.15 / place))
    for step in range(0, number, every):
        page.text(left + (step + 0.3) * place, top, titles[step], anchor="ma", most=every * place)


def principal(rows: np.ndarray, most: int) -> list[int]:
    """The columns, at most so many, that explain most of all columns by least squares.

    Each next one explains most of what those before leave (principal variables, McCabe 1984).
    """
    number = rows.shape[1]
    if number <= most:
        return list(range(number))
    left = (rows - rows.mean(0)) / np.maximum(rows.std(0), 1e-12)
    chosen: list[int] = []
    for _ in range(most):
        products = left.T @ left
        scores = (products**2).sum(0) / np.maximum(np.diag(products), 1e-9 * len(rows))
        scores[chosen] = -1
        chosen.append(int(scores.argmax()))
        one = left[:, chosen[-1]]
        left = left - np.outer(one, one @ left) / max(one @ one, 1e-12)
    return sorted(chosen)


def _histograms(
    panel: Panel, raw: Mapping[str, np.ndarray], column: int, ends: tuple[float, float]
) -> None:
    edges = np.linspace(*ends, BINS + 1)
    shares = [np.histogram(x[:, column], edges)[0] / len(x) for x in raw.values()]
    tallest = 1.08 * max(max(share.max() for share in shares), 1e-12)
    for share, colour in zip(shares, COLOURS, strict=False):
        panel.bars(edges, share / tallest, colour)


def _legend(page: Page, raw: Mapping[str, np.ndarray], what: str, width: float) -> None:
    page.text(MARGIN, MARGIN, what, size=TEXT + 2)
    right = width - MARGIN
    for (name, rows), colour in reversed(list(zip(raw.items(), COLOURS, strict=False))):
        text = f"{name} ({len(rows)} rows)"
        right -= text_width(text)
        page.text(right, MARGIN + 1, text)
        page.square(right - TEXT - 3, MARGIN + 2, TEXT - 2, colour)
        right -= 2 * TEXT + 6


def _legend_width(raw: Mapping[str, np.ndarray], what: str) -> float:
    texts = sum(
        text_width(f"{name} ({len(rows)} rows)") + 2 * TEXT + 6 for name, rows in raw.items()
    )
    return 2 * MARGIN + text_width(what, TEXT + 2) + 2 * TEXT + texts


def _ends(rows: np.ndarray) -> list[tuple[float, float]]:
    return [limits(column) for column in rows.T]


def _of(shown: int, number: int) -> str:
    return f"{number} columns" if shown == number else f"the first {shown} of {number} columns"


def _explained(x: np.ndarray, y: np.ndarray) -> str:
    """R^2 of y as a prediction of x."""
    return f"R2 {1 - ((x - y) ** 2).sum() / max(((x - x.mean()) ** 2).sum(), 1e-12):.2f}"
