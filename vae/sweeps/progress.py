"""How a sweep is doing, in one line: while it runs, and in the list of sweeps."""

from __future__ import annotations

import collections
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae.errors import InputError
from vae.sweeps import record
from vae.sweeps.trials import ENDED, Trial, in_use
from vae.training.terminal import Line, duration

ORDER = (*ENDED, "running", "waiting")


class Progress:
    """A progress line on a terminal, plain lines elsewhere.

    Args:
      sweep: its record, as `record.make` has it.
    """

    def __init__(self, sweep: dict[str, Any], stream: Any = None) -> None:
        self._record = sweep
        self._line = Line(stream)
        self._started: float | None = None
        self._before = 0  # trials that had ended when this process began
        self._shown = ""

    def show(self, trials: Sequence[Trial]) -> None:
        ended = sum(trial.ended for trial in trials)
        now = time.monotonic()
        if self._started is None:
            self._started, self._before = now, ended
        rate = (ended - self._before) / max(now - self._started, 1e-9)
        left = duration((record.total(self._record) - ended) / rate) if rate else "?"
        line = describe(trials, self._record)
        if line != self._shown:
            self._shown = line
            self._line.show(f"{line}  {left} left")

    def close(self) -> None:
        self._line.close()


def describe(trials: Sequence[Trial], sweep: dict[str, Any]) -> str:
    """ "22/24 trials  21 completed, 1 pruned, 2 running  best valid/elbo -87.31 (trial 7)"."""
    number = collections.Counter(trial.status for trial in trials)
    counts = ", ".join(f"{number[status]} {status}" for status in ORDER if number[status])
    line = f"{sum(trial.ended for trial in trials)}/{record.total(sweep)} trials  {counts}"
    if found := best(trials, sweep["direction"]):
        line += f"  best {sweep['objective']} {found[0]:.5g} (trial {found[1].number})"
    return line


def best(trials: Sequence[Trial], direction: str) -> tuple[float, Trial] | None:
    """The best figure among the trials that completed, and whose it is."""
    figures = [(trial.value, trial) for trial in trials if trial.value is not None]
    if not figures:
        return None
    choose = max if direction == "maximize" else min
    return choose(figures, key=lambda pair: pair[0])


def listing(workdir: Path) -> list[str]:
    """A line for each sweep in a directory, or for the one that it is of.

    Raises:
      InputError: there is none.
    """
    directories = [path for path in (workdir, *sorted(workdir.glob("*"))) if _is_sweep(path)]
    if not directories:
        raise InputError(f"--workdir={workdir} holds no sweep.")
    return [f"{path!s:36} {_state(path)}" for path in directories]


def _is_sweep(path: Path) -> bool:
    return (path / "sweep.json").is_file()


def _state(workdir: Path) -> str:
    sweep = record.read(workdir)
    trials = record.trials(workdir)
    if sum(trial.ended for trial in trials) >= record.total(sweep):
        state = "done"
    else:
        state = "running" if in_use(workdir) else "stopped"
    return f"{state:8} {describe(trials, sweep)}"
