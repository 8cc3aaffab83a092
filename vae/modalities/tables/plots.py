"""Pages that show rows of a table: marginals, pairs of columns, and how columns move.

All axes are in the units of the data. Where not all columns are shown, the page states the rule by
which they are chosen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import Patch

from vae.modalities.page import COLOURS, FAINT, SMALL, figure, pixels, titled, wrapped

PAIRED, MARGINALS, MOVED = 6, 30, 6  # the most columns that are shown
ACROSS = 6  # panels in a row
BINS = 24
PANEL = 1.7  # inches
TINY = float(np.finfo(np.float64).tiny)  # the least standard deviation, in units of the data
BESIDE = 90  # pixels for a title beside a row


def distribution(raw: Mapping[str, np.ndarray], names: Sequence[str], title: str) -> np.ndarray:
    """Draws a page of the marginals of columns and of pairs of columns.

    Args:
      raw: name -> rows [N, F] in the units of the data; two sets are drawn over each other.
      names: the names of the columns.
      title: the title of the page.

    Returns:
      The page, [H, W, 3] uint8.
    """
    number = min(len(names), MARGINALS)
    what = f"Marginals of {_of(number, len(names))} (share of the rows in each bin)"

    def marginal(axes: Axes, column: int) -> None:
        _histograms(axes, raw, column)
        axes.set_title(_short(names[column]), fontsize=SMALL)

    return titled(_page(raw, names, what, number, marginal), title)


def comparison(raw: Mapping[str, np.ndarray], names: Sequence[str], title: str) -> np.ndarray:
    """Draws a page of two sets whose rows are pairs: each column of one against that of the other.

    Below it, pairs of columns are drawn as `distribution` does.

    Args:
      raw: name -> rows [N, F] in the units of the data; the second set was made from the first.
      names: the names of the columns.
      title: the title of the page.

    Returns:
      The page, [H, W, 3] uint8.
    """
    (first, x), (second, y) = raw.items()
    number = min(len(names), MARGINALS)
    what = f"{second} (up) against {first} (across), {_of(number, len(names))}"

    def against(axes: Axes, column: int) -> None:
        axes.axline((x[0, column],) * 2, slope=1, color=FAINT, linewidth=1)
        axes.plot(x[:, column], y[:, column], ".", color=COLOURS[1], markersize=3)
        explained = _explained(x[:, column], y[:, column])
        axes.set_title(f"{_short(names[column], 15)}  {explained}", fontsize=SMALL)

    return titled(_page(raw, names, what, number, against), title)


def moves(
    raw: np.ndarray,
    names: Sequence[str],
    title: str,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    groups: Sequence[int] = (),
) -> np.ndarray:
    """Draws a page of how columns of the table move over steps.

    The columns shown are those that move most, in units of their standard deviation over the page.

    Args:
      raw: R rows of C steps of an example, [R, C, F]; NaN where there is none.
      names: the names of the F columns of the table.
      title: the title of the page.
      columns: C titles of the steps.
      rows: R titles, or none.
      groups: sizes of the groups of steps; each group has a line of its own.

    Returns:
      The page, [H, W, 3] uint8.
    """
    count, steps, number = raw.shape
    there = np.ma.masked_invalid(raw)
    spread = np.ma.ptp(there, axis=1).mean(0) / np.maximum(there.std((0, 1)), TINY)
    spread = np.ma.filled(spread, 0.0)
    shown = sorted(np.argsort(-spread, kind="stable")[:MOVED].tolist())
    ends = np.cumsum(groups or [steps]).tolist()
    drawn = figure(PANEL * len(shown) + 1.2, 0.8 * PANEL * count + 0.9)
    panels = drawn.subplots(count, len(shown), sharex=True, sharey="col", squeeze=False)
    for r, of_row in enumerate(panels):
        for axes, column in zip(of_row, shown, strict=True):
            for start, end in zip([0, *ends], ends, strict=False):
                places = range(start, end)
                colour = COLOURS[int(end - start < max(groups, default=0))]
                values = raw[r, start:end, column]
                axes.plot(places, values, ".-", color=colour, linewidth=1)
            for end in ends[:-1]:
                axes.axvline(end - 0.5, color=FAINT, linewidth=0.8)
            axes.tick_params(labelsize=SMALL - 2)
            if r == 0:
                axes.set_title(_short(names[column]), fontsize=SMALL)
        if rows:
            lines = map(_short, wrapped(rows[r], BESIDE, SMALL))
            beside = of_row[0].set_ylabel("\n".join(lines), fontsize=SMALL, rotation=0)
            beside.set_horizontalalignment("right")
    wanted = [i for start, end in zip([0, *ends], ends, strict=False) for i in _some(start, end)]
    for axes in panels[-1]:
        axes.set_xticks(wanted, [_short(columns[i], 16) for i in wanted], rotation=90)
    text = f"All {number} columns of the table, in its units"
    if len(shown) < number:
        text = f"The {len(shown)} of {number} columns that move most, in their units"
    drawn.suptitle(text, fontsize=SMALL + 2)
    return titled(pixels(drawn), title)


def maps(
    raw: np.ndarray, names: Sequence[str], title: str, across: np.ndarray, up: np.ndarray
) -> np.ndarray:
    """Draws a page with a map of each column over the plane of two latents.

    Args:
      raw: values [R, C, F] in the units of the data, the highest row first.
      names: the names of the columns.
      title: the title of the page.
      across: values [C] of the first latent.
      up: values [R] of the second latent.

    Returns:
      The page, [H, W, 3] uint8.
    """
    number = min(len(names), MARGINALS)
    columns = min(4, number)
    drawn = figure(1.6 * PANEL * columns, 1.3 * PANEL * math.ceil(number / columns) + 0.4)
    panels = drawn.subplots(math.ceil(number / columns), columns, squeeze=False).ravel()
    for column, axes in enumerate(panels):
        if column >= number:
            axes.set_axis_off()
            continue
        colours = axes.pcolormesh(across, up, raw[..., column], shading="gouraud")
        drawn.colorbar(colours, ax=axes).ax.tick_params(labelsize=SMALL - 2)
        axes.set_title(_short(names[column]), fontsize=SMALL)
        axes.set_xlabel("z0", fontsize=SMALL - 1)
        axes.set_ylabel("z1", fontsize=SMALL - 1)
        axes.tick_params(labelsize=SMALL - 2)
    drawn.suptitle(f"{_of(number, len(names)).capitalize()}, in their units", fontsize=SMALL + 2)
    return titled(pixels(drawn), title)


def _some(start: int, end: int) -> range:
    """Returns at most five steps of a group, its first one among them."""
    return range(start, end, math.ceil((end - start) / 5))


def principal(rows: np.ndarray, most: int) -> list[int]:
    """Returns the columns, at most so many, that explain all columns best by least squares.

    Each next one explains most of what those before leave (principal variables, McCabe 1984).
    """
    number = rows.shape[1]
    if number <= most:
        return list(range(number))
    left = (rows - rows.mean(0)) / np.maximum(rows.std(0), TINY)
    chosen: list[int] = []
    for _ in range(most):
        products = left.T @ left
        scores = (products**2).sum(0) / np.maximum(np.diag(products), 1e-9 * len(rows))
        scores[chosen] = -1
        chosen.append(int(scores.argmax()))
        one = left[:, chosen[-1]]
        left = left - np.outer(one, one @ left) / max(one @ one, 1e-12)
    return sorted(chosen)


def _page(
    raw: Mapping[str, np.ndarray],
    names: Sequence[str],
    title: str,
    number: int,
    draw: Callable[[Axes, int], None],
) -> np.ndarray:
    """Draws a panel for each of the first `number` columns, then pairs of some columns."""
    if not all(map(len, raw.values())):
        empty = figure(5, 1)
        empty.text(0.5, 0.5, "There is no row whose numbers are all finite.", ha="center")
        return pixels(empty)
    paired = principal(np.concatenate(list(raw.values())), PAIRED)
    across = min(ACROSS, number)
    down = math.ceil(number / across)
    width = PANEL * max(across, len(paired), 3) + 0.5
    heights = [0.9 * PANEL * down + 0.8, PANEL * len(paired) + 0.7]
    drawn = figure(width, sum(heights))
    upper, lower = drawn.subfigures(2, 1, squeeze=False, height_ratios=heights).ravel()
    upper.suptitle(title, fontsize=SMALL + 2)
    for column in range(number):
        axes = upper.add_subplot(down, across, column + 1)
        draw(axes, column)
        axes.tick_params(labelsize=SMALL - 2)
    _pairs(lower, raw, names, paired)
    return pixels(drawn)


def _pairs(
    lower: SubFigure,
    raw: Mapping[str, np.ndarray],
    names: Sequence[str],
    columns: Sequence[int],
) -> None:
    """Draws each column against each other one, and its histogram on the diagonal."""
    text = "Pairs of columns"
    if len(columns) < len(names):
        text += f": the {len(columns)} that explain most of all {len(names)}, linearly"
    lower.suptitle(text, fontsize=SMALL + 2)
    places = lower.add_gridspec(len(columns), len(columns))
    lowest: list[Axes | None] = [None] * len(columns)  # of each column, whose ends the others have
    sets = sorted(zip(raw.values(), COLOURS, strict=False), key=lambda pair: -len(pair[0]))
    for i, row in reversed(list(enumerate(columns))):
        for j, column in enumerate(columns[: i + 1]):
            axes = lower.add_subplot(places[i, j], sharex=lowest[j])
            lowest[j] = lowest[j] or axes
            axes.tick_params(labelsize=SMALL - 2, labelbottom=axes is lowest[j])
            if i == j:
                _histograms(axes, raw, column)
            else:
                for rows, colour in sets:  # the smaller set on top
                    axes.plot(rows[:, column], rows[:, row], ".", color=colour, markersize=2)
            if i == len(columns) - 1:
                axes.set_xlabel(_short(names[column]), fontsize=SMALL)
            if j == 0 and i > 0:
                axes.set_ylabel(_short(names[row]), fontsize=SMALL)
            else:
                axes.tick_params(labelleft=False)
    handles = [Patch(color=colour, alpha=0.5) for _, colour in zip(raw, COLOURS, strict=False)]
    labels = [f"{name} ({len(rows)} rows)" for name, rows in raw.items()]
    lower.legend(handles, labels, loc="upper right", fontsize=SMALL)


def _histograms(axes: Axes, raw: Mapping[str, np.ndarray], column: int) -> None:
    values = [rows[:, column] for rows in raw.values()]
    edges = np.histogram_bin_edges(np.concatenate(values), BINS)
    for own, colour in zip(values, COLOURS, strict=False):
        weights = np.full(len(own), 1 / len(own))
        kind: Any = {"histtype": "stepfilled", "color": colour, "alpha": 0.5}  # one shape, not BINS
        axes.hist(own, edges.tolist(), weights=weights, **kind)
    axes.set_yticks([])


def _short(text: str, longest: int = 20) -> str:
    """Returns the beginning of a text, in which a dollar sign begins no formula."""
    text = text if len(text) <= longest else f"{text[: longest - 3]}..."
    return text.replace("$", r"\$")


def _of(shown: int, number: int) -> str:
    return f"{number} columns" if shown == number else f"the first {shown} of {number} columns"


def _explained(x: np.ndarray, y: np.ndarray) -> str:
    """Returns the R^2 of y as a prediction of x."""
    spread = ((x - x.mean()) ** 2).sum()
    return f"$R^2$ {1 - ((x - y) ** 2).sum() / spread:.2f}" if spread else "constant"
