"""Training objectives: `Terms` to an unreduced loss [B], to be minimised, in nats.

An objective is a function `(terms, *, ...)`, or an `Objective`, which names up to two. By keyword
it takes any of

    keys of the config's section `objective`, whose floats are traced; `beta` and `capacity` follow
                  their schedules; and what is set in `objective.settings`
    axis          name of the mapped axis over which the batch is spread, or None
    keys          [B], random keys for its own draws
    num_examples  size of the training set

Where an objective couples examples, the batch is what one step sees, over all devices; with
`training.accumulate` it is a micro-batch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from vae.config import own
from vae.config.build import named
from vae.errors import InputError
from vae.probability.objectives.objective import Objective
from vae.probability.terms import Terms


def objective_of(config: ml_collections.ConfigDict) -> Objective:
    """Returns the objective that a config's section `objective` names.

    Raises:
      InputError: it is your own and cannot be imported, or is no function.
    """
    found = named("objective", config, "name")
    objective = found if isinstance(found, Objective) else Objective(found)
    if not own.is_own(config.name):
        return objective
    if isinstance(objective.loss, type) or not callable(objective.loss):
        raise InputError(f"objective.name={config.name!r} is no function of Terms.")
    guarded = functools.partial(_guarded, where=f"objective.name={config.name!r}")
    apart = objective.inference_loss
    return objective._replace(loss=guarded(objective.loss), inference_loss=apart and guarded(apart))


def _guarded(loss: Callable[..., jax.Array], where: str) -> Callable[..., jax.Array]:
    """Returns a loss of your own whose faults, when it is traced, are an error of one sentence."""

    @functools.wraps(loss)
    def guarded(terms: Terms, **settings: Any) -> jax.Array:
        try:
            lost = jnp.asarray(loss(terms, **settings))
        except own.FAILURES as error:  # whatever somebody's own code raises
            raise own.told(error, where) from None
        wanted = terms.log_px.shape[1:]
        if lost.shape != wanted:
            raise InputError(
                f"{where} gives shape {list(lost.shape)}, but must give {list(wanted)}, a number "
                "for each example."
            )
        return lost

    return guarded
