"""A sweep's directory: what was swept (`sweep.json`), and where its trials are.

sweeps/NAME/
  sweep.json       this record; a sweep goes on only as what it was started as
  study.journal    Optuna's storage
  trials/0000/     run directories
  cache/           programs that the trials compiled
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vae.config import differences
from vae.errors import InputError
from vae.sweeps.space import Plan
from vae.sweeps.trials import Trial, load
from vae.training import directory

NEEDED = {
    "config": str,
    "overrides": dict,
    "space": dict,
    "grid": list,
    "objective": str,
    "direction": str,
    "num_trials": int,
}
EXTENDABLE = "num_trials"  # the one key that may differ when a sweep is resumed


def make(
    plan: Plan,
    *,
    config: str,
    names: list[str],
    overrides: dict[str, Any],
    sampler: str,
    pruner: str,
    num_trials: int | None,
) -> dict[str, Any]:
    """Returns the content of sweep.json.

    Args:
      plan: what is swept.
      config: the experiment's file, with its variant.
      names: the names in --sweep.
      overrides: changes of the config for all trials, by dotted key.
      sampler, pruner: those of the search.
      num_trials: the number of points, unless the grid's rows give it.
    """
    searched = {
        key: {type(distribution).__name__: list(distribution)}
        for key, distribution in plan.distributions.items()
    }
    record = {
        "config": config,
        "sweep": names,
        "overrides": overrides,
        "space": searched,
        "grid": list(plan.rows),
        "objective": plan.objective,
        "direction": plan.direction,
        "sampler": sampler if searched else None,
        "pruner": pruner,
        "num_trials": num_trials if searched else len(plan.rows),
    }
    return json.loads(directory.as_json(record))


def read(workdir: Path) -> dict[str, Any] | None:
    """Returns what was swept in a directory, None if nothing was.

    Raises:
      Damaged: sweep.json does not say it.
    """
    return directory.read_json(workdir / "sweep.json", NEEDED)


def claim(workdir: Path, record: dict[str, Any]) -> None:
    """Writes the record of a new sweep, or compares it with that of the sweep to resume.

    Raises:
      InputError: the directory belongs to another sweep, or to something else.
    """
    earlier = read(workdir)
    if earlier is None:
        if any((workdir / name).exists() for name in ("study.journal", "trials", "config.json")):
            raise InputError(
                f"--workdir={workdir} holds no sweep, but other files; choose another."
            )
    else:
        changed = {
            key: change
            for key, change in differences(earlier, record).items()
            if key != EXTENDABLE or record[key] < earlier[key]
        }
        if changed:
            raise InputError(
                f"--workdir={workdir} belongs to another sweep; choose another or take back what "
                f"differs: {'; '.join(f'{key}: {change}' for key, change in changed.items())}."
            )
    if earlier != record:
        directory.write_json(workdir / "sweep.json", record)


def trials(workdir: Path) -> list[Trial]:
    """Returns the trials of a sweep, by their number."""
    found = [load(path.parent) for path in sorted(workdir.glob("trials/*/trial.json"))]
    return [trial for trial in found if trial is not None]


def total(record: dict[str, Any]) -> int:
    """Returns how many trials a sweep has; with a space and a grid, points times rows."""
    return record["num_trials"] * (len(record["grid"]) if record["space"] else 1)
