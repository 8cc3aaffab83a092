"""UDR of the runs of a sweep, or of several runs: see `vae/evaluation/disentanglement/udr.py`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae import loading, terminal
from vae.config import flatten
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.disentanglement import udr
from vae.files import user_path
from vae.models.priors.fixed import Fixed
from vae.probability.distributions import DiagonalGaussian, StandardNormal
from vae.probability.terms import Batch
from vae.report.results import ASIDE
from vae.report.runs import completed
from vae.run import Run
from vae.terminal import aligned, number
from vae.training.arrays import digest
from vae.training.directory import check_writable, write_json

FILE = "udr.json"
FEWEST = 30  # examples


class Coded(NamedTuple):
    """The codes of examples by a run.

    Attributes:
      folder: the run directory.
      codes: [N, D], the means of q(z | x).
      nats: [D], the mean KL of each latent to the prior.
      settings: what tells the run from others, but for its seeds and what it writes.
      step, params: which weights they are.
    """

    folder: Path
    codes: np.ndarray
    nats: np.ndarray
    settings: tuple[Any, ...]
    step: int
    params: str


def measure(
    directories: Sequence[str | Path], *, split: str, num: int
) -> tuple[str, list[Path], dict[str, Any]]:
    """Measures how alike the latents of runs are, and writes its scores into each run directory.

    Args:
      directories: run directories, and those of sweeps or of several runs, of which the completed
        ones are taken.
      split: the split whose first examples are encoded.
      num: the most examples.

    Returns:
      A table, the paths of the files, and {"runs": {directory: the record in its file},
      "similarity": {method: [M, M]}}.

    Raises:
      InputError: there are fewer than two runs, they are of different data, or a model has no
        diagonal Gaussian q(z | x) with N(0, I) as its prior.
    """
    found = (run.directory for each in directories for run in completed(user_path(each)))
    folders = list({folder.resolve(): folder for folder in found}.values())  # each once
    if len(folders) < 2:
        raise InputError(
            f"udr compares runs with each other, and there are {len(folders)}: give the directory "
            "of a sweep, or two run directories or more."
        )
    for folder in folders:
        check_writable(folder, flag="")
    coded = _coded(folders, split, num)
    groups = [each.settings for each in coded]
    similar = {
        method: udr.similarities([x.codes for x in coded], [x.nats for x in coded], method)
        for method in udr.METHODS
    }
    scores = {
        method: (udr.udr(found, groups), udr.udr(found, [0] * len(coded)))
        for method, found in similar.items()
    }
    records = {}
    for i, each in enumerate(coded):
        records[str(each.folder)] = {
            "step": each.step,
            "num": len(each.codes),
            **{
                method: {"udr": _known(own[i]), "udr_a2a": _known(every[i])}
                for method, (own, every) in scores.items()
            },
            "informative": int((each.nats > udr.INFORMATIVE).sum()),
            "protocol": {
                "split": split,
                "codes": "means of q(z | x)",
                "penalty": udr.PENALTY,
                "least_nats": udr.INFORMATIVE,
                "runs": len(coded),
                "runs_of_these_settings": groups.count(each.settings),
                "params_sha256": each.params,
            },
        }
        write_json(each.folder / FILE, records[str(each.folder)])
    matrices = {method: found.tolist() for method, found in similar.items()}
    paths = [each.folder / FILE for each in coded]
    return _table(records), paths, {"runs": records, "similarity": matrices}


def _coded(folders: Sequence[Path], split: str, num: int) -> list[Coded]:
    """Returns the codes of the same examples by all runs."""
    first, given, coded = None, None, []
    with terminal.Progress("encoding", len(folders), "runs") as progress:
        for folder in folders:
            run = loading.load(folder)
            if first is None or given is None:
                first, given = run, first_examples(run.dataset(), split, num, run.config)
                if len(given.x) < FEWEST:
                    raise InputError(
                        f"UDR takes at least {FEWEST} examples, and these are {len(given.x)} of "
                        f"the {split} split: give a larger --num or another --split."
                    )
            if (run.data.get("digest"), run.event) != (first.data.get("digest"), first.event):
                raise InputError(
                    f"{folder} and {first.workdir} are runs of different data: compare runs of one "
                    "data set."
                )
            coded.append(_of_run(run, given))
            progress.at(len(coded))
    return coded


def _of_run(run: Run, given: Batch) -> Coded:
    q = run.encode(given.x, given.y if run.model.condition else None)
    prior = run.model.prior
    standard = isinstance(prior, Fixed) and isinstance(prior.p, StandardNormal)
    if not (isinstance(q, DiagonalGaussian) and standard):
        raise InputError(
            f"UDR leaves latents out by their KL, and that of {run.workdir} is not known for each: "
            "compare runs of model.posterior='gaussian' with model.prior='standard_normal'."
        )
    mean, log_std = np.asarray(q.mean, np.float64), np.asarray(q.log_std, np.float64)
    nats = ((mean**2 + np.exp(2 * log_std) - 1) / 2 - log_std).mean(0)
    values = flatten(run.config).items()
    settings = tuple(sorted((key, repr(x)) for key, x in values if not key.startswith(ASIDE)))
    return Coded(run.workdir, mean, nats, settings, run.step, digest(run.params))


def _known(score: float) -> float | None:
    return None if math.isnan(score) else float(score)


def _table(records: dict[str, dict[str, Any]]) -> str:
    """Returns the table for a person, the best first."""
    head = ["run", "UDR, lasso", "spearman", "all to all, lasso", "spearman", "informative"]

    def cells(folder: str) -> list[str]:
        of = records[folder]
        pairs = [of[method][kind] for kind in ("udr", "udr_a2a") for method in udr.METHODS]
        shown = ["" if score is None else number(score) for score in pairs]
        return [folder, *shown, str(of["informative"])]

    def rank(folder: str) -> tuple[float, float]:
        of = records[folder]["lasso"]
        return -(of["udr"] or 0), -of["udr_a2a"]

    return "\n".join(aligned([head, *map(cells, sorted(records, key=rank))], range(1, len(head))))
