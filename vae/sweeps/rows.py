"""The points of a sweep, each with the trials that differ only in their seeds."""

from __future__ import annotations

from typing import Any, NamedTuple

from vae.sweeps.trials import Trial
from vae.terminal import measured


class Figure(NamedTuple):
    """A metric over the runs that completed."""

    mean: float
    stderr: float | None  # over seeds; None of a single run
    runs: int

    def __str__(self) -> str:
        return f"{self.mean:.5g}" if self.stderr is None else measured(self.mean, self.stderr)


class Row(NamedTuple):
    """A point of the sweep: trials that differ only in their seeds.

    Attributes:
      values: what was swept, without seeds, by dotted key.
      trials: the trials with these values.
      statuses: how many of them have each status.
      objective: the objective of those that completed, None if none did.
      figures: the objective and their other main metrics, by name.
      seconds: the mean time of a run that completed.
    """

    values: dict[str, Any]
    trials: list[Trial]
    statuses: dict[str, int]
    objective: Figure | None
    figures: dict[str, Figure]
    seconds: float | None

    @property
    def whole(self) -> bool:
        """Returns whether every one of its trials completed."""
        return self.statuses.keys() == {"completed"}
