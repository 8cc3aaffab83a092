"""Finds genes that two groups of cells express differently, by samples of the posterior.

For pairs of a cell a of one group and a cell b of the other, drawn at random, z is drawn from
q(z | x) of each, and decoded to the shares of genes, in the same batch for both. With the shares
scaled to a cell of median size, the change of a gene is

    LFC = log2((mean_a + c) / (mean_b + c)),    c = 0.05 counts.

    bayes_factor   log(P(LFC > 0) / P(LFC < 0)) (Lopez et al. 2018, "Deep generative modeling for
                   single-cell transcriptomics")
    p_change       P(|LFC| > delta); genes with the highest are found as long as the mean of
                   1 - p_change over them is at most 5%, the false discovery rate that the posterior
                   expects (Boyeau et al. 2019, "Deep generative models for detecting differential
                   expression in single cells")
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.annotations import Count, Seed
from vae.errors import InputError, not_one_of
from vae.files import whole
from vae.modalities import pictures
from vae.modalities.counts.asked import Asked, asked, everywhere, known, shares
from vae.modalities.counts.integration import MOST
from vae.run import Run
from vae.tasks.names import plain
from vae.tasks.output import Output
from vae.training.directory import write_json

PSEUDO = 0.05  # counts in a cell of median size
PRINTED = 10  # genes
RATE = 0.05  # false discoveries among those found
PAIRS = 500  # at once


def differential(
    run: Run,
    *,
    column: str,
    group: str,
    against: str | None = None,
    files: Sequence[str | Path] = (),
    pairs: Count = 5000,
    delta: float = 0.5,
    seed: Seed = 0,
) -> Output:
    """Finds the genes that two groups of cells express differently, by samples of the posterior.

    It writes a table with a line for each gene, the surest first, and a picture of the changes; the
    genes that are found are printed. Batches that the model is told are averaged over, so that they
    make no difference; if it is told the column itself, each group is decoded as it is.

    Examples:
      vae differential --workdir=runs/cells --column=type --group=T --against=B
      vae differential --workdir=runs/cells --column=type --group=T --delta=1

    Args:
      run: the run.
      column: the column of the cells that names their groups.
      group: the group.
      against: the group that it is compared with; all other cells if absent.
      files: a file of your own cells; those of the run's data if absent.
      pairs: samples, each of a pair of cells.
      delta: the change that matters, in log2.
      seed: seed of the pairs and samples.

    Returns:
      The paths, and {"step", "cells": [of the two groups], "pairs", "delta", "found": number}.

    Raises:
      InputError: there is no such column or group, or q(z | x) is no Gaussian.
    """
    found = asked(run, files)
    groups = known(found.cells, column)
    for flag, name in (("group", group), ("against", against)):
        if name is not None and name not in groups:
            raise InputError(not_one_of(f"--{flag}", name, sorted(set(groups.tolist()))))
    rng = np.random.default_rng(seed)
    sets = [groups == group, groups != group if against is None else groups == against]
    rows = [rng.permutation(np.flatnonzero(each))[:MOST] for each in sets]
    if not len(rows[1]):
        raise InputError(f"all cells are of the group {group!r}: there are none to compare with.")
    posteriors = [_posterior(run, found, own) for own in rows]
    changes, means = [], np.zeros((2, run.event.channels))
    for i in range(0, pairs, PAIRS):
        number = min(PAIRS, pairs - i)
        scaled = []
        for own, (mean, log_std, y) in zip(rows, posteriors, strict=True):
            at = rng.integers(len(own), size=number)
            z = mean[at] + np.exp(log_std[at]) * rng.standard_normal(mean[at].shape)
            told = everywhere(run, None if y is None else y[at], own=column)
            scaled.append(shares(run, z.astype(np.float32), told) * run.event.values.total)
        means += [each.sum(0) / pairs for each in scaled]
        changes.append(np.log2((scaled[0] + PSEUDO) / (scaled[1] + PSEUDO)))
    lines = of_changes(np.concatenate(changes), delta)
    lines["mean"], lines["mean_of_others"] = means
    order = np.argsort(-lines["p_change"], kind="stable")
    called = plain(f"differential_{group}_{against or 'others'}")
    path = run.out / f"{called}.csv"
    with whole(path, "w") as file:
        writer = csv.writer(file)
        writer.writerow(["gene", *lines])
        for gene in order:
            cells = (f"{values[gene]:.6g}" for values in lines.values())
            writer.writerow([run.event.names[gene], *cells])
    figures: dict[str, Any] = {
        "step": run.step,
        "cells": [len(own) for own in rows],
        "pairs": pairs,
        "delta": delta,
        "found": int(lines["found"].sum()),
    }
    write_json(path.with_suffix(".json"), figures)
    from vae.modalities.counts import plots  # whose library takes half a second to import

    title = f"{group} against {against or 'all others'}, {column}, step {run.step:,}"
    picture = run.out / run.modality.NAME / f"{called}_{run.step:08d}.png"
    pictures.save(plots.changes(lines, run.event.names, delta, title), picture)
    paths = [picture, path, path.with_suffix(".json")]
    return Output(paths, figures, _printed(lines, run.event.names, order, figures))


def of_changes(changes: np.ndarray, delta: float) -> dict[str, np.ndarray]:
    """Returns what samples of changes [M, F] say of each gene, arrays [F] by name."""
    number = len(changes)
    up = np.clip((changes > 0).mean(0), 1 / (number + 1), number / (number + 1))
    p = (np.abs(changes) > delta).mean(0)
    surest = np.argsort(-p, kind="stable")
    rate = np.cumsum(1 - p[surest]) / np.arange(1, len(p) + 1)
    found = np.zeros(len(p), bool)
    found[surest[: int(np.sum(rate <= RATE))]] = True  # the rate never falls
    return {
        "lfc_mean": changes.mean(0),
        "lfc_median": np.median(changes, 0),
        "lfc_std": changes.std(0),
        "bayes_factor": np.log(up / (1 - up)),
        "p_change": p,
        "found": found,
    }


def _printed(
    lines: Mapping[str, np.ndarray], genes: Sequence[str], order: np.ndarray, figures: Any
) -> str:
    """Returns the surest genes, and how many are found, as text."""
    number, (own, others) = figures["found"], figures["cells"]
    told = [
        f"{own:,} cells against {others:,}, step {figures['step']}: {number:,} of {len(order):,} "
        f"genes change by more than {figures['delta']:g} in log2, at a false discovery rate of "
        f"{RATE:.0%}" + ("; the surest are" if number else "; the surest, none of which is found:"),
        "",
    ]
    width = max(len("gene"), *(len(genes[gene]) for gene in order[:PRINTED]))
    told.append(f"{'gene':{width}}  change (log2)  P(change)    mean  of others")
    for gene in order[:PRINTED]:
        change, p = lines["lfc_median"][gene], lines["p_change"][gene]
        means = f"{lines['mean'][gene]:6.3g}  {lines['mean_of_others'][gene]:9.3g}"
        told.append(f"{genes[gene]:{width}}  {change:+13.2f}  {p:9.3f}  {means}")
    return "\n".join(told)


def _posterior(
    run: Run, found: Asked, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Returns the mean and the log standard deviation of q(z | x), and y, of some cells."""
    mean, log_std = [], []
    for _, x, y in found.chunks(run.event, rows):
        q = run.encode(run.event.values.to_x(x), y)
        if getattr(q, "log_std", None) is None:
            raise InputError(
                f"the q(z | x) of {run.workdir} has no standard deviation of each number of z, of "
                "which samples are made; model.posterior='gaussian' has it."
            )
        mean.append(q.mean)
        log_std.append(q.log_std)
    y = None if found.y is None else found.y[rows]
    return np.concatenate(mean), np.concatenate(log_std), y
