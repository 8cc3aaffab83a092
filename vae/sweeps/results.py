"""The results of a sweep, written into its directory, and as a table for the terminal.

    results.csv, results.json   a row for each point: what was swept, and its metrics
    best.py                     the best point, as a config file that can be launched
    report.html                 all of it, with charts, on one page that needs no network

Trials that differ only in their seeds make one row, with metrics averaged over seeds and their
standard errors. Beside metrics are figures that tasks left in the trials, and published ones
(`measured.py`). A sweep that still runs, or that lost trials, has the rows that it has so far.
"""

from __future__ import annotations

import collections
import csv
import math
import pprint
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vae.errors import InputError
from vae.report.results import SEEDS
from vae.sweeps import analysis, measured, progress, record, sweep_page
from vae.sweeps.rows import Figure, Row
from vae.sweeps.trials import Trial
from vae.terminal import aligned
from vae.training import directory

SHOWN = ("test/nll", "test/elbo", "test/bits_per_dim")  # beside the objective, in the tables
REPORT = "report.html"
MAX_SHOWN = 30  # rows of the terminal's table

BEST = '''"""{headline}

    vae train --config={path}

The best point of a sweep of {config}, as it was found by `vae sweep`.
"""

import runpy

from vae.config import override

OVERRIDES = {overrides}


def get_config():
    config = runpy.run_path({file!r})["get_config"]({variant})
    override(config, OVERRIDES)
    return config
'''


def write(workdir: Path) -> str:
    """Writes the results of a sweep into its directory.

    Returns:
      The terminal's table.

    Raises:
      InputError: the directory is no sweep's, or one of its files is damaged.
    """
    sweep = record.read(workdir)
    if sweep is None:
        raise InputError(f"--workdir={workdir} is no sweep: it has no sweep.json.")
    trials = record.trials(workdir)
    rows = _rows(trials, sweep)
    study = analysis.study(
        [row.values for row in rows],
        [row.objective.mean if row.whole and row.objective else None for row in rows],
        sweep,
    )
    importances = analysis.importances(study)
    ranked = _ranked(rows, sweep)
    best = ranked[0] if ranked and ranked[0].objective else None

    _write_csv(workdir / "results.csv", ranked)
    directory.write_json(workdir / "results.json", _as_json(ranked, importances, sweep))
    if best:
        (workdir / "best.py").write_text(_best(best, workdir, sweep), encoding="utf-8")
    headline = f"{workdir}: {progress.describe(trials, sweep)}"
    header, cells = _cells(ranked, sweep)
    remarks = [*_remarks(trials), *measured.protocols([trial.workdir for trial in trials])]
    sweep_page.write(
        workdir / REPORT,
        sweep=sweep,
        headline=progress.describe(trials, sweep),
        rows=rows,
        ranked=ranked,
        table=(header, cells),
        remarks=remarks,
        importances=importances,
    )
    return "\n".join(
        [
            headline,
            "",
            *aligned([header, *cells[:MAX_SHOWN]], range(len(header))),
            *([f"... and {len(cells) - MAX_SHOWN} more"] if len(cells) > MAX_SHOWN else []),
            "",
            *remarks,
            *_shares(importances),
            *([f"best: vae train --config={workdir / 'best.py'}"] if best else []),
            f"more: {workdir / REPORT}, results.csv, results.json",
        ]
    )


def _rows(trials: Sequence[Trial], sweep: dict[str, Any]) -> list[Row]:
    """Returns the points, in the order in which they were tried."""
    groups: dict[Any, list[Trial]] = collections.defaultdict(list)
    for trial in trials:
        values = {key: v for key, v in trial.overrides.items() if key not in SEEDS}
        # A space may have drawn the same values twice; these are two points.
        groups[trial.point if sweep["space"] else None, repr(sorted(values.items()))].append(trial)
    return [_row(group, sweep["objective"]) for group in groups.values()]


def _row(trials: list[Trial], objective: str) -> Row:
    results = [trial.result() for trial in trials if trial.status == "completed"]
    results = [result for result in results if result]  # one may have been damaged since
    metrics = collections.defaultdict(list)
    for result in results:
        for name, value in result["metrics"].items():
            main = name.startswith(("valid/", "test/")) and not name.endswith("_stderr")
            if (main or name == objective) and isinstance(value, int | float):
                metrics[name].append(value)
    for trial in trials:
        if trial.status == "completed":
            for name, value in measured.figures(trial.workdir).items():
                metrics[name].append(value)
    figures = {name: _figure(v) for name, v in metrics.items() if all(map(math.isfinite, v))}
    return Row(
        values={key: v for key, v in trials[0].overrides.items() if key not in SEEDS},
        trials=trials,
        statuses=dict(collections.Counter(trial.status for trial in trials)),
        objective=figures.get(objective),
        figures=figures,
        seconds=statistics.fmean(r["seconds"] for r in results) if results else None,
    )


def _figure(values: Sequence[float]) -> Figure:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Figure(statistics.fmean(values), error, len(values))


