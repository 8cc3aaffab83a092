"""Where the jobs of a sweep run.

A job is one command. An executor starts jobs and says how they ended; it knows nothing
of trials and studies. Each is a thin layer on an existing engine.
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
      arguments: of the command line: ("train", "--config=experiments/digits.py", "--workdir=...").
      log: the file that its stdout and stderr are appended to.
    """

    arguments: tuple[str, ...]
    log: Path


class Running(Protocol):
    """A job that was started."""

    def poll(self) -> int | None:
        """The exit code as a command's (0, 1, 2, 3, 75), negative for a signal, None before."""

    def stop(self) -> None:
        """Asks the job to save and end (SIGTERM, exit code 75); returns at once."""


class Executor(Protocol):
    """Runs jobs side by side.

    Attributes:
      slots: how many at once.
    """

    slots: int

    @staticmethod
    def check(options: Sequence[str]) -> None:
        """Looks whether one can be made here; starts and writes nothing.

        Raises:
          InputError: its engine is not at hand, or an option is wrong.
        """

    def __init__(self, workers: int, directory: Path, options: Sequence[str] = ()) -> None:
        """For `workers` jobs of the sweep in `directory`; what each needs in the engine's words."""

    def start(self, job: Job) -> Running:
        """Starts a job, or puts it into the engine's queue."""

    def close(self) -> None:
        """Stops what still runs and lets go of all resources."""


GRACE = 60.0  # seconds that a job has to save and end in when it is no longer wanted

# Imported when chosen: the engines behind some of them are extras.
EXECUTORS = {
    "local": "vae.sweeps.executors.local:Local",
    "slurm": "vae.sweeps.executors.slurm:Slurm",
    "ray": "vae.sweeps.executors.ray:Ray",
}


def load(name: str) -> type[Executor]:
    """The executor of that name.

    Raises:
      InputError: its engine is not installed.
    """
    module, _, attribute = EXECUTORS[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise InputError(
            f"--executor={name} needs {error.name}: pip install -e '.[{name}]'."
        ) from None
