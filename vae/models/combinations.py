"""Which objectives go with which model: what cannot work is refused before it is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import ml_collections

from vae.errors import InputError
from vae.probability.distributions import example_keys
from vae.probability.objectives import objective_of
from vae.probability.terms import Batch

Array = jax.Array

NEEDS = {  # what an objective may ask of q(z | x), see `models/posteriors`
    "mean": "latents that are one vector",
    "log_prob": "the density of q(z | x) at any z",
    "log_prob_per_dim": "the density of each dimension of q(z | x) at any z",
    "log_std": "the standard deviation of each dimension of q(z | x)",
}


def check_objective(
    config: ml_collections.ConfigDict, model: Any, example: Callable[[], Batch]
) -> None:
    """Refuses an objective that the model cannot serve.

    Args:
      config: the section `objective`.
      model: the model.
      example: gives a batch of one example, where the model has to be asked what it is.

    Raises:
      InputError: one sentence that says what does not go together.
    """
    objective = objective_of(config)
    if config.backward_samples and model.loss_names:
        raise InputError(
            f"objective.backward_samples={config.backward_samples} draws samples by their weights, "
            f"which have no part in this model's loss {model.loss_names[0]!r}; leave it at 0."
        )
    for name in _missing(objective.needs, model, example):
        raise InputError(
            f"objective.name={config.name!r} needs {NEEDS[name]}, which this model does not have; "
            "model.name='vae' with model.posterior='gaussian' has it."
        )
    prior = getattr(model, "prior", None)
    if objective.inference_loss and getattr(prior, "uses_encoder", False):
        raise InputError(
            f"objective.name={config.name!r} trains the encoder apart from the rest, but the prior "
            "is made of the encoder; choose another model.prior."
        )
    if objective.inference_loss and "decoder" in model.inference:
        raise InputError(
            f"objective.name={config.name!r} trains the encoder apart from the rest, but this "
            "model's q(z | x) is made of the decoder, too; choose objective.name='iwae'."
        )


def _missing(needs: tuple[str, ...], model: Any, example: Callable[[], Batch]) -> list[str]:
    """What the q of the model's `Terms` does not answer; the model is traced, not computed."""
    if not needs:
        return []
    batch, missing = example(), []

    def ask(key: Array) -> None:
        keys = example_keys(key, batch.index)[None]
        q = model.terms(model.init(key=key), batch, keys=keys, train=True).q
        missing.extend(name for name in needs if not hasattr(q, name))

    jax.eval_shape(ask, jax.random.key(0))
    return missing
