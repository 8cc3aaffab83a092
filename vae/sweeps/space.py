"""What a sweep tries, as an experiment file declares it beside `get_config`.

    from vae.sweeps.space import Choice, LogUniform, Space, product

    def sweep_seeds():                    # a grid: each of these is trained
        return product({"seed": range(3)})

    def space():                          # a space: a sampler draws points of it
        return Space({"optimizer.learning_rate": LogUniform(1e-4, 1e-2)}, maximize="valid/elbo")

A grid is a list (or a generator) of {dotted key: value}. Without `--sweep`, `sweep` and `space` are
swept; `--sweep=NAME,NAME` combines `sweep_NAME` and `space_NAME`. Grids multiply. If a space has a
grid beside it, every point is trained for every row of the grid, for instance several seeds, and
judged by their mean.
"""

from __future__ import annotations

import copy
import itertools
import math
import numbers
import runpy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from vae.config import override
from vae.config.keys import check_known
from vae.errors import InputError
from vae.rules.config import check_config

MAX_CORNERS = 10_000  # that are checked: of a space of up to 13 keys, all


class Uniform(NamedTuple):
    """Real numbers from low to high."""

    low: float
    high: float


class LogUniform(NamedTuple):
    """Positive numbers whose logarithm is uniform."""

    low: float
    high: float


class Integer(NamedTuple):
    """Whole numbers, both ends included."""

    low: int
    high: int


class Choice(NamedTuple):
    """One of some values: Choice((64, 128, 256))."""

    values: Sequence[Any]


Distribution = Uniform | LogUniform | Integer | Choice


class Space:
    """Distributions by dotted key, and the metric of a run that a search is to improve.

    Args:
      distributions: the distribution of each key that is searched.
      maximize: the metric of result.json to maximize, "valid/elbo" if neither is given.
      minimize: or the metric to minimize.
    """

    def __init__(
        self,
        distributions: Mapping[str, Distribution],
        *,
        maximize: str | None = None,
        minimize: str | None = None,
    ) -> None:
        if maximize and minimize:
            raise InputError("A Space has one objective: maximize or minimize, not both.")
        self.distributions = dict(distributions)
        self.objective = minimize or maximize or "valid/elbo"
        self.direction = "minimize" if minimize else "maximize"


class Plan(NamedTuple):
    """What a sweep tries.

    Attributes:
      distributions: what is searched, by dotted key; empty for a grid alone.
      rows: the grid, {dotted key: value} each; one empty row if there is no grid.
      objective: the metric of result.json by which runs are compared.
      direction: "maximize" or "minimize".
    """

    distributions: dict[str, Distribution]
    rows: tuple[dict[str, Any], ...]
    objective: str
    direction: str


