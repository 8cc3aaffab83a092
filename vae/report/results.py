"""The table of results: what was published, and what the runs in a directory reached.

An experiment file says beside `get_config` what is known of its variants:

    PUBLISHED = {variant: (metric, figure, source)}

Runs that differ only in their seeds make one row. Every figure comes from a `result.json`; what has
no run stays in the table as not run.
"""

from __future__ import annotations

import ast
import datetime
import math
import runpy
import shlex
import statistics
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from vae.errors import InputError
from vae.training.directory import read_json

SEEDS = ("seed", "data.seed")
# What a run may change without being another experiment: where its data lie and what it writes.
ASIDE = (*SEEDS, "data.path", "data.manual_dir", "log.", "checkpoint.", "evaluation.every_steps")

HEADER = """# Results

A row is an experiment, its figure the mean over seeds +- its standard error over seeds; of a single
run, +- the standard error over the images, marked *. Nats per example, or bits per dimension where
the figure is named so. The commands are below each table; they take `--config.data.path=DIR` for
local files and `--config.seed=S --config.data.seed=S` for a seed. Written from run directories by

    python launch.py results --workdir=RUNS
"""
COLUMNS = (
    "variant",
    "data",
    "figure",
    "published",
    "here",
    "seeds",
    "steps",
    "minutes a run",
    "hardware",
)


# What the tasks left in a run directory that is worth a line: files, and figures in them by path.
TASKS = {
    "reconstructions_test.json": {"PSNR, dB": "metrics.psnr", "SSIM": "metrics.ssim"},
    "fidelity*.json": {
        "Frechet distance of samples": "samples.frechet",
        "the same of validation images": "valid.frechet",
        "precision": "samples.precision",
        "recall": "samples.recall",
    },
    "verify.json": {
        "same person, AUROC": "posterior.auroc",
        "the same by pixels": "pixels.auroc",
        "TAR at 1% FAR": "posterior.tar_at_1%_far",
    },
    "anomaly*.json": {
        "outliers by NLL, AUROC": "auroc.nll",
        "by likelihood ratio": "auroc.ratio",
        "by reconstruction": "auroc.reconstruction",
    },
    "images/inpaint_*.json": {
        "inpainting, squared error": "mse.posterior_mean",
        "the same of a mean fill": "mse.mean",
    },
}


class Trial(NamedTuple):
    """A completed run: what it was started with, and what it left."""

    directory: Path
    overrides: tuple[str, ...]
    data: dict[str, Any]  # the config's section
    record: dict[str, Any]
    result: dict[str, Any]


def write(runs: Path, experiments: Path) -> Path:
    """Writes `RESULTS.md` into the directory of the experiment files; returns its path.

    Args:
      runs: a directory with run directories at any depth.
      experiments: the directory of the experiment files.

    Raises:
      InputError: there is no such directory, or a file of a run is damaged.
    """
    if not runs.is_dir():
        raise InputError(f"--workdir={runs} is no directory; give one that holds runs.")
    trials: dict[str, list[Trial]] = defaultdict(list)
    for file in sorted(runs.rglob("result.json")):
        _read(file.parent, trials)
    date = datetime.datetime.now(datetime.UTC).date()
    sections = [f"{HEADER}\n{date}\n"]
    for file in sorted(experiments.glob("*.py")):
        if published := runpy.run_path(str(file)).get("PUBLISHED"):
            sections.append(_section(file, published, trials))
    path = experiments / "RESULTS.md"
    path.write_text("\n".join(sections), encoding="utf-8")
    return path


