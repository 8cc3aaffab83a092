"""What is wrong with a sweep, or worth a further one, in plain sentences."""

from __future__ import annotations

import collections
import math
from collections.abc import Mapping, Sequence
from typing import Any

from vae.report.finding import BAD, NOTE, WARN, Finding, ordered
from vae.sweeps.rows import Row
from vae.terminal import number

CLOSE = 0.05  # of the range searched: as near to an end, the best may lie beyond it
FEWEST = 5  # points that say where the best is
LOST = 0.2  # of the trials


def advice(ranked: Sequence[Row], sweep: Mapping[str, Any]) -> list[Finding]:
    """Returns what is found in a sweep's points, the worst first.

    Args:
      ranked: the points, the best first.
      sweep: the sweep's record.
    """
    return ordered([lost(ranked), *at_the_edge(ranked, sweep), within_the_noise(ranked)])


def lost(rows: Sequence[Row]) -> Finding | None:
    """Many trials that gave no result."""
    counts = collections.Counter[str]()
    for row in rows:
        counts.update(row.statuses)
    gone, ended = counts["diverged"] + counts["failed"], counts["completed"]
    if not gone or gone <= LOST * (gone + ended):
        return None
    parts = [f"{counts[s]} {s}" for s in ("diverged", "failed") if counts[s]]
    return Finding(
        WARN if ended else BAD,
        "Lost trials",
        f"{' and '.join(parts)} of {sum(counts.values())} trials; the reasons are below the table. "
        "Try a narrower space, such as smaller learning rates, or optimizer.clip_norm.",
    )


def at_the_edge(ranked: Sequence[Row], sweep: Mapping[str, Any]) -> list[Finding]:
    """Keys whose best value lies at an end of what was tried."""
    rows = [row for row in ranked if row.whole and row.objective]
    found = []
    for key, value in rows[0].values.items() if len(rows) >= FEWEST else ():
        tried = [row.values[key] for row in rows if key in row.values]
        if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in tried):
            continue
        kind, ends = next(iter(sweep["space"].get(key, {"": tried}).items()))
        low, high = min(ends), max(ends)
        if len(set(tried)) < 3 or low == high:
            continue
        place = _place(value, low, high, logarithmic=kind == "LogUniform")
        if place < CLOSE or place > 1 - CLOSE:
            end, further = ("low", "smaller") if place < CLOSE else ("high", "larger")
            found.append(
                Finding(
                    NOTE,
                    "The best is at an end",
                    f"The best {key} is {number(value)}, at the {end} end of what was tried "
                    f"({number(low)} to {number(high)}); try {further} values.",
                )
            )
    return found


def within_the_noise(ranked: Sequence[Row]) -> Finding | None:
    """A best point that differs from the next by less than their errors over seeds."""
    rows = [row for row in ranked if row.whole and row.objective]
    if len(rows) < 2:
        return None
    first, second = rows[0].objective, rows[1].objective
    if not first or not second or first.stderr is None or second.stderr is None:
        return None
    apart, error = abs(first.mean - second.mean), (first.stderr**2 + second.stderr**2) ** 0.5
    if apart > 2 * error:
        return None
    return Finding(
        NOTE,
        "Too close to tell",
        f"The first two points are {number(apart)} apart, with a standard error over seeds of "
        f"{number(error)}; more seeds would tell which is better.",
    )


def _place(value: float, low: float, high: float, *, logarithmic: bool) -> float:
    """Returns where a value lies between two ends, from 0 to 1."""
    if logarithmic:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)
