"""The coordinator: one process that asks for points, has them trained, and reports the results.

It alone touches the study and the trials' records, and learns about the trials from their
directories. Its order is always the same:

    what ended -> what to prune -> what can start -> wait a moment

A point (`search.py`) is trained as one trial, or as one for each row of the grid beside a space,
and judged by their mean. All state in memory is also on the disk, so that after a kill another
coordinator can resume: the trials of points that are open in the study are waiting, running under a
process that outlived their coordinator, or ended.
"""

from __future__ import annotations

import dataclasses
import difflib
import logging
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from vae.errors import InputError
from vae.sweeps import record
from vae.sweeps.executors import Executor, Running
from vae.sweeps.jobs import Jobs
from vae.sweeps.search import Point, Search
from vae.sweeps.space import Plan
from vae.sweeps.trials import Trial
from vae.training.directory import STOP, is_owned

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class Started:
    """A job and the trials that it trains; none if it measures."""

    running: Running
    trials: list[Trial]
    stopped: bool = False

    def stop(self) -> None:
        """Asks it to end, once: it would no longer listen to a second signal."""
        if not self.stopped:
            self.stopped = True
            self.running.stop()


class Found:
    """A trial whose process outlived its coordinator; it has ended when its directory is free."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def poll(self) -> int | None:
        return None if is_owned(self._trial.workdir) else 75  # to resume, unless it has a result

    def stop(self) -> None:
        """Does nothing: the process is not this one's to stop."""