def _ranked(rows: Sequence[Row], sweep: dict[str, Any]) -> list[Row]:
    """Returns the rows, best first, then those with missing runs, then all others."""
    sign = -1 if sweep["direction"] == "maximize" else 1

    def order(row: Row) -> tuple[bool, bool, float]:
        value = row.objective.mean if row.objective else math.inf
        return not row.whole, row.objective is None, sign * value

    return sorted(rows, key=order)


def _write_csv(path: Path, rows: Sequence[Row]) -> None:
    keys = list(dict.fromkeys(key for row in rows for key in row.values))
    metrics = sorted({name for row in rows for name in row.figures})
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        each = [column for name in metrics for column in (name, f"{name} stderr over seeds")]
        table.writerow([*keys, "runs", *progress.ORDER, "seconds", *each, "trials"])
        for row in rows:
            figures = [row.figures.get(name, (None, None)) for name in metrics]
            table.writerow(
                [
                    *(row.values.get(key) for key in keys),
                    len(row.trials),
                    *(row.statuses.get(status, 0) for status in progress.ORDER),
                    row.seconds,
                    *(value for figure in figures for value in figure[:2]),
                    " ".join(trial.workdir.name for trial in row.trials),
                ]
            )


def _as_json(
    rows: Sequence[Row], importances: dict[str, float], sweep: dict[str, Any]
) -> dict[str, Any]:
    points = [
        {
            "values": row.values,
            "trials": [trial.workdir.name for trial in row.trials],
            "statuses": row.statuses,
            "seconds": row.seconds,
            "metrics": {name: figure._asdict() for name, figure in sorted(row.figures.items())},
        }
        for row in rows
    ]
    kept = {key: sweep[key] for key in ("config", "overrides", "objective", "direction")}
    return kept | {"importances": importances, "points": points}


def _best(row: Row, workdir: Path, sweep: dict[str, Any]) -> str:
    """Returns the text of a config file with a row's values."""
    file, _, variant = sweep["config"].partition(":")
    runs = "1 run" if len(row.trials) == 1 else f"{len(row.trials)} seeds"
    overrides = {k: _as_in_config(v) for k, v in (sweep["overrides"] | row.values).items()}
    return BEST.format(
        headline=f"{sweep['objective']} {row.objective} ({runs}).",
        path=workdir / "best.py",
        config=sweep["config"],
        overrides=pprint.pformat(overrides, sort_dicts=False),
        file=file,
        variant=repr(variant) if variant else "",
    )


def _as_in_config(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _cells(rows: Sequence[Row], sweep: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of the table for a person; published figures come last."""
    keys = list(dict.fromkeys(key for row in rows for key in row.values))
    known = list(dict.fromkeys(name for row in rows for name in row.figures))
    of_tasks = [name for name in known if "/" not in name]
    shown = (*SHOWN, *of_tasks)
    metrics = [sweep["objective"], *(x for x in shown if x in known and x != sweep["objective"])]
    # Points that differ in other keys than each other, such as methods, say theirs in one cell.
    apart = any(row.values.keys() != set(keys) for row in rows)

    def point(row: Row) -> list[str]:
        if apart:
            short = {k.rpartition(".")[2]: v for k, v in row.values.items()}
            return [" ".join(f"{k}={_value(v)}" for k, v in short.items() if type(v) is not list)]
        return [_value(row.values[key]) for key in keys]

    columns = ["point"] if apart else keys
    header = [*columns, *metrics, "runs", "seconds", "trials"]
    cells = [
        [
            *point(row),
            *(str(row.figures.get(name, "")) for name in metrics),
            _runs(row),
            "" if row.seconds is None else f"{row.seconds:.1f}",
            _span([trial.workdir.name for trial in row.trials]),
        ]
        for row in rows
    ]
    for source, figures in measured.published(sweep["config"]).items():
        if columns and any(name in metrics for name in figures):
            numbers = [f"{figures[name]:.5g}" if name in figures else "" for name in metrics]
            cells.append([source, *[""] * (len(columns) - 1), *numbers, "", "", ""])
    return header, cells


def _runs(row: Row) -> str:
    """Returns "3" if all runs of a point completed, else "1 completed, 2 waiting"."""
    if row.whole:
        return str(len(row.trials))
    return ", ".join(f"{row.statuses[s]} {s}" for s in progress.ORDER if s in row.statuses)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _span(names: Sequence[str]) -> str:
    """Shortens "0003 0004 0005" to "0003-0005"."""
    numbers = [int(name) for name in names]
    if len(names) > 2 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{names[0]}-{names[-1]}"
    return " ".join(names)


def _remarks(trials: Sequence[Trial]) -> list[str]:
    """Returns a line for each trial that was lost."""
    return [
        f"{trial.status}: {trial.workdir.name}  "
        + "  ".join(f"{key}={_value(value)}" for key, value in trial.overrides.items())
        + (f"  ({trial.error})" if trial.error else "")
        for trial in trials
        if trial.status in ("diverged", "failed")
    ]


def _shares(importances: dict[str, float]) -> list[str]:
    shares = ", ".join(f"{key} {share:.0%}" for key, share in importances.items())
    return [f"what the objective depends on: {shares}"] if shares else []
