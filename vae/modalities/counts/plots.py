"""Pages that show rows of counts: a map of cells by genes, and sums over all cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from vae.modalities.page import COLOURS, FAINT, SMALL, figure, pixels, titled

CELLS, GENES = 60, 50  # the most that a map shows
LEGEND = 4  # the size of points in a legend
APART = 0.4, 0.12  # powers of ten, across and up, between the names of points


def page(
    raw: Mapping[str, np.ndarray], genes: Sequence[str], title: str, *, paired: bool
) -> np.ndarray:
    """Draws a page of one or two sets of counts.

    Args:
      raw: name -> counts [N, F]; of two sets, the second is drawn over the first.
      genes: the names of the F genes.
      title: the title of the page.
      paired: whether the rows of the two sets are pairs.

    Returns:
      The page, [H, W, 3] uint8.
    """
    if not all(map(len, raw.values())):
        empty = figure(5, 1)
        empty.text(0.5, 0.5, "There is no row whose numbers are all finite.", ha="center")
        return titled(pixels(empty), title)
    drawn = figure(11, 3.4 * len(raw) + 3.2)
    heights = [3.4 * len(raw), 3.2]
    upper, lower = drawn.subfigures(2, 1, squeeze=False, height_ratios=heights).ravel()
    shown = _varied(np.concatenate(list(raw.values())))
    rows = _order(next(iter(raw.values()))[:CELLS, shown])
    panels = upper.subplots(len(raw), 1, sharex=True, squeeze=False).ravel()
    highest = max(np.log1p(x[:CELLS, shown]).max() for x in raw.values())
    for axes, (name, x) in zip(panels, raw.items(), strict=True):
        order = rows if paired or len(raw) == 1 else _order(x[:CELLS, shown])
        values = np.log1p(x[:CELLS, shown][order])
        colours = axes.imshow(values, aspect="auto", vmin=0, vmax=highest, interpolation="none")
        axes.set_ylabel(f"{name}: {len(values)} cells", fontsize=SMALL)
        axes.set_yticks([])
        bar = upper.colorbar(colours, ax=axes, pad=0.01)
        bar.ax.tick_params(labelsize=SMALL - 2)
        bar.set_label("log(1 + count)", fontsize=SMALL - 1)
    names = [_short(genes[i]) for i in shown]
    panels[-1].set_xticks(range(len(shown)), names, rotation=90, fontsize=SMALL - 2)
    which = (
        f"all {len(genes)} genes"
        if len(shown) == len(genes)
        else (f"the {len(shown)} of {len(genes)} genes that vary most")
    )
    upper.suptitle(f"Cells by genes, {which}", fontsize=SMALL + 2)
    _sums(lower.subplots(1, 4), raw, paired)
    return titled(pixels(drawn), title)


def _varied(x: np.ndarray) -> np.ndarray:
    """Returns the genes whose log(1 + count) varies most, those that go together side by side."""
    spread = np.log1p(x).var(0)
    most = np.argsort(-spread, kind="stable")[:GENES]
    return most[_order(x[:, most].T[:, :500])]


def _order(x: np.ndarray) -> np.ndarray:
    """Returns an order of rows [N, F] in which those that are alike are neighbours."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(x) < 3:
        return np.arange(len(x))
    values = np.log1p(x)
    values = values - values.mean(1, keepdims=True)
    values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return leaves_list(linkage(values, "average"))