class Coordinator:
    """One sweep, from the first point to the last.

    Args:
      workdir: the sweep's directory, owned by this process.
      plan: what is swept.
      search: the study.
      jobs: makes jobs of trials.
      executor: runs the jobs.
      num_points: the number of points; the rows of a grid that stands alone.
      show: called with all trials when something has changed.
      wait: lets a moment pass.
    """

    def __init__(
        self,
        workdir: Path,
        plan: Plan,
        search: Search,
        jobs: Jobs,
        executor: Executor,
        *,
        num_points: int,
        show: Callable[[list[Trial]], None] = lambda trials: None,
        wait: Callable[[], None] = lambda: time.sleep(0.1),
    ) -> None:
        self._workdir, self._plan, self._search = workdir, plan, search
        self._make, self._executor = jobs, executor
        self._num_points, self._show, self._wait = num_points, show, wait
        self._jobs: list[Started] = []
        self._pruned: set[int] = set()  # numbers of the points that were pruned
        self._reported: dict[int, dict[int, float]] = {}  # by trial: its values by step
        self._sizes: dict[int, int] = {}  # by trial: size of its metrics.jsonl, as last read
        self.trials = record.trials(workdir)
        self._stopping = False
        self._unmeasured = ""  # what is wrong with the objective, once a run ended without it

    def stop(self) -> None:
        """Makes `run` stop all trials, which save, and return; a signal handler may call it."""
        self._stopping = True

    def run(self) -> bool:
        """Runs until every point has ended, or `stop`; returns whether every one has.

        Raises:
          InputError: a run of a search ended without the metric that is searched for; all others
            were stopped.
        """
        self._go_on()
        while True:
            changed = self._conclude_jobs()
            if self._stopping:
                for job in self._jobs:
                    job.stop()
                if all(isinstance(job.running, Found) for job in self._jobs):
                    if self._unmeasured:
                        raise InputError(self._unmeasured)
                    return False
            else:
                self._prune()
                changed |= self._start_jobs()
            if changed:
                self._show(self.trials)
            if not self._jobs and not self._stopping:
                return True
            self._wait()

    def _go_on(self) -> None:
        """Resumes what an earlier coordinator left open."""
        known = {trial.number for trial in self.trials}
        for point in self._search.open():
            for trial in self._trials_of(point):
                if trial.number not in known:
                    trial.save()
                    self.trials.append(trial)
        self.trials.sort(key=lambda trial: trial.number)
        for trial in self.trials:
            if trial.status == "running":
                if is_owned(trial.workdir):
                    self._jobs.append(Started(Found(trial), [trial]))
                else:
                    trial.conclude(75, self._plan.objective, pruned=False)
            self._check_measured(trial)
        for point in self._search.open():
            self._close(point.number)

    def _trials_of(self, point: Point) -> list[Trial]:
        """Returns a point's trials: one, or one for each row of the grid beside a space."""
        rows = self._plan.rows if self._plan.distributions else ({},)
        first = point.number * len(rows)
        return [
            Trial(
                number=first + i,
                point=point.number,
                workdir=self._workdir / "trials" / f"{first + i:04d}",
                overrides=point.values | row,
            )
            for i, row in enumerate(rows)
        ]

    def _waiting(self) -> list[Trial]:
        return [trial for trial in self.trials if trial.status == "waiting"]

    def _conclude_jobs(self) -> bool:
        """Records the jobs that have ended; returns whether there were any."""
        codes = [(job, job.running.poll()) for job in self._jobs]
        self._jobs = [job for job, code in codes if code is None]
        ended = [(job, code) for job, code in codes if code is not None]
        for job, code in ended:
            if job.stopped and code < 0:
                code = 75  # before it listened to the signal
            if not job.trials:
                self._make.measured()
            for trial in job.trials:
                if code == 2 and is_owned(trial.workdir):
                    self._jobs.append(Started(Found(trial), [trial]))
                    continue
                pruned = trial.point in self._pruned
                trial.conclude(code, self._plan.objective, pruned=pruned)
                if trial.error:
                    retried = "is tried again" if trial.status == "waiting" else "failed"
                    logger.warning("Trial %d %s: %s", trial.number, retried, trial.error)
                self._check_measured(trial)
                self._report(trial)
                self._close(trial.point)
        return bool(ended)

    def _check_measured(self, trial: Trial) -> None:
        """Stops a search whose runs do not have the metric that they are judged by."""
        if trial.status != "completed" or not self._plan.distributions:
            return
        objective, metrics = self._plan.objective, trial.result().get("metrics", {})
        if objective not in metrics and not self._unmeasured:
            close = difflib.get_close_matches(objective, metrics, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(metrics)}."
            self._unmeasured = (
                f"the search is for {objective!r}, which trial {trial.number} ended without; {hint}"
            )
            self.stop()

    def _close(self, number: int) -> None:
        """Tells the study about a point whose trials have all ended."""
        trials = [trial for trial in self.trials if trial.point == number]
        if not all(trial.ended for trial in trials):
            return
        statuses = {trial.status for trial in trials}
        if "pruned" in statuses:
            self._search.prune(number)
        elif "diverged" in statuses:
            self._search.tell(number, -math.inf if self._plan.direction == "maximize" else math.inf)
        else:
            values = [math.nan if trial.value is None else trial.value for trial in trials]
            self._search.tell(number, statistics.fmean(values))

    def _prune(self) -> None:
        """Reports how running trials do, and stops the points that the pruner rejects."""
        for job in self._jobs:
            for trial in job.trials:
                self._report(trial)
        for job in self._jobs:
            pruned = [trial for trial in job.trials if trial.point in self._pruned]
            if pruned and len(pruned) == len(job.trials):
                job.stop()
            else:
                for trial in pruned:
                    (trial.workdir / STOP).touch()

    def _report(self, trial: Trial) -> None:
        """Reports a trial's new values, once all trials of its point have them, as their mean."""
        file = trial.workdir / "metrics.jsonl"
        size = file.stat().st_size if file.exists() else 0
        if size == self._sizes.get(trial.number) or trial.point in self._pruned:
            return
        self._sizes[trial.number] = size
        self._reported[trial.number] = trial.figures(self._plan.objective)
        siblings = [other for other in self.trials if other.point == trial.point]
        series = [self._reported.get(other.number, {}) for other in siblings]
        for step in sorted(set(series[0]).intersection(*series)):
            value = statistics.fmean(one[step] for one in series)
            if self._search.report(trial.point, step, value) and not trial.ended:
                self._pruned.add(trial.point)
                for other in siblings:
                    if other.status == "waiting":
                        other.update("pruned")
                return

    def _start_jobs(self) -> bool:
        """Starts as many trials as the free slots take; returns whether there were any."""
        free = self._executor.slots - len(self._jobs)
        while (
            len(self._waiting()) < free * self._make.largest
            and self._search.number() < self._num_points
        ):
            for trial in self._trials_of(self._search.ask()):
                trial.save()
                self.trials.append(trial)
        started = False
        while free and (waiting := self._waiting()) and (made := self._make.next(waiting, free)):
            job, trials = made
            for trial in trials:
                trial.update("running")
            self._jobs.append(Started(self._executor.start(job), trials))
            free -= 1
            started = True
        return started
