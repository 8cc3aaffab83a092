"""Shows rows of counts, and compares them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vae.modalities import scripts
from vae.modalities.sheets import Sheet
from vae.modalities.tables import show as tables
from vae.probability.event import Event


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
    """See `vae/modalities`: cells by genes as a map, and what of each gene is told by all cells.

    A file has the rows, where they are pairs those that stand beside.
    """
    from vae.modalities.counts import plots  # whose library takes half a second to import

    sets = {"cells": x}
    if beside is not None:
        sets = dict(zip(names, (x, beside), strict=True))
    elif data is not None:
        sets = {"data": data, "samples": x}
    raw = {name: counts(rows, event) for name, rows in sets.items()}
    page = plots.page(raw, event.names, title, paired=beside is not None)
    return Sheet(page, files=tables.as_csv(x if beside is None else beside, event))


def counts(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns rows of x that are finite as counts [N, F] float64, not rounded: means stay means."""
    x = x[np.isfinite(x).all(1)]
    return x.astype(np.float64) * event.values.scale


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns how alike pairs of x and others [N, F] are, in log(1 + count).

    `mse` is the mean squared error, and `correlation` the mean over cells of Pearson's.
    """
    a, b = (
        np.log1p(np.maximum(rows.astype(np.float64), 0) * event.values.scale)
        for rows in (x, others)
    )
    error = float(((a - b) ** 2).mean())
    a, b = (rows - rows.mean(1, keepdims=True) for rows in (a, b))
    norm = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    there = norm > 0
    of = (a * b).sum(1)[there] / norm[there]
    return {"mse": error, "correlation": float(of.mean()) if len(of) else 0.0}


script = scripts.beside(__file__)
