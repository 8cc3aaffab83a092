"""The page of rate-distortion and rate-accuracy curves, see `__init__.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from vae.config.values import shown
from vae.modalities.page import COLOURS, FAINT, SMALL, figure, pixels, titled
from vae.report.rate_distortion import READ, Point

SIDE = 4.5  # inches of a panel
DIAGONALS = 8  # about so many lines of constant ELBO
MARKS = "osD^v<>P"  # for curves beyond the colours


def page(points: Sequence[Point], key: str, values: Mapping[str, float]) -> np.ndarray:
    """Draws the distortion and what is read from latents over the rate.

    Args:
      points: in the order of the curves, and of the key along each.
      key: the key, whose values are written beside the points.
      values: what is read from the values themselves, by name.

    Returns:
      The page, [H, W, 3] uint8.
    """
    read = [name for name in READ if any(name in point.figures for point in points)]
    drawn = figure(SIDE * (1 + len(read)), SIDE)
    first, *others = drawn.subplots(1, 1 + len(read), squeeze=False).ravel()
    _curves(first, points, "distortion")
    _diagonals(first, [point.figures["negative_elbo"] for point in points])
    first.set_ylabel("distortion, -E[log p(x | z)] (nats)", fontsize=SMALL)
    first.legend(fontsize=SMALL)
    for axes, name in zip(others, read, strict=True):
        _curves(axes, [point for point in points if name in point.figures], name)
        if name in values:
            axes.axhline(values[name], color=FAINT, linestyle="--", label="of the values")
        axes.set_ylabel(f"{READ[name]} of linear models of z ~ q(z | x)", fontsize=SMALL)
        axes.legend(fontsize=SMALL)
    title = (
        f"Rate and distortion of test examples; beside each point {key}; error bars: standard "
        "errors over seeds"
    )
    return titled(pixels(drawn), title)


def _curves(axes: Axes, points: Sequence[Point], name: str) -> None:
    """Draws a figure of points over their rate, a line for each curve."""
    for i, curve in enumerate(dict.fromkeys(point.curve for point in points)):
        own = [point.figures for point in points if point.curve == curve]

        def column(of: str, own: Sequence[Mapping[str, float]] = own) -> list[float]:
            return [each.get(of, 0.0) for each in own]

        axes.errorbar(
            column("rate"),
            column(name),
            column(f"{name}_stderr"),
            column("rate_stderr"),
            fmt=f"{MARKS[i // len(COLOURS) % len(MARKS)]}-",
            color=COLOURS[i % len(COLOURS)],
            markersize=4,
            linewidth=1.2,
            capsize=2,
            label=curve or "runs",
        )
    for point in points:
        place = point.figures["rate"], point.figures[name]
        axes.annotate(shown(point.value), place, (4, 4), textcoords="offset points", fontsize=7)
    axes.margins(0.08)
    axes.set_xlabel("rate, E[KL(q(z | x) || p(z))] (nats)", fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)


def _diagonals(axes: Axes, constants: Sequence[float]) -> None:
    """Draws lines of constant ELBO, and that of the best run, without moving the axes."""
    ends = axes.get_xlim(), axes.get_ylim()
    sums = [sum(each) for each in zip(*ends, strict=True)]
    line: Callable[..., Any] = axes.axline
    for i, constant in enumerate(MaxNLocator(DIAGONALS).tick_values(*sums)):
        label = "constant ELBO" if i == 0 else None
        line((0, constant), slope=-1, color=FAINT, linewidth=0.6, zorder=0, label=label)
    best = min(constants)
    label = f"R + D = {best:.5g}, the best ELBO here"
    line((0, best), slope=-1, color="black", linewidth=0.8, linestyle="--", zorder=0, label=label)
    axes.set_xlim(*ends[0])
    axes.set_ylim(*ends[1])
