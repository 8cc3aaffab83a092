"""The report of a sweep: its table and charts in one file that opens without a network."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from vae.report import html, media, svg
from vae.report.parallel import parallel
from vae.report.svg import Series
from vae.sweeps.advice import advice
from vae.sweeps.rows import Row
from vae.sweeps.trials import Trial
from vae.training.directory import read_metric

BEST = 6  # points whose curves are drawn
PICTURES = 4  # points whose samples are shown
KEYS = 9  # charts of the objective over a key, at most
SPREAD = 10.0  # ratio of largest to smallest number beyond which an axis is logarithmic


def write(
    path: Path,
    *,
    sweep: Mapping[str, Any],
    headline: str,
    rows: Sequence[Row],
    ranked: Sequence[Row],
    table: tuple[list[str], list[list[str]]],
    remarks: Sequence[str],
    importances: Mapping[str, float],
) -> None:
    """Writes the page.

    Args:
      path: the HTML file, in the sweep's directory.
      sweep: the sweep's record.
      headline: how far the sweep is, and what it found.
      rows: the points, in the order in which they were tried.
      ranked: the points, the best first.
      table: the header and the rows of the table; the last cell of a row names its trials.
      remarks: lines after the table.
      importances: each key's share of the objective's variance.
    """
    header, cells = table
    linked = [_linked(row, path.parent) for row in ranked]
    linked += [Markup("")] * (len(cells) - len(linked))  # published figures
    found = [row for row in ranked if row.objective]
    html.write(
        path,
        "sweep.html",
        title=f"Sweep of {Path(sweep['config']).name}",
        headline=headline.replace("  ", " · "),
        findings=advice(ranked, sweep),
        header=header,
        rows=[[*row[:-1], link] for row, link in zip(cells, linked, strict=True)],
        best=0 if found and ranked[0].objective else None,
        remarks=remarks,
        command=_command(sweep, path.parent),
        launch=f"vae train --config={path.with_name('best.py')}" if found else "",
        charts=_charts(rows, found, sweep, importances),
        sheets=_sheets(found),
    )


def _command(sweep: Mapping[str, Any], workdir: Path) -> str:
    words = ["vae", "sweep", f"--config={sweep['config']}"]
    words += [f"--sweep={','.join(sweep['sweep'])}"] if sweep["sweep"] else []
    words += [f"--config.{key}={value}" for key, value in sweep["overrides"].items()]
    if sweep["space"]:
        words += [f"--num_trials={sweep['num_trials']}", f"--sampler={sweep['sampler']}"]
    return shlex.join([*words, f"--workdir={workdir}"])


def _linked(row: Row, workdir: Path) -> Markup:
    """Returns the names of a point's trials, as links to the reports that there are."""
    parts = []
    for trial in row.trials:
        report = trial.workdir / "report.html"
        name = escape(trial.workdir.name)
        address = escape(report.relative_to(workdir))
        parts.append(f'<a href="{address}">{name}</a>' if report.is_file() else str(name))
    return Markup(" ".join(parts))


def _charts(
    rows: Sequence[Row],
    found: Sequence[Row],
    sweep: Mapping[str, Any],
    importances: Mapping[str, float],
) -> list[Markup]:
    """Returns the charts that there are enough points for."""
    objective = sweep["objective"]
    tried = [row for row in rows if row.objective and row.whole]
    keys = [k for k in dict.fromkeys(k for row in tried for k in row.values) if _differs(tried, k)]
    made = [_history(tried, sweep)] if len(tried) > 1 else []
    if importances:
        named = [(key, share, f"{share:.0%}") for key, share in importances.items()]
        note = "By functional analysis of variance: how much of it a key explains."
        made.append(svg.bars(named, title="Importances", note=note))
    made += [
        _slice(tried, key, sweep)
        for key in sorted(keys, key=lambda k: -importances.get(k, 0))[:KEYS]
    ]
    curves = [
        Series(_short(row), list(logged), list(logged.values()))
        for row in found[:BEST]
        if len(logged := _logged(row.trials, objective)) > 1
    ]
    if curves:
        title = f"{objective} of the best points"
        made.append(svg.lines(curves, title=title, x="step"))
    if len(keys) > 1 and all(key in row.values for row in tried for key in keys):
        values = [[*(row.values[key] for key in keys), _value(row)] for row in tried]
        best = -1 if sweep["direction"] == "minimize" else 1
        made.append(parallel([*keys, objective], values, best=best, title="Points"))
    return made


def _differs(rows: Sequence[Row], key: str) -> bool:
    return len({repr(row.values.get(key)) for row in rows}) > 1


def _value(row: Row) -> float:
    return row.objective.mean if row.objective else math.nan


def _name(row: Row) -> str:
    """Returns what a point is called in a legend."""
    values = (f"{key.rpartition('.')[2]}={_shown(value)}" for key, value in row.values.items())
    return " ".join(values) or row.trials[0].workdir.name


def _short(row: Row) -> str:
    """Returns what it is called where there is little room: its values, without their keys."""
    values = [_shown(value) for value in row.values.values()]
    return ", ".join(values) if len(values) > 1 else _name(row)


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _history(tried: Sequence[Row], sweep: Mapping[str, Any]) -> Markup:
    """Returns the points in the order in which they were tried, and the best up to each."""
    values = [_value(row) for row in tried]
    choose = min if sweep["direction"] == "minimize" else max
    best = [choose(values[: i + 1]) for i in range(len(values))]
    numbers = list(range(1, len(values) + 1))
    series = [
        Series("best so far", numbers, best, colour=1),
        Series("a point", numbers, values, joined=False, colour=0, titles=[*map(_name, tried)]),
    ]
    return svg.lines(series, title="Progress", x="points tried", y=sweep["objective"])


def _slice(tried: Sequence[Row], key: str, sweep: Mapping[str, Any]) -> Markup:
    """Returns the objective over the values of a key."""
    rows = [row for row in tried if key in row.values]
    values, y = [row.values[key] for row in rows], [_value(row) for row in rows]
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in values):
        groups: dict[str, list[float]] = {}
        for value, each in zip(values, y, strict=True):
            groups.setdefault(_shown(value), []).append(each)
        return svg.strips(groups, title=key, x=sweep["objective"])
    errors = [(row.objective.stderr if row.objective else None) or math.nan for row in rows]
    wide = min(values) > 0 and max(values) / min(values) >= SPREAD
    order = sorted(range(len(rows)), key=lambda i: values[i])
    series = Series(
        "",
        [values[i] for i in order],
        [y[i] for i in order],
        [errors[i] for i in order] if any(e == e for e in errors) else (),
        titles=[_name(rows[i]) for i in order],
        joined=False,
    )
    return svg.lines([series], title=key, x=key, y=sweep["objective"], log_x=wide)


def _logged(trials: Sequence[Trial], metric: str) -> dict[int, float]:
    """Returns a metric over the steps of the first of a point's trials that logged it."""
    return next((found for trial in trials if (found := read_metric(trial.workdir, metric))), {})


def _sheets(found: Sequence[Row]) -> list[media.Shown]:
    """Returns samples of the best points, one trial each."""
    budget = media.Budget()
    return [
        media.shown(picture, f"{_name(row)} (trial {row.trials[0].workdir.name})", budget)
        for row in found[:PICTURES]
        if (picture := media.latest(row.trials[0].workdir, "samples"))
    ]
