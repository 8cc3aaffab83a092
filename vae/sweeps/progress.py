"""The progress of a sweep in one line: while it runs, and in the list of sweeps."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from vae import terminal
from vae.sweeps import record
from vae.sweeps.trials import ENDED, Trial

ORDER = (*ENDED, "running", "waiting")


class Progress(terminal.Progress):
    """The progress of a sweep, as it is shown.

    Args:
      sweep: its record, see `record.make`.
    """

    def __init__(self, sweep: dict[str, Any]) -> None:
        super().__init__("sweep", record.total(sweep), "trials")
        self._record = sweep

    def show(self, trials: Sequence[Trial]) -> None:
        figures = {"": _counts(trials)}
        if found := _best(trials, self._record):
            name, figures[name] = found
        self.at(sum(trial.ended for trial in trials), figures, tell=figures != self.figures)


def describe(trials: Sequence[Trial], sweep: dict[str, Any]) -> str:
    """Returns "22/24 trials  21 completed, 2 running  best valid/elbo -87.31 (trial 7)"."""
    ended = sum(trial.ended for trial in trials)
    parts = [f"{ended}/{record.total(sweep)} trials", _counts(trials)]
    return "  ".join([*parts, " ".join(_best(trials, sweep))]).strip()


def _counts(trials: Sequence[Trial]) -> str:
    number = collections.Counter(trial.status for trial in trials)
    return ", ".join(f"{number[status]} {status}" for status in ORDER if number[status])


def _best(trials: Sequence[Trial], sweep: dict[str, Any]) -> tuple[str, str] | tuple[()]:
    """Returns the objective's name, and its best value with the trial's number; () if none."""
    if not (found := best(trials, sweep["direction"])):
        return ()
    return f"best {sweep['objective']}", f"{found[0]:.5g} (trial {found[1].number})"


def best(trials: Sequence[Trial], direction: str) -> tuple[float, Trial] | None:
    """Returns the best value among the trials that completed, and its trial."""
    figures = [(trial.value, trial) for trial in trials if trial.value is not None]
    if not figures:
        return None
    choose = max if direction == "maximize" else min
    return choose(figures, key=lambda pair: pair[0])
