"""The results of the runs in a directory, beside what was published.

An experiment file may say beside `get_config` what is known of its variants:

    PUBLISHED = {variant: (metric, figure, source)}

Runs that differ only in their seeds make one row. Every number comes from a `result.json`. If a
variant has runs, the others of its file are listed as not run. Runs of your own configs have rows
as well, with their main metric.
"""

from __future__ import annotations

import logging
import math
import runpy
import shlex
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae.config.axes.sets import EMBEDDED
from vae.errors import InputError
from vae.experiments import FOLDER, docstring_line
from vae.report import table
from vae.report.runs import config_file
from vae.report.table import Row, Section
from vae.training.directory import Damaged, check_keys, described, read_json, read_result

logger = logging.getLogger(__name__)

SEEDS = ("seed", "data.seed")
# What a run may change without being another experiment: where its data lie and what it writes.
ASIDE = (*SEEDS, "data.path", "data.manual_dir", "log.", "checkpoint.", "evaluation.every_steps")
MAIN = ("test/nll", "test/elbo")  # the metric of a row without a published one


# Files that tasks leave in a run directory, and the numbers in them, by path, that are shown.
TASKS = {
    "reconstructions_test.json": {"PSNR, dB": "metrics.psnr", "SSIM": "metrics.ssim"},
    "fidelity*.json": {
        "Frechet distance of samples": "samples.frechet",
        "the same of validation examples": "valid.frechet",
        "precision": "samples.precision",
        "recall": "samples.recall",
        "Frechet distance of reconstructions": "reconstructions.frechet",
        "PSNR in dB of reconstructions": "reconstructions.psnr",
        "SSIM of reconstructions": "reconstructions.ssim",
    },
    "disentanglement_*.json": {
        "BetaVAE score": "scores.beta_vae",
        "FactorVAE score": "scores.factor_vae",
        "MIG": "scores.mig",
        "DCI disentanglement": "scores.dci_disentanglement",
        "SAP": "scores.sap",
    },
    "udr.json": {"UDR": "lasso.udr", "UDR by ranks": "spearman.udr"},
    "verify.json": {
        "same person, AUROC": "posterior.auroc",
        "the same by pixels": "pixels.auroc",
        "TAR at 1% FAR": "posterior.tar_at_1%_far",
    },
    "probe.json": {
        "linear models of latents, accuracy": "mean.latents.accuracy",
        "of values": "mean.values.accuracy",
        "R2 of latents": "mean.latents.r2",
        "R2 of values": "mean.values.r2",
    },
    "anomaly*.json": {
        "outliers by NLL, AUROC": "auroc.nll",
        "by likelihood ratio": "auroc.ratio",
        "by reconstruction": "auroc.reconstruction",
    },
    "*/inpaint_*.json": {
        "inpainting, squared error": "mse.posterior_mean",
        "the same of a mean fill": "mse.mean",
    },
}


class Trial(NamedTuple):
    """A completed run: what it was started with, and its results."""

    directory: Path
    overrides: tuple[str, ...]
    data: dict[str, Any]  # the config's section
    record: dict[str, Any]
    result: dict[str, Any]


