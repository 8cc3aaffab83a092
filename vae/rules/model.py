"""Rules of a model that is built, and its objective, asked before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from ml_collections import ConfigDict

from vae.config.keys import KEYS
from vae.config.own import is_own
from vae.config.reads import READERS
from vae.config.values import shown
from vae.errors import InputError, did_you_mean
from vae.probability.distributions import example_keys
from vae.probability.objectives import objective_of
from vae.probability.objectives.objective import Objective
from vae.probability.terms import Batch
from vae.rules.config import check_mean_of_causal

# What an objective may ask of q(z | x), see `vae.probability.density`, and how it is asked.
NEEDS: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "mean": ("latents that are one vector", lambda q, z: q.mean),
    "log_prob": ("the density of q(z | x) at any z", lambda q, z: q.log_prob(z)),
    "log_prob_per_dim": (
        "the density of each dimension of q(z | x) at any z",
        lambda q, z: q.log_prob_per_dim(z),
    ),
    "log_std": ("the standard deviation of each dimension of q(z | x)", lambda q, z: q.log_std),
}


def check_model(config: ConfigDict, model: Any, example: Callable[[], Batch]) -> None:
    """Checks a model that is built, and whether it can serve its objective.

    Args:
      config: the experiment.
      model: its model.
      example: gives a batch of one example, where the model has to be asked what it is.

    Raises:
      InputError: two parts do not go together.
    """
    objective = objective_of(config.objective)
    check_mean_of_causal(config, causal=model.causal)
    _keywords(config.objective, objective)
    _losses_of_samples(config.objective, model)
    _answers(config.objective, objective, model, example)
    _encoder_apart(config.objective, objective, model)


def _keywords(config: ConfigDict, objective: Objective) -> None:
    """Keys of the objective that one of one's own takes or not, as its signature says."""
    for name in config.settings:
        if name not in objective.reads:
            raise InputError(
                f"objective.settings has {name!r}, which {config.name} does not take"
                f"{did_you_mean(name, objective.reads)}"
            )
    for key in READERS if is_own(config.name) else ():
        section, _, name = key.partition(".")
        read = name.startswith(tuple(objective.reads))  # `beta_schedule` with `beta`
        set_ = section == "objective" and config[name] != KEYS[key].default
        if set_ and "objective.name" in READERS[key] and not (read or name == "settings"):
            raise InputError(f"{key}={shown(config[name])} is nothing that {config.name} takes.")


def _losses_of_samples(config: ConfigDict, model: Any) -> None:
    if config.backward_samples and model.loss_names:
        raise InputError(
            f"objective.backward_samples={config.backward_samples} draws samples by their weights, "
            f"which have no part in this model's loss {model.loss_names[0]!r}; leave it at 0."
        )


def _answers(
    config: ConfigDict, objective: Objective, model: Any, example: Callable[[], Batch]
) -> None:
    """What an objective asks of q; the model is traced, not computed."""
    if not objective.needs:
        return
    batch = example()

    def ask(key: jax.Array) -> None:
        keys = example_keys(key, batch.index)[None]
        terms = model.terms(model.init(key=key), batch, keys=keys, train=True)
        for what, asked in (NEEDS[name] for name in objective.needs):
            if terms.q is None or asked(terms.q, terms.z) is None:
                raise InputError(
                    f"objective.name={config.name!r} needs {what}, which this model does "
                    "not have; model.name='vae' with model.posterior='gaussian' has it."
                )

    jax.eval_shape(ask, jax.random.key(0))


def _encoder_apart(config: ConfigDict, objective: Objective, model: Any) -> None:
    if not objective.inference_loss:
        return
    apart = f"objective.name={config.name!r} trains the encoder apart from the rest, but"
    if model.prior and model.prior.uses_encoder:
        raise InputError(f"{apart} the prior is made of the encoder; choose another model.prior.")
    if "decoder" in model.inference:
        raise InputError(
            f"{apart} this model's q(z | x) is made of the decoder, too; choose "
            "objective.name='iwae'."
        )
