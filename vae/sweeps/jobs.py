"""From waiting trials to the jobs that an executor runs.

A job is one `vae train`; or, if it pays, one `vae population`, which trains trials together that
differ in traced numbers alone. A job of its own, `vae packing`, measures whether it pays, and for
how many at once, for each group of such trials:

    packing/GROUP/packing.json   what was measured
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae.config import override
from vae.config.traced import static
from vae.experiments import ExperimentFile
from vae.sweeps.executors import Job
from vae.sweeps.trials import Trial
from vae.training import directory


class Jobs:
    """Makes the jobs of a sweep.

    Args:
      workdir: the sweep's directory.
      experiment: what its trials have in common.
      flags: further arguments of their commands, as "--cpu_devices=2".
      members: how many trials to train in one program; measured if None.
      most: an upper bound for a measured number.
    """

    def __init__(
        self,
        workdir: Path,
        experiment: ExperimentFile,
        flags: Sequence[str] = (),
        *,
        members: int | None = 1,
        most: int = 1,
    ) -> None:
        self._workdir, self._experiment, self._flags = workdir, experiment, flags
        self._members, self._most = members, most
        self._measured: dict[str, int] = {}  # by group
        self._measuring: str | None = None
        self._groups: dict[int, str] = {}  # by trial: the coordinator asks many times a second

    @property
    def largest(self) -> int:
        """Returns how many trials a job may take, as far as that is known."""
        return self._members or max(self._measured.values(), default=1)

    def next(self, waiting: Sequence[Trial], free: int) -> tuple[Job, list[Trial]] | None:
        """Returns a job for one of `free` slots, and the waiting trials that it trains.

        A job that measures trains none; there is no job while all that waits is being measured.
        """
        groups: dict[str, list[Trial]] = {}
        for trial in waiting:
            groups.setdefault(self._group(trial), []).append(trial)
        for group, trials in groups.items():
            members = self._members_of(group)
            if members is None and self._measuring is None:
                self._measuring = group
                return self._measurement(group, trials[0]), []
            if members is not None:
                number = min(members, math.ceil(len(trials) / free))
                return self._training(trials[:number]), trials[:number]
        return None

    def measured(self) -> None:
        """Records a measurement; call it when a job that trains nothing has ended."""
        group, self._measuring = self._measuring or "", None
        self._measured[group] = self._recorded(group) or 1  # 1 if it did not even run

    def _members_of(self, group: str) -> int | None:
        """Returns how many trials of a group to train together, None while that is unknown."""
        if self._members:
            return self._members
        if group not in self._measured and (recorded := self._recorded(group)):
            self._measured[group] = recorded
        return self._measured.get(group)

    def _recorded(self, group: str) -> int | None:
        """Returns the result of a group's measurement, None if there is none."""
        found = directory.read_json(self._folder(group) / "packing.json", {"members": int})
        return found["members"] if found else None

    def _training(self, trials: Sequence[Trial]) -> Job:
        first = trials[0]
        if len(trials) == 1:
            workdir = f"--workdir={first.workdir}"
            return Job(self._command("train", first.overrides, workdir), first.log)
        numbers = ",".join(str(trial.number) for trial in trials)
        flags = (f"--workdir={self._workdir}", f"--trials={numbers}")
        return Job(self._command("population", {}, *flags), first.log)

    def _measurement(self, group: str, trial: Trial) -> Job:
        folder = self._folder(group)
        flags = (f"--workdir={folder}", f"--members={self._most}")
        return Job(self._command("packing", trial.overrides, *flags), folder / "log.txt")

    def _command(self, name: str, overrides: dict[str, Any], *flags: str) -> tuple[str, ...]:
        config, *settings = self._experiment.arguments(overrides)
        return (name, config, *flags, *self._flags, *settings)

    def _folder(self, group: str) -> Path:
        return self._workdir / "packing" / group

    def _group(self, trial: Trial) -> str:
        """Returns a name that trials share if they can be trained in one program."""
        if self._members == 1:
            return ""
        if trial.number not in self._groups:
            config = copy.deepcopy(self._experiment.config)
            override(config, trial.overrides)
            text = json.dumps(static(config), sort_keys=True)
            self._groups[trial.number] = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self._groups[trial.number]