def write(runs: Path, out: Path | None = None, *, experiments: Path = FOLDER) -> Path:
    """Writes the results of the runs in a directory.

    Args:
      runs: a directory with run directories at any depth.
      out: the file, whose rows of other runs are kept; `RESULTS.md` beside the runs if None.
      experiments: the directory of the experiment files.

    Returns:
      The path of the file.

    Raises:
      InputError: there are no runs, or `out` is some other file.
    """
    if not runs.is_dir():
        raise InputError(f"--workdir={runs} is no directory; give one that holds runs.")
    trials: dict[str, dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    for result in sorted(runs.rglob("result.json")):
        if found := _read(result.parent, experiments):
            file, variant, trial = found
            trials[file][variant].append(trial)
    if not trials:
        raise InputError(f"--workdir={runs} holds no completed run.")
    sections = {}
    for file, variants in trials.items():
        ours = experiments / Path(file).name
        if file == f"experiments/{ours.name}":
            name, title = ours.stem, docstring_line(ours)
            published = runpy.run_path(str(ours)).get("PUBLISHED", {})
        else:
            name, title, published = file or "python", "Runs of one's own.", {}
        sections[name] = _section(file, title, published, variants)
    path = runs / "RESULTS.md" if out is None else out
    table.write(path, sections)
    return path


def _read(directory: Path, experiments: Path) -> tuple[str, str, Trial] | None:
    """Returns a complete run with its config's file ("" if from Python) and variant, else None."""
    try:
        result = read_result(directory)
        if result is None or result["status"] != "completed":
            return None
        settings = read_json(directory / "config.json", {"data": dict})
        needed = {"command": list, "overrides": dict, "hardware": str}
        record = read_json(directory / "provenance.json", needed)
        if settings is None or record is None:
            return None
        check_keys(directory / "config.json", settings["data"], {"name": str, "path": str})
        written = directory / "result.json"
        check_keys(written, result, {"protocol": dict})
        check_keys(written, result["protocol"], {"split": str, "binarize": str, "weights": str})
        with described(directory / "provenance.json"):
            said = config_file(record["command"])
    except Damaged as error:
        logger.warning("%s The run is left out.", error)
        return None
    name, _, variant = said.partition(":")
    named = not Path(name).suffix  # as `vae list` shows it
    ours = experiments / (f"{name}.py" if named else Path(name).name)
    if (named or Path(name).parent.name == "experiments") and ours.is_file():
        name = f"experiments/{ours.name}"
    others = settings["data"]["name"] in EMBEDDED  # the name says nothing about data at a path
    kept = tuple(
        f"--config.{key}={_written(value)}"
        for key, value in sorted(record["overrides"].items())
        if not key.startswith(ASIDE) or (others and key == "data.path")
    )
    return name, variant, Trial(directory, kept, settings["data"], record, result)


def _written(value: Any) -> str:
    """Returns a value as it is written on a command line; a tuple is a list in a file."""
    return str(tuple(value)).replace(" ", "") if isinstance(value, list) else str(value)


def _section(
    file: str,
    title: str,
    published: dict[str, tuple[str, float | None, str]],
    trials: dict[str, list[Trial]],
) -> Section:
    """Returns the rows of an experiment file: for each variant one for each group of its runs."""
    rows: list[Row] = []
    tasks: list[tuple[str, ...]] = []
    for variant in published | trials:
        groups: dict[tuple[str, ...], list[Trial]] = defaultdict(list)
        for trial in trials.get(variant, ()):
            # A run from Python has no command that would tell it from others.
            groups[trial.overrides if file else (str(trial.directory),)].append(trial)
        config = f"{file}:{variant}" if variant else file
        for overrides, group in groups.items() or [((), [])]:
            metric, figure, source = published.get(variant) or (_main(group[0]), None, "")
            known = "" if figure is None else f"{figure:g} ({source})"
            names = (variant or Path(file).stem, *overrides) if file else overrides
            label = " ".join(f"`{name}`" for name in names)
            command = ["vae", "train", f"--config={config}", *overrides]
            row = Row((label, *_cells(group, metric, known)), shlex.join(command) if file else "")
            rows.append(row)
            tasks += [(label, *t) for trial in group for t in _of_tasks(trial.directory)]
    return Section(title, rows, tasks)


def _main(trial: Trial) -> str:
    """Returns the metric to show if none was published."""
    own = [name for name in trial.result["metrics"] if name.startswith("test/")]
    return next((name for name in (*MAIN, *own) if name in own), "")


def _of_tasks(directory: Path) -> list[tuple[str, str, str]]:
    """Returns (file, number of examples, figures) for each file that a task left in a run."""
    found = []
    for pattern, names in TASKS.items():
        for file in sorted(directory.glob(pattern)):
            try:
                record = read_json(file, {})
            except Damaged as error:
                logger.warning("%s It is left out.", error)
                continue
            figures = {name: at(record, path) for name, path in names.items()}
            shown = [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
            number = record.get("num", record.get("images", ""))
            found.append((f"`{file.stem}`", str(number), ", ".join(shown)))
    return found


def at(record: dict[str, Any], path: str) -> float | None:
    """Returns the value in nested dicts at a path "a.b"; None if there is none."""
    for key in path.split("."):
        if not isinstance(record, dict) or key not in record:
            return None
        record = record[key]
    return record if isinstance(record, int | float) else None


def _cells(group: list[Trial], metric: str, known: str) -> tuple[str, ...]:
    """Returns what follows the name in a row."""
    name = metric.removeprefix("test/")
    if not group:
        return "", name, known, table.NOT_RUN, "", "", "", ""
    first = group[0].result
    figures = [trial.result["metrics"].get(metric) for trial in group]
    values = [math.nan if value is None else value for value in figures]
    if len(values) > 1:
        error = f"{np.std(values, ddof=1) / math.sqrt(len(values)):.2g}"
    else:
        known_error = first["metrics"].get(f"{metric}_stderr")
        error = f"{math.nan if known_error is None else known_error:.2g}*"
    protocol = first["protocol"]
    chosen, path = group[0].data["name"], Path(group[0].data["path"]).name
    source = path if path and chosen in ("", *EMBEDDED) else chosen
    binarised = " binarised anew at every visit," if protocol["binarize"] == "dynamic" else ""
    data = f"{source},{binarised} {protocol['split']}"
    number = protocol.get("num_samples", "unknown")
    samples = f", K = {number}" if name in ("nll", "bits_per_dim", "perplexity") else ""
    digits = 3 if name == "bits_per_dim" else 2
    return (
        data,
        f"{name}{samples}, {protocol['weights']} weights",
        known,
        f"{np.mean(values):.{digits}f} +- {error}",
        str(len(values)),
        f"{first['step']:,}",
        f"{np.mean([trial.result['seconds'] for trial in group]) / 60:.1f}",
        group[0].record["hardware"],
    )
