"""Training objectives: `Terms` to an unreduced loss [B], to be minimised, in nats.

An objective is a function `(terms, *, ...)`, or an `Objective` of some. What it reads it takes by
keyword, any of

    keys of the config's section `objective`, whose floats are traced and `beta` and `capacity`
                  follow their schedules; and what is set in `objective.settings`
    axis          name of the mapped axis over which the batch is spread, or None
    keys          [B], for what it draws itself
    num_examples  of the training set

Where examples are coupled, the batch is what the step sees at once, over all devices: with
`training.accumulate` a micro-batch.
"""

from __future__ import annotations

import ml_collections

from vae.config.build import named
from vae.probability.objectives.objective import Objective


def objective_of(config: ml_collections.ConfigDict) -> Objective:
    """The objective that a config's section `objective` names.

    Raises:
      InputError: it is one's own and cannot be imported, or is no function.
    """
    found = named("objective", config, "name")
    return found if isinstance(found, Objective) else Objective(found)