def _read(directory: Path, trials: dict[str, list[Trial]]) -> None:
    """Files a completed run under its experiment, "iwae.py:dreg-50"."""
    names = ("result", "config", "provenance")
    result, settings, record = (read_json(directory / f"{name}.json") for name in names)
    if result["status"] != "completed" or settings is None or record is None:
        return
    config = [a.split("=", 1)[1] for a in record["command"] if a.startswith("--config=")]
    if not config:
        return  # trained from Python, not by a command that could be printed
    kept = tuple(
        f"--config.{key}={_written(value)}"
        for key, value in sorted(record["overrides"].items())
        if not key.startswith(ASIDE)
    )
    trial = Trial(directory, kept, settings["data"], record, result)
    trials[Path(config[0]).name].append(trial)


def _written(value: Any) -> str:
    """A value as it is written on a command line; a tuple is a list in a file."""
    return str(tuple(value)).replace(" ", "") if isinstance(value, list) else str(value)


def _section(
    file: Path,
    published: dict[str, tuple[str, float | None, str]],
    trials: dict[str, list[Trial]],
) -> str:
    """The table of one experiment file and the commands that make its rows."""
    title = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n")[0]
    rows, commands, further = [], [], []
    for variant, (metric, figure, source) in published.items():
        name = f"{file.name}:{variant}" if variant else file.name
        groups: dict[tuple[str, ...], list[Trial]] = defaultdict(list)
        for trial in trials.get(name, ()):
            groups[trial.overrides].append(trial)
        for overrides, group in groups.items() or [((), [])]:
            known = "" if figure is None else f"{figure:g} ({source})"
            label = " ".join([f"`{variant or file.stem}`", *(f"`{o}`" for o in overrides)])
            rows.append((label, *_cells(group, metric, known)))
            further += [
                (f"`{variant or file.stem}`, {trial.result['step']:,} steps", *row)
                for trial in group
                for row in _of_tasks(trial.directory)
            ]
            commands.append(
                shlex.join(
                    ["python", "launch.py", "train", f"--config=experiments/{name}", *overrides]
                )
            )
    lines = [f"## {file.stem}", "", title, ""]
    lines += [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    if further:
        lines += ["", "| variant | of its tasks | images | figures |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in further]
    return "\n".join([*lines, "", "```", *commands, "```", ""])


def _of_tasks(directory: Path) -> list[tuple[str, str, str]]:
    """(file, number of images, figures) of each file that a task left in a run directory."""
    found = []
    for pattern, names in TASKS.items():
        for file in sorted(directory.glob(pattern)):
            record = read_json(file)
            figures = {name: _at(record, path) for name, path in names.items()}
            shown = [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
            images = record.get("num", record.get("images", ""))
            found.append((f"`{file.stem}`", str(images), ", ".join(shown)))
    return found


def _at(record: dict[str, Any], path: str) -> float | None:
    """What is in nested dicts at a path "a.b"; None where there is nothing."""
    for key in path.split("."):
        if key not in record:
            return None
        record = record[key]
    return record


def _cells(group: list[Trial], metric: str, known: str) -> tuple[str, ...]:
    name = metric.removeprefix("test/")
    if not group:
        return "", name, known, "not run", "", "", "", ""
    values = [trial.result["metrics"][metric] for trial in group]
    if len(values) > 1:
        error = f"{statistics.stdev(values) / math.sqrt(len(values)):.2g}"
    else:
        error = f"{group[0].result['metrics'][f'{metric}_stderr']:.2g}*"
    protocol = group[0].result["protocol"]
    source = group[0].data["name"] or Path(group[0].data["path"]).name
    binarised = " binarised anew at every visit," if protocol["binarize"] == "dynamic" else ""
    data = f"{source},{binarised} {protocol['split']}"
    samples = f", K = {protocol['num_samples']}" if name in ("nll", "bits_per_dim") else ""
    digits = 3 if name == "bits_per_dim" else 2
    return (
        data,
        f"{name}{samples}, {protocol['weights']} weights",
        known,
        f"{statistics.mean(values):.{digits}f} +- {error}",
        str(len(values)),
        f"{group[0].result['step']:,}",
        f"{statistics.mean(trial.result['seconds'] for trial in group) / 60:.1f}",
        group[0].record["hardware"],
    )
