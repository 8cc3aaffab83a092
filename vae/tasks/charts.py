"""Plots of figures: histograms of scores, ROCs, points in a plane, and matrices of shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes

from vae.modalities.page import COLOURS, DPI, FAINT, SMALL, cut, extent, figure, pixels, titled

SIDE = 3.2  # inches of a panel
BINS = 40
LONGEST = 230  # pixels for a name in a legend
NAMED = 20  # with more classes, the legend is left out


def curves(
    rocs: Mapping[str, tuple[np.ndarray, np.ndarray]], axes_names: tuple[str, str], title: str
) -> np.ndarray:
    """Draws ROCs, and the diagonal for chance.

    Args:
      rocs: name in the legend -> the false and true rates [T].
      axes_names: the names of the two rates.
      title: the title of the page.

    Returns:
      The page, [H, W, 3] uint8.
    """
    drawn = figure(1.5 * SIDE, 1.5 * SIDE)
    _curves(drawn.subplots(), rocs, axes_names)
    return titled(pixels(drawn), title)


def detection(
    scores: Mapping[str, Mapping[str, np.ndarray]],
    rocs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    uniform: Mapping[str, tuple[np.ndarray, np.ndarray]],
    units: Mapping[str, str],
    title: str,
) -> np.ndarray:
    """Draws the histogram of each score, and the ROCs and p-values where there are any.

    Args:
      scores: score -> set -> values [N]; values that are not finite are left out.
      rocs: see `curves`.
      uniform: name in the legend -> levels, and the share of p-values up to each.
      units: score -> its unit.
      title: the title of the page.

    Returns:
      The page, [H, W, 3] uint8.
    """
    panels = len(scores) + bool(rocs) + bool(uniform)
    across = min(panels, 3)
    down = math.ceil(panels / across)
    drawn = figure(1.25 * SIDE * across, SIDE * down)
    every = drawn.subplots(down, across, squeeze=False).ravel()
    for axes, (name, sets) in zip(every, scores.items(), strict=False):
        _histogram(axes, sets)
        axes.set_xlabel(f"{name.replace('_', ' ')} ({units[name]})", fontsize=SMALL)
        axes.set_ylabel("share of the examples", fontsize=SMALL)
    if rocs:
        _curves(every[len(scores)], rocs, ("examples taken for outliers", "outliers found"))
    if uniform:
        names = ("level a", "share of the test examples with p ≤ a")
        _curves(every[panels - 1], uniform, names, diagonal="uniform")
    for axes in every[panels:]:
        axes.set_axis_off()
    return titled(pixels(drawn), title)


def scatter(
    sets: Mapping[str, np.ndarray], names: tuple[str, str], title: str, *, equal: bool = False
) -> np.ndarray:
    """Draws points of several sets, each in its own colour.

    Args:
      sets: name in the legend -> points [N, 2]. Beyond `NAMED` sets there is no legend.
      names: the names of the two axes.
      title: the title of the page.
      equal: whether a unit has the same length on both axes.

    Returns:
      The page, [H, W, 3] uint8.
    """
    drawn = figure(2.2 * SIDE, 1.8 * SIDE)
    axes = drawn.subplots()
    points(axes, sets, legend=False)
    axes.set_xlabel(names[0], fontsize=SMALL)
    axes.set_ylabel(names[1], fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)
    if equal:
        axes.set_aspect("equal", adjustable="datalim")
    if 1 < len(sets) <= NAMED:
        drawn.legend(loc="outside right upper", fontsize=SMALL, markerscale=2)
    return titled(pixels(drawn), title)


def points(axes: Axes, sets: Mapping[str, np.ndarray], *, legend: bool = True) -> None:
    """Draws points of several sets into axes, see `scatter`, with a legend beside them."""
    few = colormaps["tab10" if len(sets) <= 10 else "tab20"]
    for i, (name, own) in enumerate(sets.items()):
        colour = COLOURS[i] if len(sets) <= 2 else few(i % few.N)
        axes.plot(*own.T, ".", color=colour, markersize=4, alpha=0.7, label=_plain(name))
    if legend and 1 < len(sets) <= NAMED:
        axes.legend(
            fontsize=SMALL, markerscale=2, loc="upper left", bbox_to_anchor=(1, 1), frameon=False
        )


def shares(
    panels: Mapping[str, np.ndarray],
    names: tuple[str, str],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
) -> np.ndarray:
    """Draws matrices of shares between 0 and 1, with their values.

    Args:
      panels: what the shares are of -> [R, C].
      names: what rows and columns are.
      rows: the names of the rows.
      columns: the names of the columns.
      title: the title of the page.

    Returns:
      The page, [H, W, 3] uint8.
    """
    wide = len(columns) > len(rows)  # then panels lie one above the other
    width, height = max(SIDE, 0.4 * len(columns) + 1), max(SIDE, 0.22 * len(rows) + 1.5)
    down, across = (len(panels), 1) if wide else (1, len(panels))
    drawn = figure(width * across + 0.8, height * down)
    every = drawn.subplots(down, across, squeeze=False).ravel()
    upright = max(map(extent, columns)) > DPI * (width - 1) / len(columns)
    for axes, (what, matrix) in zip(every, panels.items(), strict=True):
        shown = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_title(what, fontsize=SMALL)
        axes.set_xticks(range(len(columns)), [_plain(name) for name in columns])
        axes.set_yticks(range(len(rows)), [_plain(name) for name in rows])
        axes.tick_params(labelsize=SMALL)
        axes.tick_params(axis="x", rotation=90 if upright else 0)
        axes.set_ylabel(names[0], fontsize=SMALL)
        axes.set_xlabel(names[1], fontsize=SMALL)
        for (r, c), value in np.ndenumerate(matrix):
            colour = "white" if value > 0.6 else "black"
            axes.text(c, r, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=SMALL)
    bar = drawn.colorbar(shown, ax=every, aspect=30, pad=0.02)
    bar.set_label("share", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return titled(pixels(drawn), title)


def _curves(
    axes: Axes,
    rocs: Mapping[str, tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    *,
    diagonal: str = "chance",
) -> None:
    axes.plot([0, 1], [0, 1], "--", color=FAINT, linewidth=1, label=diagonal)
    for (name, (false, true)), colour in zip(rocs.items(), COLOURS, strict=False):
        axes.plot(false, true, color=colour, linewidth=1.5, label=_plain(name))
    axes.set_xlabel(names[0], fontsize=SMALL)
    axes.set_ylabel(names[1], fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=SMALL)


def _histogram(axes: Axes, sets: Mapping[str, np.ndarray]) -> None:
    """Draws the histogram of each set's values; the farthest values are in the outermost bins."""
    finite = {name: values[np.isfinite(values)] for name, values in sets.items()}
    if every := [values for values in finite.values() if len(values)]:
        low = min(np.percentile(values, 0.5) for values in every)
        high = max(np.percentile(values, 99.5) for values in every)
        edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
        for (name, values), colour in zip(finite.items(), COLOURS, strict=False):
            shares = np.full(len(values), 1 / max(len(values), 1))
            inside = np.clip(values, edges[0], edges[-1])
            axes.hist(
                inside, edges.tolist(), weights=shares, color=colour, alpha=0.5, label=_plain(name)
            )
        axes.legend(fontsize=SMALL)
    axes.locator_params(axis="x", nbins=5)  # more long numbers would overlap
    axes.tick_params(labelsize=SMALL)


def _plain(name: str) -> str:
    """Returns a name cut for a legend, in which a dollar sign begins no formula."""
    return cut(name, LONGEST).replace("$", r"\$").lstrip("_") or "-"
