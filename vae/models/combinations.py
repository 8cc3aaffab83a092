"""Which objectives go with which model: what cannot work is refused before it is compiled."""

from __future__ import annotations

from typing import Any

import ml_collections

from vae.config import base
from vae.errors import InputError
from vae.probability.objectives import OBJECTIVES

SHARED = ("name", "num_samples")  # keys of `config.objective` that every objective reads


def check_objective(config: ml_collections.ConfigDict, model: Any) -> None:
    """Refuses an objective that the model cannot serve, or that has no use for what is set.

    Args:
      config: the section `objective`.
      model: the model.

    Raises:
      InputError: one sentence that says what does not go together.
    """
    objective, defaults = OBJECTIVES[config.name], base().objective
    for key, value in config.items():
        read = key in SHARED or any(key.startswith(name) for name in objective.reads)
        if not read and value != defaults[key]:
            raise InputError(
                f"objective.{key}={value} has no effect with objective.name={config.name!r}."
            )
    posterior = getattr(model, "posterior", None)
    if objective.any_density and not getattr(posterior, "any_density", False):
        raise InputError(
            f"objective.name={config.name!r} needs the density of q(z | x) at any z, which this "
            "model's posterior does not have; model.posterior='gaussian' has it."
        )
    if objective.inference_loss and model.prior.uses_encoder:
        raise InputError(
            f"objective.name={config.name!r} trains the encoder apart from the rest, but the prior "
            "is made of the encoder; choose another model.prior."
        )
