"""A trial: one run of a sweep, identified by its run directory.

    trials/0000/             a run directory, written by `vae train`
    trials/0000/trial.json   its record, which the coordinator alone writes
    trials/0000/log.txt      stdout and stderr of its command

The coordinator reads a trial's progress from `metrics.jsonl` and its end from `result.json`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from vae.errors import InputError
from vae.training import directory

ENDED = ("completed", "pruned", "diverged", "failed")
MAX_ATTEMPTS = 3  # a trial that fails is retried twice, from its last checkpoint


@dataclasses.dataclass
class Trial:
    """One run of a sweep.

    Attributes:
      number: number of the trial, from 0; its directory's name.
      point: number of its point in the study; with a space and a grid several trials share it.
      workdir: its run directory.
      overrides: what it changes in the sweep's config, by dotted key.
      status: "waiting", "running", or one of ENDED.
      attempts: 1, and 1 more for each retry after a failure.
      seconds: how long its run took, over all attempts, if known.
      value: the sweep's objective, if its run completed.
      error: the last line of its log, if it failed.
    """

    number: int
    point: int
    workdir: Path
    overrides: dict[str, Any]
    status: str = "waiting"
    attempts: int = 1
    seconds: float | None = None
    value: float | None = None
    error: str | None = None

    @property
    def log(self) -> Path:
        return self.workdir / "log.txt"

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def save(self) -> None:
        self.workdir.mkdir(parents=True, exist_ok=True)
        record = dataclasses.asdict(self)
        del record["workdir"]
        directory.write_json(self.workdir / "trial.json", record)

    def update(self, status: str) -> None:
        self.status = status
        self.save()

    def result(self) -> dict[str, Any]:
        """Returns the content of its result.json; empty if none can be read."""
        with contextlib.suppress(InputError):
            return directory.read_result(self.workdir) or {}
        return {}

    def figures(self, metric: str) -> dict[int, float]:
        """Returns a metric of the run so far, by the step at which it was logged."""
        return directory.read_metric(self.workdir, metric)

    def conclude(self, code: int, objective: str, *, pruned: bool) -> None:
        """Records how its job ended, and the objective that its run reached.

        A run that completed or diverged has a result that says so, whatever happened to the job.
        Else a job that was stopped leaves the trial waiting, to be resumed. A wrong config (exit
        code 2) would fail again, so it is not retried. After any other end the trial is retried
        from its last checkpoint.
        """
        result = self.result()
        self.seconds = result.get("seconds", self.seconds)
        status = result.get("status")
        if status in ("completed", "diverged"):
            self.error = None
            self.value = result["metrics"].get(objective) if status == "completed" else None
        elif pruned:
            status = "pruned"
        elif code == 75:
            status = "waiting"
        else:
            self.error = self._last_words(code)
            retried = code != 2 and self.attempts < MAX_ATTEMPTS
            self.attempts += retried
            status = "waiting" if retried else "failed"
        self.update(status)

    def _last_words(self, code: int) -> str:
        if code < 0:
            return f"killed by signal {-code}"
        lines = self.log.read_text("utf-8", "replace").split("\n") if self.log.exists() else []
        return next((line for line in reversed(lines) if line.strip()), f"exit code {code}")


def load(workdir: Path) -> Trial | None:
    """Returns the trial whose record is in a run directory, None if there is none.

    Raises:
      InputError: the record is damaged.
    """
    file = workdir / "trial.json"
    needed = {"number": int, "point": int, "overrides": dict, "status": str, "attempts": int}
    record = directory.read_json(file, needed)
    with directory.described(file):
        return None if record is None else Trial(workdir=workdir, **record)
