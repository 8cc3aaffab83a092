"""The search: Optuna, which is asked for points and told their results.

A point is one trial of the study: a value for each key that is searched, or a row of a grid, so
that all bookkeeping is in one place. It is made in one go, and its number is its position.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from vae.errors import InputError
from vae.sweeps.space import Choice, Distribution, Integer, LogUniform, Plan

STUDY = "sweep"
DRAWS = 10  # of a point, the second half at random, before any untried one is taken

# Each is made anew for every point, with the point's number as its seed: a draw depends on the
# results so far, not on how often the sweep was stopped. A quasi-random sequence has one seed.
SAMPLERS = {
    "tpe": lambda seed: TPESampler(seed=seed, constant_liar=True),
    "cmaes": lambda seed: CmaEsSampler(seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
    "qmc": lambda seed: QMCSampler(scramble=True, seed=0),
}

# Functions of the training steps between two evaluations and of all steps, which set the rungs.
PRUNERS = {
    "none": lambda every, steps: optuna.pruners.NopPruner(),
    "median": lambda every, steps: optuna.pruners.MedianPruner(),
    "halving": lambda every, steps: optuna.pruners.SuccessiveHalvingPruner(min_resource=every),
    "hyperband": lambda every, steps: optuna.pruners.HyperbandPruner(
        min_resource=every, max_resource=steps
    ),
}


class Point(NamedTuple):
    """A trial of the study that is still open."""

    number: int
    values: dict[str, Any]  # by dotted key


class Search:
    """The study of one sweep, which this process alone touches.

    Args:
      file: its journal, made if there is none.
      plan: what is swept.
      sampler: one of SAMPLERS.
      pruner: one of PRUNERS.
      every: training steps between two evaluations.
      steps: training steps of a run.
    """

    def __init__(
        self, file: Path, plan: Plan, *, sampler: str, pruner: str, every: int, steps: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        _mend(file)
        self._rows = plan.rows if not plan.distributions else ()
        self._space, self._sampler = plan.distributions, sampler
        self._choices: dict[str, dict[Any, Any]] = {}  # by key, Optuna's representation to value
        self._distributions = {
            key: self._distribution(key, value) for key, value in plan.distributions.items()
        } or {
            key: self._distribution(key, Choice([row[key] for row in self._rows if key in row]))
            for key in {key: None for row in self._rows for key in row}
        }
        self._storage = JournalStorage(JournalFileBackend(str(file)))
        try:
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=STUDY,
                direction=StudyDirection[plan.direction.upper()],
                pruner=PRUNERS[pruner](every, steps),
                load_if_exists=True,
            )
        except (ValueError, KeyError) as error:
            raise InputError(f"{file} is damaged: {error}.") from None

    def ask(self) -> Point:
        """Returns a new point: the next row of a grid, else one that the sampler draws.

        A point that was tried before would give the same run, so another is drawn instead; after
        `DRAWS` draws it is the first untried one. There must be one, see `size`.
        """
        if self._rows:
            number = len(self._study.get_trials(deepcopy=False))
            row = self._rows[number]
            return Point(self._add({key: _kept(value) for key, value in row.items()}), row)
        for draw in range(DRAWS):
            number = len(self._study.get_trials(deepcopy=False))
            sampler = self._sampler if draw < DRAWS // 2 else "random"
            self._study.sampler = _sampler(sampler, seed=number)
            trial = self._trial(self._study.ask(self._distributions).number)
            if not self._repeats(trial):
                return Point(trial.number, self._values(trial.params))
            self._study.tell(trial.number, state=TrialState.FAIL)
        tried = [trial.params for trial in self._study.get_trials(deepcopy=False)]
        points = itertools.product(*(_members(d) or () for d in self._space.values()))
        named = (dict(zip(self._space, point, strict=True)) for point in points)
        left = next(point for point in named if point not in tried)
        return Point(self._add(left), self._values(left))

    def _add(self, kept: dict[str, Any]) -> int:
        """Adds an open trial with values in Optuna's form to the study; returns its number."""
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=kept,
            distributions={key: self._distributions[key] for key in kept},
        )
        self._study.add_trial(trial)
        return len(self._study.get_trials(deepcopy=False)) - 1

    def open(self) -> list[Point]:
        """Returns the points that were asked for and have no result."""
        points = []
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not self._rows and not self._counts(trial):
                # A coordinator died while it drew this point, which was never trained.
                self._study.tell(trial.number, state=TrialState.FAIL)
                continue
            points.append(Point(trial.number, self._values(trial.params)))
        return points

    def number(self) -> int:
        """Returns how many points were asked for, without draws that were rejected."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(bool(self._rows) or self._counts(trial) for trial in trials)

    def report(self, number: int, step: int, value: float) -> bool:
        """Records a point's value after a step; returns whether to prune it."""
        trial = self._trial(number)
        if step in trial.intermediate_values:
            return False
        # As Trial.report does; but making a Trial of a point would draw it again.
        self._storage.set_trial_intermediate_value(trial._trial_id, step, value)
        return self._study.pruner.prune(self._study, self._trial(number))

    def tell(self, number: int, value: float) -> None:
        """Ends a point with its value, infinite if it diverged; NaN if it has none."""
        if math.isnan(value):
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, value)

    def prune(self, number: int) -> None:
        """Ends a point that was pruned."""
        self._study.tell(number, state=TrialState.PRUNED)

    def _trial(self, number: int) -> FrozenTrial:
        return self._study.get_trials(deepcopy=False)[number]

    def _counts(self, trial: FrozenTrial) -> bool:
        """Returns whether a trial was drawn to its end, and is the first with its values."""
        return trial.params.keys() == self._distributions.keys() and not self._repeats(trial)

    def _repeats(self, trial: FrozenTrial) -> bool:
        earlier = self._study.get_trials(deepcopy=False)[: trial.number]
        return any(trial.params == other.params for other in earlier)

    def _values(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        return {
            key: self._choices[key][value] if key in self._choices else value
            for key, value in kept.items()
        }

    def _distribution(self, key: str, value: Distribution) -> BaseDistribution:
        if isinstance(value, Choice):
            self._choices[key] = {_kept(choice): choice for choice in value.values}
            return CategoricalDistribution(tuple(self._choices[key]))
        if isinstance(value, Integer):
            return IntDistribution(value.low, value.high)
        return FloatDistribution(value.low, value.high, log=isinstance(value, LogUniform))


def size(plan: Plan) -> float:
    """Returns how many points a space has; infinite if it has real numbers."""
    return math.prod(
        math.inf if (members := _members(d)) is None else len(members)
        for d in plan.distributions.values()
    )


def _members(distribution: Distribution) -> Sequence[Any] | None:
    """Returns all values of a distribution in Optuna's form; None if they are real numbers."""
    if isinstance(distribution, Choice):
        return tuple({_kept(value): None for value in distribution.values})
    if isinstance(distribution, Integer):
        return range(distribution.low, distribution.high + 1)
    return (distribution.low,) if distribution.low == distribution.high else None


def _kept(value: Any) -> Any:
    """Returns a choice in Optuna's form: its text if it is no scalar."""
    return value if isinstance(value, bool | int | float | str) else repr(value)


def _sampler(name: str, seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return SAMPLERS[name](seed)


def _mend(file: Path) -> None:
    """Repairs what a coordinator that was killed while writing left behind."""
    file.with_name(file.name + ".lock").unlink(missing_ok=True)
    with contextlib.suppress(FileNotFoundError), open(file, "r+b") as journal:
        whole = journal.read().rfind(b"\n") + 1
        journal.truncate(whole)
