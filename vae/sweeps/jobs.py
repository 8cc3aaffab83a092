"""From trials that wait to the jobs that an executor runs: each trial is one `launch.py train`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from vae.sweeps.executors import Job
from vae.sweeps.trials import Trial


class Commands(NamedTuple):
    """What the commands of a sweep's trials have in common.

    Attributes:
      config: the experiment's file, with its variant.
      overrides: of its config, for all trials, by dotted key.
      flags: further arguments, as "--cpu_devices=2".
    """

    config: str
    overrides: dict[str, Any]
    flags: tuple[str, ...] = ()

    def next_job(self, waiting: Sequence[Trial]) -> tuple[Job, list[Trial]]:
        """A job, and those of the waiting trials that it trains: the first."""
        trial = waiting[0]
        settings = self.overrides | trial.overrides
        arguments = (
            "train",
            f"--config={self.config}",
            f"--workdir={trial.workdir}",
            *self.flags,
            *(f"--config.{key}={value}" for key, value in settings.items()),
        )
        return Job(arguments, trial.log), [trial]
