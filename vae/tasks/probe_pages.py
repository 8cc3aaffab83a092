"""Pages of what can be read from latents: accuracies over the number of labels, and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from vae.modalities.page import COLOURS, FAINT, SMALL, figure, pixels, titled
from vae.tasks.charts import SIDE, points
from vae.tasks.targets import Target

PANELS = 6  # the most maps of one page
ACROSS = 3
BAR = 0.3  # inches of an attribute's bars
BESIDE: Any = {"loc": "outside upper right", "fontsize": SMALL, "ncols": 2}
EVERY = 3.0  # how much farther right than the most labels all of them stand


def readings(
    result: Mapping[str, Any], targets: Sequence[Target], called: Mapping[str, str]
) -> np.ndarray:
    """Draws what linear models read: of classes over the number of labels, of attributes in bars.

    Args:
      result: what `probe` found.
      targets: what was read.
      called: the names of the kinds of features.

    Returns:
      The page, [H, W, 3] uint8.
    """
    names = {kind: f"{called[kind]} ({size})" for kind, size in result["features"].items()}
    classes = [target for target in targets if target.one]
    others = [target for target in targets if not target.one]
    height = max(1.2 * SIDE if classes else 0.0, 1.3 + BAR * len(others))
    panels = len(classes) + bool(others)
    drawn = figure(1.5 * SIDE * panels, height)
    every = drawn.subplots(1, panels, squeeze=False).ravel()
    for axes, target in zip(every, classes, strict=False):
        _over_labels(axes, target.name, result["targets"][target.name], names)
    if others:
        _bars(every[-1], others, result["targets"], names)
        drawn.legend(*every[-1].get_legend_handles_labels(), **BESIDE)
    title = (
        f"What linear models read from latents and from values, step {result['step']:,}, "
        f"{result['examples']['train']:,} training and {result['examples']['test']:,} test examples"
    )
    return titled(pixels(drawn), title)


def _over_labels(axes: Axes, name: str, own: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Draws the accuracy of a class over the labels of each class, and that of all of them."""
    counts = [int(n) for n in own["latents"]["few"]]
    end = EVERY * max(counts, default=1)
    for colour, (kind, shown) in zip(COLOURS, names.items(), strict=False):
        figures = [*own[kind]["few"].values(), own[kind]["linear"]]
        axes.errorbar(
            [*counts, end],
            [each["accuracy"] for each in figures],
            [each["accuracy_stderr"] for each in figures],
            fmt=".-",
            color=colour,
            linewidth=1.2,
            capsize=2,
            label=shown,
        )
    axes.axhline(own["commonest"], color=FAINT, linestyle="--", label="commonest class")
    axes.set_xscale("log")
    axes.set_xticks([*counts, end], [*map(str, counts), "all"])
    axes.minorticks_off()
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("labels of each class (error: over draws; of all, binomial)", fontsize=SMALL)
    axes.set_ylabel(f"accuracy of {name}" if name != "class" else "accuracy", fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)
    axes.legend(fontsize=SMALL, loc="lower right")


def _bars(
    axes: Axes, targets: Sequence[Target], found: Mapping[str, Any], names: Mapping[str, str]
) -> None:
    """Draws R2 of each number, and the accuracy of each attribute of two values."""
    places = np.arange(len(targets))[::-1]
    high = 0.8 / len(names)
    lowest = 0.0
    for i, (colour, (kind, shown)) in enumerate(zip(COLOURS, names.items(), strict=False)):
        own = [found[target.name][kind]["linear"] for target in targets]
        main = ["accuracy" if target.classes else "r2" for target in targets]
        values = [each[name] for each, name in zip(own, main, strict=True)]
        errors = [each[f"{name}_stderr"] for each, name in zip(own, main, strict=True)]
        lowest = min(lowest, *values)
        where = places + high * ((len(names) - 1) / 2 - i)
        axes.barh(where, values, high, xerr=errors, color=colour, label=shown, error_kw={"lw": 0.8})
    for place, target in zip(places, targets, strict=True):
        if target.classes:
            chance = found[target.name]["commonest"]
            label = "commonest value" if target is next(t for t in targets if t.classes) else None
            axes.plot([chance] * 2, [place - 0.45, place + 0.45], color="black", lw=1, label=label)
    kinds = [f"{t.name} ({'accuracy' if t.classes else 'R2'})".replace("$", r"\$") for t in targets]
    axes.set_yticks(places, kinds, fontsize=SMALL)
    axes.set_ylim(-0.6, len(targets) - 0.4)
    axes.set_xlim(max(lowest, -0.5), 1)
    axes.set_xlabel("accuracy, or R2, on test examples", fontsize=SMALL)
    axes.tick_params(labelsize=SMALL)


def maps(
    places: np.ndarray, targets: Sequence[Target], labels: np.ndarray, result: Mapping[str, Any]
) -> np.ndarray:
    """Draws the map of the latents once for each target, coloured by it.

    Args:
      places: [N, 2].
      targets: what colours it, of which the first PANELS are drawn.
      labels: [N] or [N, A].
      result: what `probe` found.

    Returns:
      The page, [H, W, 3] uint8.
    """
    shown = targets[:PANELS]
    across = min(len(shown), ACROSS)
    down = math.ceil(len(shown) / across)
    side = 1.3 * SIDE if len(shown) > 1 else 2 * SIDE
    drawn = figure(1.25 * side * across, side * down)
    every = drawn.subplots(down, across, squeeze=False).ravel()
    for axes, target in zip(every, shown, strict=False):
        values = target.of(labels)
        if target.classes:
            points(axes, {name: places[values == c] for c, name in enumerate(target.classes)})
        else:
            dots = axes.scatter(*places.T, c=values, s=4, cmap="viridis")
            drawn.colorbar(dots, ax=axes).ax.tick_params(labelsize=SMALL)
        if target.columns:
            axes.set_title(target.name.replace("$", r"\$"), fontsize=SMALL)
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in every[len(shown) :]:
        axes.set_axis_off()
    more = f" (the {len(shown)} best read of {len(targets)})" if len(targets) > len(shown) else ""
    by = "class" if not shown[0].columns else f"attribute{more}"
    title = (
        f"Latents of {len(places):,} test examples, step {result['step']:,}, by {by}: a t-SNE map, "
        f"perplexity {result['map']['perplexity']:.3g}; neighbours are alike, distances between "
        "groups say little"
    )
    return titled(pixels(drawn), title)
