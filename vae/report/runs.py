"""A summary of a run from its directory: what it is, its progress, its results.

A run that is going on, or was killed, has no `result.json` that says so: its lock and the last
lines of `metrics.jsonl` do.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vae.errors import InputError
from vae.terminal import duration, measured
from vae.training import directory

logger = logging.getLogger(__name__)

MAIN = ("test/nll", "test/elbo", "valid/elbo")  # the metric of a run, the first that it has
SPLITS = ("test/", "valid/", "train/")
DEEPEST = 4  # folders below one that is searched
TAIL = 2**16  # bytes of metrics.jsonl that are read


@dataclasses.dataclass(frozen=True)
class Summary:
    """A run.

    Attributes:
      directory: the run directory.
      file: the experiment's file, with its variant; "" for a run from Python.
      status: "completed", "preempted", "diverged" or "failed"; "running"; or "stopped" if it was
        killed.
      step: updates taken; None if unknown.
      metrics: its metrics, by name.
      seconds: how long it took; None if it has not ended.
      changed: when it was last written to.
      config, record, result: config.json, provenance.json and result.json; empty if missing.
    """

    directory: Path
    file: str
    status: str
    step: int | None
    metrics: Mapping[str, float | None]
    seconds: float | None
    changed: datetime.datetime
    config: dict[str, Any]
    record: dict[str, Any]
    result: dict[str, Any]

    @property
    def experiment(self) -> str:
        """Returns the name of its file and variant, and of its model unless that is a plain VAE."""
        file, _, variant = self.file.partition(":")
        name, model = Path(file).stem, str(self.config.get("model", {}).get("name", ""))
        name += f":{variant}" if variant else ""
        return ", ".join(filter(None, (name, "" if name and model in ("vae", name) else model)))

    @property
    def data(self) -> str:
        """Returns the name of its data."""
        data = self.config.get("data", {})
        return Path(str(data.get("path") or "")).name or str(data.get("name", ""))

    @property
    def main(self) -> str:
        """Returns the name of its main metric; "" if it has none."""
        metrics = [name for name, value in self.metrics.items() if value is not None]
        own = [n for s in SPLITS for n in metrics if n.startswith(s) and not n.endswith("_stderr")]
        return next((name for name in (*MAIN, *own) if name in metrics), "")

    @property
    def bounded(self) -> bool:
        """Returns whether its figures of log p(x) are those of a density, as far as is known."""
        from vae.evaluation.evaluator import NO_BOUND, NO_DENSITY

        return self.result.get("protocol", {}).get("bound") not in (NO_BOUND, NO_DENSITY)

    def figure(self, name: str) -> str:
        """Returns a metric with its standard error; "" if it has none."""
        value, error = self.metrics.get(name), self.metrics.get(f"{name}_stderr")
        return "" if value is None else measured(value, error)


def read(folder: Path) -> Summary:
    """Returns the summary of a run directory.

    Raises:
      Damaged: one of its files does not say what it should.
      InputError: it holds no run.
    """
    config = directory.read_json(folder / "config.json", {"data": dict, "model": dict})
    if config is None:
        raise InputError(f"{folder} holds no run: it has no config.json.")
    file = folder / "provenance.json"
    record = directory.read_json(file, {"command": list}) or {"command": []}
    with directory.described(file):
        experiment = config_file(record["command"])
    result = directory.read_result(folder) or {}
    status = "running" if directory.is_owned(folder) else result.get("status", "stopped")
    step, metrics = result.get("step"), result.get("metrics", {})
    if status == "running" or step is None:
        result, (step, metrics) = {}, _last_figures(folder / "metrics.jsonl")
    files = (folder / name for name in ("result.json", "metrics.jsonl", "config.json"))
    changed = max(file.stat().st_mtime for file in files if file.exists())
    return Summary(
        directory=folder,
        file=experiment,
        status=status,
        step=step,
        metrics=metrics,
        seconds=result.get("seconds"),
        changed=datetime.datetime.fromtimestamp(changed),
        config=config,
        record=record,
        result=result,
    )


def _last_figures(file: Path) -> tuple[int | None, dict[str, float]]:
    """Returns the step of a log's last line, and the newest value of each name near its end."""
    step: int | None = None
    metrics: dict[str, float] = {}
    if file.is_file():
        with open(file, "rb") as lines:
            lines.seek(max(0, file.stat().st_size - TAIL))
            for text in lines.read().splitlines():
                if line := directory.read_line(text):  # the first and the last may be cut
                    step, metrics = line[0], metrics | line[1]
    return step, metrics


def find(folder: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """Finds the directories of runs and sweeps in a folder, itself included, by name."""
    if any((folder / name).is_file() for name in ("config.json", "sweep.json")):
        yield folder
    elif depth:
        with os.scandir(folder) as entries:
            inside = sorted(entry.name for entry in entries if entry.is_dir())
        for name in inside:
            yield from find(folder / name, depth - 1)


def completed(folder: Path) -> list[Summary]:
    """Returns the completed runs of a sweep, or below a directory; or else the run in it.

    What cannot be read is left out, with a warning.

    Raises:
      InputError: there is no such directory.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no directory: give that of a sweep, or of runs.")
    if (folder / "config.json").is_file():
        return [read(folder)]
    found = []
    for each in find(folder / "trials" if (folder / "sweep.json").is_file() else folder):
        if (each / "config.json").is_file():
            try:
                found.append(read(each))
            except InputError as error:
                logger.warning("%s The run is left out.", error)
    return [run for run in found if run.status == "completed"]


def config_file(words: Sequence[str]) -> str:
    """Returns the experiment's file, with its variant, from the command line of a run.

    It follows --config or, in `vae train FILE`, neither a flag nor one that takes a value.
    """
    for word, after in zip(words, [*words[1:], ""], strict=False):  # there may be none
        if word.startswith("--config="):
            return word.removeprefix("--config=")
        if word == "--config":
            return after
    for before, word in itertools.pairwise(words[1:] if words[1:2] == ["train"] else ()):
        value = before.startswith("--") and "=" not in before and before != "--profile"
        if not (value or word.startswith("-")):
            return word
    return ""


def took(seconds: float | None) -> str:
    """Returns how long a run took, "" if unknown."""
    return "" if seconds is None else duration(seconds)
