"""The points of a sweep as an Optuna study, which says which keys matter to the objective.

It is made from the sweep's points, each with its mean over seeds, so that grids are asked, too, and
the coordinator alone touches the search's own study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import TrialState, create_trial

ANOVA = FanovaImportanceEvaluator(seed=0)
SPREAD = 10.0  # ratio of largest to smallest number beyond which the scale is logarithmic


def study(
    points: Sequence[Mapping[str, Any]], values: Sequence[float | None], sweep: Mapping[str, Any]
) -> optuna.Study:
    """Returns a study in memory with a trial for each point, in their order.

    Args:
      points: what was swept, by dotted key.
      values: the objective of each; None if it has none (yet), or is not to be compared.
      sweep: the sweep's record, of which `space` and `direction` are read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    keys = dict.fromkeys(key for point in points for key in point)
    kinds = {
        key: _distribution(
            [point[key] for point in points if key in point], sweep["space"].get(key)
        )
        for key in keys
    }
    made = optuna.create_study(direction=sweep["direction"])
    for point, value in zip(points, values, strict=True):
        made.add_trial(
            create_trial(
                state=TrialState.FAIL if value is None else TrialState.COMPLETE,
                value=value,
                params={
                    key: str(v) if isinstance(kinds[key], CategoricalDistribution) else v
                    for key, v in point.items()
                },
                distributions={key: kinds[key] for key in point},
            )
        )
    return made


def importances(made: optuna.Study) -> dict[str, float]:
    """Returns each key's share of the objective's variance, 1 in all (functional ANOVA).

    It is empty if there is one key, no more points than keys, or one value of the objective.
    """
    if not _can_be_compared(made):
        return {}
    return optuna.importance.get_param_importances(made, evaluator=ANOVA)


def _can_be_compared(made: optuna.Study) -> bool:
    complete = made.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    keys = {key for trial in complete for key in trial.params}
    return len(complete) > len(keys) > 1 and len({trial.value for trial in complete}) > 1


def _distribution(values: Sequence[Any], declared: Mapping[str, Any] | None) -> BaseDistribution:
    """Returns the distribution that a key's values are from, or seem to be from.

    Args:
      values: the values of a key.
      declared: {"LogUniform": [low, high]}, in a space.
    """
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    kind, ends = next(iter((declared or {}).items()), (None, values))
    if kind == "Choice" or not numbers:
        return CategoricalDistribution(tuple(dict.fromkeys(map(str, values))))
    low, high = min(ends), max(ends)
    wide = kind is None and low > 0 and high / low >= SPREAD
    return FloatDistribution(low, high, log=kind == "LogUniform" or wide)
