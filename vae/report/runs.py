"""What a run directory says of its run: what it is, how far it is, what it came to.

A run that is going on, or was killed, has no `result.json` that says so: its lock and the last
lines of `metrics.jsonl` do.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vae.errors import InputError
from vae.terminal import duration, number
from vae.training import directory

MAIN = ("test/nll", "test/elbo", "valid/elbo")  # the figure of a run, the first that it has
SPLITS = ("test/", "valid/", "train/")
DEEPEST = 4  # folders below one that is searched
TAIL = 2**16  # bytes of metrics.jsonl that are read


@dataclasses.dataclass(frozen=True)
class Summary:
    """A run.

    Attributes:
      directory: the run directory.
      file: the experiment's, with its variant; "" of a run from Python.
      status: "completed", "preempted", "diverged" or "failed"; "running"; "stopped" of one that
        was killed.
      step: updates taken; None where nobody knows.
      metrics: the figures that it has, by name.
      seconds: that it took; None of a run that has not ended.
      changed: when it was last written to.
      config, record, result: config.json, provenance.json and result.json; empty where there is
        none.
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
        """The name of its file and variant, and of its model where that is no plain VAE."""
        file, _, variant = self.file.partition(":")
        name, model = Path(file).stem, str(self.config.get("model", {}).get("name", ""))
        name += f":{variant}" if variant else ""
        return ", ".join(filter(None, (name, "" if name and model in ("vae", name) else model)))

    @property
    def data(self) -> str:
        """The name of its data."""
        data = self.config.get("data", {})
        return Path(str(data.get("path") or "")).name or str(data.get("name", ""))

    @property
    def main(self) -> str:
        """The name of its figure; "" where it has none."""
        metrics = [name for name, value in self.metrics.items() if value is not None]
        own = [n for s in SPLITS for n in metrics if n.startswith(s) and not n.endswith("_stderr")]
        return next((name for name in (*MAIN, *own) if name in metrics), "")

    def figure(self, name: str) -> str:
        """A figure with its standard error; "" where it has none."""
        value, error = self.metrics.get(name), self.metrics.get(f"{name}_stderr")
        if value is None:
            return ""
        return number(value) + ("" if error is None else f" ± {error:.2g}")


def read(folder: Path) -> Summary:
    """What a run directory says.

    Raises:
      Damaged: one of its files does not say it.
      InputError: it holds no run.
    """
    config = directory.read_json(folder / "config.json", {"data": dict})
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
    """The step of the last line of a log, and the newest figure of each name near its end."""
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
    """The directories of runs and of sweeps in a folder, itself among them, by name."""
    if any((folder / name).is_file() for name in ("config.json", "sweep.json")):
        yield folder
    elif depth:
        with os.scandir(folder) as entries:
            inside = sorted(entry.name for entry in entries if entry.is_dir())
        for name in inside:
            yield from find(folder / name, depth - 1)


def config_file(words: Sequence[str]) -> str:
    """The experiment's file, with its variant, on a command line as provenance.json has it."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word.startswith("--config="):
            return word.removeprefix("--config=")
        if word == "--config":
            return after
    return ""


def took(seconds: float | None) -> str:
    """How long a run took, "" where nobody knows."""
    return "" if seconds is None else duration(seconds)
