"""The runs and sweeps in a directory, as a table."""

from __future__ import annotations

import datetime
import shutil
import sys
from pathlib import Path
from typing import Any

from vae.errors import InputError
from vae.report import runs
from vae.sweeps import progress, record
from vae.sweeps.trials import Trial
from vae.terminal import aligned
from vae.training.directory import is_owned

HEADER = ("run", "experiment", "data", "status", "step", "figure", "when", "took")
RIGHT = ("step", "took")
LEFT_OUT = ("took", "when", "data", "experiment")  # columns in the order in which they are dropped


def listing(workdir: Path) -> tuple[str, dict[str, Any]]:
    """Lists the runs and sweeps in a directory, by name, or the trials if it is a sweep's.

    Args:
      workdir: the directory, searched with its folders.

    Returns:
      The table, and {"runs": a record of each}.

    Raises:
      InputError: there is no such directory, or nothing in it.
    """
    if not workdir.is_dir():
        raise InputError(f"--workdir={workdir} is no directory; give one that holds runs.")
    if sweep := record.read(workdir):
        trials = record.trials(workdir)
        rows = [_of_sweep(workdir, str(workdir), sweep), *(_of_trial(t, sweep) for t in trials)]
    else:
        rows = [_row(path, str(path.relative_to(workdir))) for path in runs.find(workdir)]
    if not rows:
        raise InputError(f"--workdir={workdir} holds no run and no sweep.")
    return _table(rows), {"runs": rows}


def _table(rows: list[dict[str, str]]) -> str:
    """Returns the table, without columns that do not fit the terminal."""
    columns = list(HEADER)
    for without in (None, *LEFT_OUT):
        columns = [name for name in columns if name != without]
        cells = [columns, *([row[name] for name in columns] for row in rows)]
        lines = aligned(cells, [i for i, name in enumerate(columns) if name in RIGHT])
        if not sys.stdout.isatty() or max(map(len, lines)) <= shutil.get_terminal_size().columns:
            break
    return "\n".join(lines)


def _row(path: Path, name: str) -> dict[str, str]:
    try:
        if sweep := record.read(path):
            return _of_sweep(path, name, sweep)
        return _of_run(path, name)
    except InputError as error:
        return _damaged(name, error)


def _damaged(name: str, error: InputError) -> dict[str, str]:
    """Returns the row of what is damaged, or cannot be read."""
    return dict.fromkeys(HEADER, "") | {"run": name, "status": "damaged", "figure": str(error)}


def _of_run(path: Path, name: str, experiment: str = "") -> dict[str, str]:
    run = runs.read(path)
    main = run.main
    return {
        "run": name if name != "." else str(path),
        "experiment": experiment or run.experiment,
        "data": run.data,
        "status": run.status,
        "step": "" if run.step is None else f"{run.step:,}",
        "figure": f"{main} {run.figure(main)}" if main else "",
        "when": _shown(run.changed),
        "took": runs.took(run.seconds),
    }


def _of_sweep(path: Path, name: str, sweep: dict[str, Any]) -> dict[str, str]:
    trials = record.trials(path)
    ended, total = sum(trial.ended for trial in trials), record.total(sweep)
    status = "completed" if ended >= total else "running" if is_owned(path) else "stopped"
    best = progress.best(trials, sweep["direction"])
    file, _, variant = sweep["config"].partition(":")
    seconds = [trial.seconds for trial in trials if trial.seconds is not None]
    changed = max(f.stat().st_mtime for f in (path / "sweep.json", *path.glob("results.json")))
    return {
        "run": name,
        "experiment": Path(file).stem + (f":{variant}" if variant else "") + ", a sweep",
        "data": "",
        "status": status,
        "step": f"{ended}/{total}",
        "figure": f"{sweep['objective']} {best[0]:.5g} (trial {best[1].number})" if best else "",
        "when": _shown(datetime.datetime.fromtimestamp(changed)),
        "took": runs.took(sum(seconds)) if seconds else "",
    }


def _of_trial(trial: Trial, sweep: dict[str, Any]) -> dict[str, str]:
    """Returns a trial's row, with what it changes in place of the experiment."""
    what = " ".join(f"{key.rpartition('.')[2]}={_value(x)}" for key, x in trial.overrides.items())
    name = f"trials/{trial.workdir.name}"
    if not (trial.workdir / "config.json").is_file():  # it has not started
        known = {"run": name, "experiment": what, "status": trial.status}
        return dict.fromkeys(HEADER, "") | known
    try:
        row = _of_run(trial.workdir, name, what) | {"status": trial.status}
    except InputError as error:
        return _damaged(name, error) | {"experiment": what}
    if trial.value is not None:
        row["figure"] = f"{sweep['objective']} {trial.value:.5g}"
    return row


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _shown(moment: datetime.datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")