def _sums(panels: Sequence[Axes], raw: Mapping[str, np.ndarray], paired: bool) -> None:
    """Draws what all cells tell of each gene, and the sizes of cells."""
    names, sets = list(raw), list(raw.values())
    means, variances, zeros = (
        [of(x) for x in sets]
        for of in (lambda x: x.mean(0), lambda x: x.var(0), lambda x: (x < 0.5).mean(0))
    )
    first, second, third, last = panels
    if len(sets) == 2:
        _against(first, means, names, "mean of each gene", log=True)
    else:
        first.hist(np.log10(np.maximum(means[0], 1e-3)), 40, color=COLOURS[0])
        first.set_xlabel("log10 of the mean of each gene", fontsize=SMALL)
    for mean, variance, name, colour in zip(means, variances, names, COLOURS, strict=False):
        kept = (mean > 0) & (variance > 0)
        second.plot(mean[kept], variance[kept], ".", color=colour, markersize=2, label=name)
    counted = np.concatenate([mean[mean > 0] for mean in means])
    if len(counted):  # else there are zeros alone, which no logarithmic axis takes
        ends = [counted.min(), counted.max()]
        second.plot(ends, ends, color=FAINT, linewidth=1, label="Poisson")
        second.set(xscale="log", yscale="log")
        third.set(xscale="log")
    second.set_xlabel("mean of each gene", fontsize=SMALL)
    second.set_ylabel("variance", fontsize=SMALL)
    second.legend(fontsize=SMALL - 2, markerscale=LEGEND)
    for mean, zero, name, colour in zip(means, zeros, names, COLOURS, strict=False):
        third.plot(mean[mean > 0], zero[mean > 0], ".", color=colour, markersize=2, label=name)
    third.set_xlabel("mean of each gene", fontsize=SMALL)
    third.set_ylabel("share of cells below half a count", fontsize=SMALL)
    third.legend(fontsize=SMALL - 2, markerscale=LEGEND)
    sizes = [x.sum(1) for x in sets]
    if paired:
        _against(last, sizes, names, "counts of each cell", log=False)
    else:
        edges = np.histogram_bin_edges(np.concatenate(sizes), 30).tolist()
        for size, name, colour in zip(sizes, names, COLOURS, strict=False):
            weights = np.full(len(size), 1 / len(size))
            last.hist(size, edges, weights=weights, color=colour, alpha=0.5, label=name)
        last.set_xlabel("counts of each cell", fontsize=SMALL)
        last.set_ylabel("share of cells", fontsize=SMALL)
        last.legend(fontsize=SMALL - 2)
    if np.ptp(sizes[-1]) < 1e-3 * sizes[-1].mean():
        last.set_title(f"all {names[-1]} have the median size", fontsize=SMALL - 1)
    for axes in panels:
        axes.tick_params(labelsize=SMALL - 2)


def _against(
    axes: Axes, sets: Sequence[np.ndarray], names: Sequence[str], what: str, *, log: bool
) -> None:
    """Draws what two sets have, one against the other, with the line where they are equal."""
    x, y = sets
    if log:
        kept = (x > 0) & (y > 0)
        x, y = x[kept], y[kept]
        if len(x):
            axes.set(xscale="log", yscale="log")
    if len(x):
        ends = [min(x.min(), y.min()), max(x.max(), y.max())]
        axes.plot(ends, ends, color=FAINT, linewidth=1)
    axes.plot(x, y, ".", color=COLOURS[1], markersize=2)
    axes.set_xlabel(f"{what}, {names[0]}", fontsize=SMALL)
    axes.set_ylabel(names[1], fontsize=SMALL)


def _short(text: str, longest: int = 12) -> str:
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return text.replace("$", r"\$")


def changes(
    lines: Mapping[str, np.ndarray], genes: Sequence[str], delta: float, title: str
) -> np.ndarray:
    """Draws how sure the changes of genes are, and between which means, as [H, W, 3] uint8.

    Args:
      lines: what `differential` says of each gene, arrays [F] by name.
      genes: the names of the F genes.
      delta: the change that matters.
      title: the title of the page.
    """
    drawn = figure(10, 4.5)
    first, second = drawn.subplots(1, 2)
    found = lines["found"].astype(bool)
    for axes, x, y in (
        (first, lines["lfc_median"], lines["p_change"]),
        (second, lines["mean_of_others"], lines["mean"]),
    ):
        axes.plot(x[~found], y[~found], ".", color=FAINT, markersize=3, label="other genes")
        told = f"{int(found.sum())} found" + (", 5% of them falsely" if found.any() else "")
        axes.plot(x[found], y[found], ".", color=COLOURS[1], markersize=4, label=told)
        axes.tick_params(labelsize=SMALL - 2)
    named: list[np.ndarray] = []  # where there are names, so that none stands over another
    for gene in np.argsort(-np.abs(lines["lfc_median"]) * found)[: min(12, found.sum())]:
        place = np.array([lines["mean_of_others"][gene], lines["mean"][gene]])
        if all((np.abs(np.log10(place / other)) > APART).any() for other in named):
            second.annotate(_short(genes[gene]), place.tolist(), fontsize=SMALL - 2)
            named.append(place)
    for edge in (-delta, delta):
        first.axvline(edge, color=FAINT, linewidth=0.8)
    first.set_xlabel("median change, log2", fontsize=SMALL)
    first.set_ylabel(f"P(change by more than {delta:g})", fontsize=SMALL)
    second.set(xscale="log", yscale="log")
    second.set_xlabel("counts in a cell of median size: the others", fontsize=SMALL)
    second.set_ylabel("the group", fontsize=SMALL)
    first.legend(fontsize=SMALL - 2)
    return titled(pixels(drawn), title)
