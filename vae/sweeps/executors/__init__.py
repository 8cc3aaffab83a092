"""Executors, which run the jobs of a sweep.

A job is one command. An executor starts jobs and says how they ended; it knows nothing of trials
and studies. Each is a thin layer on an existing engine.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from vae.errors import InputError


class Job(NamedTuple):
    """One command.

    Attributes:
      arguments: the command line: ("train", "--config=experiments/digits.py", "--workdir=...").
      log: the file to which its stdout and stderr are appended.
    """

    arguments: tuple[str, ...]
    log: Path


class Running(Protocol):
    """A job that was started."""

    def poll(self) -> int | None:
        """Returns the exit code (0, 1, 2, 3, 75), negative for a signal, None while it runs."""

    def stop(self) -> None:
        """Asks the job to save and end (SIGTERM, exit code 75); returns at once."""


class Executor(Protocol):
    """Runs jobs side by side.

    Attributes:
      slots: how many jobs run at once.
    """

    slots: int

    @staticmethod
    def check(options: Sequence[str]) -> None:
        """Checks whether this executor can be used here; starts and writes nothing.

        Raises:
          InputError: its engine is not available, or an option is wrong.
        """

    def __init__(self, workers: int, directory: Path, options: Sequence[str] = ()) -> None:
        """Prepares `workers` jobs at once of the sweep in `directory`; options: the engine's."""

    def start(self, job: Job) -> Running:
        """Starts a job, or puts it into the engine's queue."""

    def close(self) -> None:
        """Stops all jobs that still run and frees all resources."""


GRACE = 60.0  # seconds that an unwanted job has to save and end

# Imported when chosen: the engines behind some of them are extras.
EXECUTORS = {
    "local": "vae.sweeps.executors.local:Local",
    "slurm": "vae.sweeps.executors.slurm:Slurm",
    "ray": "vae.sweeps.executors.ray:Ray",
}


def load(name: str) -> type[Executor]:
    """Returns the executor of that name.

    Raises:
      InputError: its engine is not installed.
    """
    module, _, attribute = EXECUTORS[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise InputError(
            f"--executor={name} needs {error.name}: run pip install 'vae-experiments[{name}]'."
        ) from None
