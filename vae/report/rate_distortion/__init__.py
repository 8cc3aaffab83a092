"""Rate-distortion and rate-accuracy curves: what latents tell, and at what price, over beta.

    R = E[KL(q(z | x) || p(z))]    the rate, nats an example
    D = -E[log p(x | z)]           the distortion, nats an example, with z ~ q(z | x)

so that ELBO = -(R + D): runs on one diagonal have the same ELBO, and it does not say whether their
latents tell all of x or nothing (Alemi et al., "Fixing a broken ELBO", 2018). With H the entropy of
the data and I the mutual information of x and z, H - D <= I <= R: no run lies below R + D = H.
Training with beta minimises D + beta R, so dD/dR = -beta along a curve. H and D of densities
are differential, and may be negative.

The runs are those of a sweep, or all in a directory. What they differ in, but for their seeds, is
the key along the curves and what tells one curve from another.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vae.config import flatten
from vae.config.values import shown
from vae.errors import InputError, did_you_mean
from vae.report import runs
from vae.report.results import ASIDE
from vae.report.runs import Summary
from vae.terminal import Progress, aligned, measured, number
from vae.training.directory import read_json, write_json

BETA = "objective.beta"
NEEDED = {"rate": "test/kl", "distortion": "test/reconstruction", "negative_elbo": "test/elbo"}
SIGNS = {"rate": 1, "distortion": -1, "negative_elbo": -1}
READ = {"accuracy": "accuracy", "r2": "R2"}  # what a probe may have found, of linear models
SAMPLES, VALUES = "samples", "values"  # kinds of features; means of q tell more than their rate
FILE = "rate_distortion"


class Point(NamedTuple):
    """Runs that differ in their seeds alone.

    Attributes:
      value: that of the key along the curve.
      curve: what else its runs differ in from others, as text; "" where it is nothing.
      figures: the means over its runs by name; of several, with standard errors as NAME_stderr.
      runs: how many they are.
    """

    value: Any
    curve: str
    figures: dict[str, float]
    runs: int


def measure(
    folder: Path, key: str | None, *, probe: bool
) -> tuple[str, list[Path], dict[str, Any]]:
    """Draws the curves of a sweep's completed runs, and writes their figures.

    Args:
      folder: the directory of a sweep, or one that holds runs; the files are written into it.
      key: the key along the curves; None for objective.beta, or the only one that differs.
      probe: probes the latents of the runs where that was not done.

    Returns:
      A table, the paths of the picture and the figures, and the figures.

    Raises:
      InputError: there are fewer than two such runs, they have no rate, they are of different data,
        or do not differ in the key.
    """
    found = _completed(folder)
    keys = _differing(found)
    key = _along(key, keys)
    _check(found)
    readings = [_read(run, probe=probe) for run in found]
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, run in enumerate(found):
        groups.setdefault(tuple(shown(_value(run, each)) for each in keys), []).append(i)
    points = [
        _point([found[i] for i in own], [readings[i] for i in own], key, keys)
        for own in groups.values()
    ]
    points.sort(key=lambda point: (point.curve, _rank(point.value)))
    read = [each[VALUES] for each in readings if each]
    values = {n: _mean([each[n] for each in read])[0] for n in READ if read and n in read[0]}
    figures = {
        "key": key,
        "points": [
            {"value": p.value, "curve": p.curve, "runs": p.runs, **p.figures} for p in points
        ],
        "values": values,
        "protocol": {
            "split": "test",
            "rate": "the mean KL of q(z | x) to the prior",
            "distortion": "the mean of -log p(x | z)",
            "errors": "standard errors over runs that differ in their seeds alone",
            "accuracy": "linear models of samples of q(z | x), see probe.json of each run",
        },
    }
    from vae.modalities import pictures
    from vae.report.rate_distortion.page import page

    path = folder / f"{FILE}.png"
    pictures.save(page(points, key, values), path)
    write_json(path.with_suffix(".json"), figures)
    return _table(points, key, values), [path, path.with_suffix(".json")], figures


def _completed(folder: Path) -> list[Summary]:
    """Returns the completed runs in a directory, see `runs.completed`.

    Raises:
      InputError: there are fewer than two.
    """
    found = runs.completed(folder)
    if len(found) < 2:
        raise InputError(
            f"--workdir={folder} holds {len(found)} completed run{'s' * (len(found) != 1)}, and a "
            "curve takes two or more: give the directory of a sweep, such as one over "
            f"{BETA}, or one that holds runs."
        )
    return found


def _value(run: Summary, key: str) -> Any:
    return flatten(run.config).get(key)


def _differing(found: Sequence[Summary]) -> list[str]:
    """Returns the keys in which runs differ, without seeds and what runs write."""
    configs = [flatten(run.config) for run in found]
    keys = sorted({key for config in configs for key in config if not key.startswith(ASIDE)})
    return [k for k in keys if any(c.get(k) != configs[0].get(k) for c in configs)]


def _along(key: str | None, keys: Sequence[str]) -> str:
    """Returns the key along the curves.

    Raises:
      InputError: the runs do not differ in it, or in nothing, or in several keys.
    """
    there = ", ".join(keys) or "nothing but their seeds"
    if key is None:
        key = BETA if BETA in keys else keys[0] if len(keys) == 1 else None
        if key is None:
            raise InputError(f"the runs differ in {there}: say by --key which is along the curve.")
    if key not in keys:
        raise InputError(
            f"--key={key}: the runs do not differ in it; they differ in {there}"
            f"{did_you_mean(key, keys)}"
        )
    return key


def _check(found: Sequence[Summary]) -> None:
    """Checks that runs have a rate and a distortion, of the same data.

    Raises:
      InputError: one has none, or its data are others.
    """
    first = found[0]
    for run in found:
        if not run.bounded or any(run.metrics.get(name) is None for name in NEEDED.values()):
            raise InputError(
                f"{run.directory} has no rate: its result has no KL of a density q(z | x) to the "
                "prior over test examples; leave it out."
            )
        digests = [each.record.get("data", {}).get("digest") for each in (run, first)]
        if digests[0] != digests[1]:
            raise InputError(
                f"{run.directory} and {first.directory} are runs of different data: compare runs "
                "of one data set."
            )


def _read(run: Summary, *, probe: bool) -> dict[str, Any] | None:
    """Returns the means that `vae probe` found in a run at its last step; None where it did not."""
    path = run.directory / "probe.json"
    known = read_json(path, {"step": int, "mean": dict})
    if (known is None or known["step"] != run.step) and probe:
        from vae import loading
        from vae.tasks.representation import probe as task

        with Progress(f"probing {run.directory.name}"):
            task(loading.load(run.directory))
        known = read_json(path, {"step": int, "mean": dict})
    return known["mean"] if known and known["step"] == run.step else None


def _point(
    found: Sequence[Summary], readings: Sequence[Any], key: str, keys: Sequence[str]
) -> Point:
    values: dict[str, list[float]] = {
        name: [SIGNS[name] * float(run.metrics[metric] or 0.0) for run in found]
        for name, metric in NEEDED.items()
    }
    for name in READ:
        of_samples = (each.get(SAMPLES, {}) for each in readings if each)
        own = [each[name] for each in of_samples if name in each]
        values |= {name: own} if own else {}
    figures: dict[str, float] = {}
    for name, each in values.items():
        mean, error = _mean(each)
        figures |= {name: mean} | ({} if error is None else {f"{name}_stderr": error})
    others = (f"{each}={shown(_value(found[0], each))}" for each in keys if each != key)
    return Point(_value(found[0], key), ", ".join(others), figures, len(found))


def _mean(values: Sequence[float]) -> tuple[float, float | None]:
    """Returns the mean and, of several values, its standard error."""
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return statistics.fmean(values), error


def _rank(value: Any) -> tuple[bool, float, str]:
    """Returns what values are sorted by: numbers first."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return not is_number, float(value) if is_number else 0.0, str(value)


def _table(points: Sequence[Point], key: str, values: Mapping[str, float]) -> str:
    """Returns the points as a table for a person."""
    names = {name: f"{name.replace('_', ' ')} (nats)" for name in NEEDED} | {
        name: f"{text} of samples" for name, text in READ.items() if name in values
    }
    several = any(point.curve for point in points)
    rows = [[*(["curve"] if several else []), key, *names.values(), "runs"]]
    for point in points:
        cells = []
        for name in names:
            value, error = point.figures.get(name), point.figures.get(f"{name}_stderr")
            cells.append("" if value is None else measured(value, error))
        curve = [point.curve] if several else []
        rows.append([*curve, shown(point.value), *cells, str(point.runs)])
    lines = aligned(rows, range(int(several), len(rows[0])))
    if values:
        told = ", ".join(f"{READ[name]} {number(value)}" for name, value in values.items())
        lines += ["", f"read from the values themselves: {told}"]
    return "\n".join(lines)