def product(values: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Returns all combinations: {"a": (1, 2), "b": (3,)} gives [{a: 1, b: 3}, {a: 2, b: 3}]."""
    return [
        dict(zip(values, row, strict=True))
        for row in itertools.product(*(tuple(v) for v in values.values()))
    ]


def declared(file: Path, names: Sequence[str]) -> Plan:
    """Returns the plan that an experiment file declares under these names.

    Args:
      file: the experiment's file.
      names: the names in --sweep; empty for `sweep` and `space`.

    Raises:
      InputError: the file declares nothing under a name, or what it declares cannot be combined.
    """
    found = {
        name: value
        for name, value in runpy.run_path(str(file)).items()
        if callable(value) and name.split("_")[0] in ("sweep", "space") and name != "Space"
    }
    chosen = []
    for name in names or ("",):
        keys = [key for key in _functions_of(name) if key in found]
        if not keys:
            there = ", ".join(sorted({key.partition("_")[2] or key for key in found}))
            given = f"--sweep={name}" if name else "Without --sweep, a sweep"
            needs = " and ".join(f"`{key}`" for key in _functions_of(name)) or "nothing"
            raise InputError(
                f"{given} needs a function {needs.replace(' and ', ' or ')} in {file}; "
                f"{'there is ' + there if there else 'it declares no sweep'}."
            )
        chosen += [(key, found[key]) for key in keys]
    return _combine(chosen)


def _functions_of(name: str) -> tuple[str, ...]:
    if name in ("sweep", "space"):
        return (name,)
    return (f"sweep_{name}", f"space_{name}") if name else ("sweep", "space")


def _combine(functions: Sequence[tuple[str, Callable[[], Any]]]) -> Plan:
    distributions: dict[str, Distribution] = {}
    rows: list[dict[str, Any]] = [{}]
    objectives = {}
    swept: dict[str, str] = {}  # key to the function that sweeps it
    for name, function in functions:
        value = function()
        if isinstance(value, Space):
            _check_space(name, value)
            keys = set(value.distributions)
            distributions |= {key: _plain_ends(d) for key, d in value.distributions.items()}
            objectives[value.objective, value.direction] = name
        else:
            grid = _grid(name, value)
            keys = {key for row in grid for key in row}
            rows = [left | right for left in rows for right in grid]
        for key in sorted(keys):
            if key in swept:
                raise InputError(f"{key} is swept by both {swept[key]}() and {name}().")
            swept[key] = name
    if len(objectives) > 1:
        raise InputError(
            f"{' and '.join(objectives.values())} have different objectives: "
            f"{' and '.join(f'{direction} {name}' for name, direction in objectives)}."
        )
    objective, direction = next(iter(objectives), ("valid/elbo", "maximize"))
    return Plan(distributions, tuple(rows), objective, direction)


def _grid(name: str, value: Any) -> list[dict[str, Any]]:
    try:
        grid = [{key: _plain(v) for key, v in row.items()} for row in value]
    except (TypeError, AttributeError):
        raise InputError(
            f"{name}() must return a Space, or {{dotted key: value}} dicts in a list."
        ) from None
    if not any(grid):
        raise InputError(f"{name}() is empty: it has nothing to try.")
    for i, row in enumerate(grid):
        if row in grid[:i]:
            raise InputError(f"{name}() has {row} twice.")
    return grid


def _check_space(name: str, space: Space) -> None:
    if not space.distributions:
        raise InputError(f"{name}() is empty: it has nothing to try.")
    for key, distribution in space.distributions.items():
        if isinstance(distribution, Choice):
            if not distribution.values:
                raise InputError(f"{name}(): {key}={distribution} has nothing to choose from.")
            continue
        if not isinstance(distribution, Uniform | LogUniform | Integer):
            raise InputError(
                f"{name}(): {key}={distribution!r} must be a Uniform, LogUniform, Integer or "
                "Choice; a single value belongs in the config."
            )
        low, high = distribution
        lowest = 0 if isinstance(distribution, LogUniform) else -math.inf
        if not all(isinstance(end, numbers.Real) for end in distribution):
            raise InputError(f"{name}(): {key}={distribution} must have numbers as its ends.")
        if not lowest < low <= high < math.inf:
            raise InputError(
                f"{name}(): {key}={distribution} must have finite ends, low <= high"
                f"{' and low > 0' if lowest == 0 else ''}."
            )
        if isinstance(distribution, Integer) and not all(
            isinstance(end, numbers.Integral) for end in distribution
        ):
            raise InputError(f"{name}(): {key}={distribution} must have whole numbers as its ends.")


def _plain(value: Any) -> Any:
    """Returns a value as a config has it: NumPy's numbers as Python's, lists as tuples."""
    if hasattr(value, "item"):
        value = value.item()
    return tuple(value) if isinstance(value, list) else value


def _plain_ends(distribution: Distribution) -> Distribution:
    if isinstance(distribution, Choice):
        return Choice(tuple(map(_plain, distribution.values)))
    if isinstance(distribution, Integer):
        return Integer(*map(int, distribution))
    return type(distribution)(*map(float, distribution))


def check(plan: Plan, config: ml_collections.ConfigDict, overrides: Mapping[str, Any]) -> None:
    """Refuses a plan with a run that cannot work, as far as can be known beforehand.

    It checks every row of a grid and every corner of a space, each as the config that it gives.

    Args:
      plan: what is swept.
      config: the experiment, with the overrides of the command line.
      overrides: those overrides, by dotted key.

    Raises:
      InputError: a key is unknown or also set on the command line, a value is of the wrong type or
        out of range, or the objective is never measured.
    """
    if not plan.objective.startswith(("train/", "valid/", "test/")):
        raise InputError(
            f"the objective {plan.objective!r} is no metric of result.json; their names begin with "
            "train/, valid/ or test/."
        )
    swept = {key for row in plan.rows for key in row} | plan.distributions.keys()
    check_known(swept)
    if both := sorted(swept & overrides.keys()):
        raise InputError(f"--config.{both[0]} is given, but {both[0]} is swept.")
    corners = itertools.product(*map(_ends, plan.distributions.values()))
    runs = (
        dict(zip(plan.distributions, corner, strict=True)) | row
        for corner in corners
        for row in plan.rows
    )
    for run in itertools.islice(runs, MAX_CORNERS):
        candidate = copy.deepcopy(config)
        override(candidate, run)
        check_config(candidate)
        if plan.objective.startswith("valid/") and not candidate.evaluation.every_steps:
            raise InputError(
                f"evaluation.every_steps=0 never measures {plan.objective}, by which runs are "
                "compared."
            )


def _ends(distribution: Distribution) -> Sequence[Any]:
    return distribution.values if isinstance(distribution, Choice) else distribution
