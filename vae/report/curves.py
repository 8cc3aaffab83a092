"""The metrics of runs over their steps, as they were logged, and charts of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from vae.report import svg
from vae.report.svg import Series
from vae.training.directory import read_line

SPLITS = ("train", "valid", "test")
ERROR = "_stderr"
# What a chart is called, in the order of the charts; other metrics follow by their own names.
NAMES = {
    "elbo": "ELBO, nats",
    "loss": "Loss",
    "reconstruction": "Reconstruction, nats",
    "kl": "KL to the prior, nats",
    "bits_per_dim": "Bits per dimension",
    "perplexity": "Perplexity of a token",
    "mutual_information": "Mutual information of x and z, nats",
    "active_units": "Active units",
    "active_groups": "Active groups",
}
OF_THE_MACHINE = {  # these stand with time and memory
    "grad_norm": "Norm of the gradient",
    "learning_rate": "Learning rate",
    "skipped": "Skipped updates",
    "steps_per_second": "Steps a second",
    "examples_per_second": "Examples a second",
}
CONSTANT = ("examples",)  # what needs no curve
RARE = ("skipped",)  # what needs none where it is 0
LOGARITHMIC = ("grad_norm",)


class Curve(NamedTuple):
    """A metric over steps.

    Attributes:
      steps: when it was logged.
      values: what it was; NaN where it was not finite.
    """

    steps: list[int]
    values: list[float]

    @property
    def finite(self) -> list[tuple[int, float]]:
        """Returns the steps and values that are finite."""
        pairs = zip(self.steps, self.values, strict=True)
        return [(step, value) for step, value in pairs if math.isfinite(value)]


def read(folder: Path) -> dict[str, Curve]:
    """Returns the curves of a run by the metrics' names, from its `metrics.jsonl`."""
    found: dict[str, Curve] = {}
    file = folder / "metrics.jsonl"
    if file.is_file():
        with open(file, "rb") as lines:
            for text in lines:
                if line := read_line(text):  # the last may be half written
                    step, figures = line
                    for name, value in figures.items():
                        curve = found.setdefault(name, Curve([], []))
                        curve.steps.append(step)
                        curve.values.append(value)
    return found


def charts(
    runs: Mapping[str, Mapping[str, Curve]], *, machine: bool = False, most: int = 24
) -> list[Markup]:
    """Returns a chart for each metric that was logged at two steps or more.

    Args:
      runs: the curves of each run by its name. One run has a colour for each split; several have a
        colour each, and their validation curves are solid where there are any.
      machine: the charts of speeds and rates instead.
      most: charts at most.
    """
    made = []
    for name, title in _named(runs.values(), machine=machine):
        series = list(_series(runs, name))
        if name not in RARE or any(value for each in series for value in each.y):
            log = name in LOGARITHMIC
            made.append(svg.lines(series, title=title, x="step", log_y=log))
    return made[:most]


def _named(runs: Iterable[Mapping[str, Curve]], *, machine: bool) -> list[tuple[str, str]]:
    """Returns the metrics that have a chart, without their splits, and their titles."""
    logged = {}
    for curves in runs:
        for key, curve in curves.items():
            split, _, name = key.partition("/")
            long = len(set(curve.steps)) > 1 and split in SPLITS
            if long and not name.endswith(ERROR) and name not in CONSTANT:
                logged[name] = name.replace("_", " ")
    if machine:
        return [(name, title) for name, title in OF_THE_MACHINE.items() if name in logged]
    ordered = [*(n for n in NAMES if n in logged), *(n for n in logged if n not in NAMES)]
    return [(n, NAMES.get(n, logged[n].capitalize())) for n in ordered if n not in OF_THE_MACHINE]


def _series(runs: Mapping[str, Mapping[str, Curve]], name: str) -> Iterable[Series]:
    several = len(runs) > 1
    for number, (run, curves) in enumerate(runs.items()):
        splits = [split for split in SPLITS[:2] if f"{split}/{name}" in curves]
        long = [split for split in splits if len(set(curves[f"{split}/{name}"].steps)) > 1]
        if several:  # the split that says more
            splits = long[-1:] or splits[-1:]
        for split in splits:
            curve = curves[f"{split}/{name}"]
            yield Series(
                run if several else split if len(splits) > 1 else "",
                curve.steps,
                curve.values,
                _errors(curve, curves.get(f"{split}/{name}{ERROR}")),
                colour=number if several else SPLITS.index(split),
                joined=split in long,
            )


def _errors(curve: Curve, errors: Curve | None) -> Sequence[float]:
    """Returns the standard errors at the steps of a curve."""
    if errors is None:
        return ()
    known = dict(zip(errors.steps, errors.values, strict=True))
    return [known.get(step, math.nan) for step in curve.steps]
