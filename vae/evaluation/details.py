"""What the figures of a split are means of: each latent, each example, and where these lie.

A run keeps it as `details.json` when it evaluates its test set. It costs no further pass over the
data, and is small whatever the size of the set.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from vae.data.examples import Examples
from vae.evaluation.diagnostics import activity
from vae.evaluation.likelihood import Estimate

UNITS = 512  # the most latents that are listed; of more, some of all sizes
PLACED = 1000  # the most examples on the map of the latents
EXTREME = 5  # examples at either end
SHARES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@np.errstate(invalid="ignore", over="ignore")  # of a model that diverged little is known
def details(estimate: Estimate, examples: Examples) -> dict[str, Any]:
    """Returns what is known of a split's latents and examples.

    Args:
      estimate: of N examples.
      examples: the split. Where some of it cannot be read and was left out, it is not known which
        example is which: they have no labels here, and no indices.

    Returns:
      "units": {"counted", "active", "total", "latent", "value"}: latents from the most active to
        the least, with the variance over x of the mean of q(z | x) ("units"), or the mean nats
        ("groups"). Absent where neither is known.
      "nats": {"share", "value", "highest", "lowest"}: quantiles of -log p(x) by the bound that the
        figures have, and [index or None, value] of the examples at either end.
      "map": {"axes", "share", "x", "y", "label"}: the first two principal components of the means
        of q(z | x), or z itself where it has two numbers, of the first examples, and the share of
        the variance along each.
    """
    whole = len(estimate.elbo) == len(examples)
    labels = getattr(examples, "labels", None) if whole else None
    found: dict[str, Any] = {"examples": len(estimate.elbo)}
    counted, active, total = activity(estimate)
    if total:
        values = estimate.mean.var(0) if counted == "units" else estimate.group_kl.mean(0)
        order = np.argsort(-values, kind="stable")
        order = order[np.linspace(0, total - 1, min(total, UNITS)).round().astype(int)]
        found["units"] = {"counted": counted, "active": active, "total": total}
        found["units"] |= {"latent": order.tolist(), "value": _short(values[order])}
    nats = -estimate.log_likelihood
    if np.isfinite(nats).all() and nats.min(initial=np.inf) < nats.max(initial=-np.inf):
        order = np.argsort(nats, kind="stable")
        ends = {"lowest": order[:EXTREME], "highest": order[::-1][:EXTREME]}
        found["nats"] = {"share": list(SHARES), "value": _short(np.quantile(nats, SHARES))}
        found["nats"] |= {
            name: [[int(i) if whole else None, float(f"{nats[i]:.5g}")] for i in some]
            for name, some in ends.items()
        }
    if placed := _map(estimate.mean[:PLACED]):
        found["map"] = placed
        if labels is not None and labels.ndim == 1 and (labels >= 0).any():
            found["map"]["label"] = labels[:PLACED].tolist()
    return found


def _map(mean: np.ndarray) -> dict[str, Any] | None:
    """Returns where means [N, D] lie in the plane in which they vary most; None without one."""
    number, dimensions = mean.shape
    if dimensions < 2 or number < 3 or not np.isfinite(mean).all():
        return None
    centred = mean - mean.mean(0)
    whole = float((centred**2).sum())
    if not whole > 0:
        return None
    if dimensions == 2:
        axes, found, shares = ["z0", "z1"], mean, (centred**2).sum(0) / whole
    else:  # the eigenvectors of the smaller of the two matrices of products
        wide = dimensions > number
        values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
        first = vectors[:, :-3:-1]
        found = first * np.sqrt(np.maximum(values[:-3:-1], 0)) if wide else centred @ first
        axes, shares = ["first component", "second"], values[:-3:-1] / whole
    return {
        "axes": axes,
        "share": _short(shares),
        "x": _short(found[:, 0]),
        "y": _short(found[:, 1]),
    }


def _short(values: np.ndarray) -> list[float | None]:
    """Returns numbers with four digits, which is what a chart shows."""
    return [float(f"{x:.4g}") if math.isfinite(x) else None for x in values]
