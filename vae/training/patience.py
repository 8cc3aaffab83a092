"""Early stopping: a run ends when its validation ELBO has stopped rising.

Whether it ends follows from logged figures alone, so that a run that was stopped in between, or
killed, ends at the step at which it would have ended.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import ml_collections

from vae.terminal import number

METRIC = "valid/elbo"


def why_ended(config: ml_collections.ConfigDict, elbos: Mapping[int, float], step: int) -> str:
    """Returns why a run ends at this step, "early stopping: ..."; "" if it goes on.

    Args:
      config: the experiment.
      elbos: the validation ELBO by the step of its validation, in nats per example.
      step: the number of updates; later validations do not count, nor do those at steps at which
        this config has none.
    """
    patience, every = config.training.patience, config.evaluation.every_steps
    if not patience or step % every:
        return ""
    best, best_step, waited = -math.inf, 0, 0
    for at in range(every, step + 1, every):
        elbo = elbos.get(at, math.nan)
        if elbo > best + config.training.min_delta:
            best, best_step, waited = elbo, at, 0
        else:
            waited += 1
    if waited < patience:
        return ""
    since = f"since step {best_step:,}, where it was {number(best)}" if best_step else "at all"
    least = config.training.min_delta
    by = f" by more than {least:g}" if least else ""
    counted = f"{waited} validation{'s' * (waited > 1)}"
    return f"early stopping: {METRIC} has not risen{by} {since}, in {counted}"
