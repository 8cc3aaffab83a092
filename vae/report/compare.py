"""Runs side by side: what differs in their configs, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vae.config import flatten
from vae.config.values import shown
from vae.errors import InputError
from vae.files import user_path
from vae.report import runs
from vae.report.runs import Summary
from vae.terminal import aligned, number
from vae.training.directory import read_config

SAME = "(the same configs)"


class Comparison(NamedTuple):
    """Runs side by side; a row has a name and a cell for each run.

    Attributes:
      names: what the runs are called: their directories, without what these share.
      runs: the runs.
      about: what they are, and what decided their figures beside the config, where it differs.
      configs: {key: values} of the keys in which they differ.
      figures: {metric: values}, the test set's first; None where a run has none.
    """

    names: list[str]
    runs: list[Summary]
    about: list[list[str]]
    configs: dict[str, list[Any]]
    figures: dict[str, list[float | None]]

    @property
    def differences(self) -> list[list[str]]:
        """Returns the rows of `configs`."""
        return [
            [key, *("" if value is None else shown(value) for value in values)]
            for key, values in self.configs.items()
        ]

    def metrics(self, split: str) -> list[list[str]]:
        """Returns the rows of a split's figures, with their errors."""
        own = [name for name in self.figures if name.startswith(split)]
        return [[name, *(run.figure(name) for run in self.runs)] for name in own]


def compare(directories: Sequence[str | Path]) -> tuple[str, dict[str, Any]]:
    """Compares runs, as a table for a person and as data.

    Args:
      directories: two run directories or more.

    Returns:
      The table, and {"configs": {key: values}, "figures": {name: values}}, a value for each run.

    Raises:
      InputError: there are fewer than two, or one is no run directory.
    """
    found = read(directories)
    blank = [""] * (len(found.runs) + 1)
    rows = [["", *found.names], *found.about, blank]
    rows += found.differences or [[SAME, *blank[1:]]]
    for split in runs.SPLITS:
        own = found.metrics(split)
        rows += [blank, *own] if own else []
    text = aligned(rows, range(1, len(blank)))
    return "\n".join(text), {"configs": found.configs, "figures": found.figures}


def read(directories: Sequence[str | Path]) -> Comparison:
    """Reads runs to compare; raises as `compare`."""
    folders = [user_path(directory) for directory in directories]
    if len(folders) < 2:
        raise InputError("compare needs two runs or more: vae compare runs/a runs/b.")
    found = [runs.read(folder) for folder in folders]
    configs = [flatten(read_config(folder) or {}) for folder in folders]
    keys = sorted({key for config in configs for key in config})
    values = {key: [config.get(key) for config in configs] for key in keys}
    names = [name for split in runs.SPLITS for name in _names(found, split)]
    return Comparison(
        names=_short([str(directory) for directory in directories]),
        runs=found,
        about=_about(found),
        configs={key: row for key, row in values.items() if any(x != row[0] for x in row)},
        figures={name: [run.metrics.get(name) for run in found] for name in names},
    )


def _about(found: list[Summary]) -> list[list[str]]:
    said: dict[str, Callable[[Summary], str]] = {
        "experiment": lambda run: run.experiment,
        "status": lambda run: run.status,
        "step": lambda run: "" if run.step is None else number(run.step),
        "took": lambda run: runs.took(run.seconds),
    }
    rows = [[name, *map(of, found)] for name, of in said.items()]
    # What the metrics depend on beside the config, where it differs.
    for name, of in {
        "data": lambda run: _at(run.record, "data", "digest")[:8],
        "commit": lambda run: _at(run.record, "commit")[:8],
        "hardware": lambda run: _at(run.record, "hardware"),
    }.items():
        if len({of(run) for run in found}) > 1:
            rows.append([name, *map(of, found)])
    return rows


def _names(found: list[Summary], split: str) -> list[str]:
    """Returns a split's metrics that any of the runs has, but standard errors and step counts."""
    aside = ("_stderr", "/examples", "_per_second", "/learning_rate", "/skipped", "/grad_norm")
    names = dict.fromkeys(name for run in found for name in run.metrics if name.startswith(split))
    return [name for name in names if not name.endswith(aside)]


def _at(record: Any, *keys: str) -> str:
    """Returns the value at a path of nested dicts, as text; "" if there is none."""
    for key in keys:
        record = record.get(key) if isinstance(record, dict) else None
    return "" if record is None else str(record)


def _short(names: list[str]) -> list[str]:
    """Returns paths without the folders that they share."""
    parts = [Path(name).parts for name in names]
    while all(len(part) > 1 for part in parts) and len({part[0] for part in parts}) == 1:
        parts = [part[1:] for part in parts]
    return [str(Path(*part)) for part in parts]
