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

import ml_collections

from vae.config.build import named
from vae.probability.objectives.objective import Objective


def objective_of(config: ml_collections.ConfigDict) -> Objective:
    """Returns the objective that a config's section `objective` names.

    Raises:
      InputError: it is your own and cannot be imported, or is no function.
    """
    found = named("objective", config, "name")
    return found if isinstance(found, Objective) else Objective(found)
