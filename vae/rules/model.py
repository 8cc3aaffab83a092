"""The rules of a built model and its objective, checked before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from ml_collections import ConfigDict

from vae.config import get
from vae.config.keys import KEYS
from vae.config.own import is_own
from vae.config.reads import READERS
from vae.config.values import shown
from vae.errors import InputError, did_you_mean
from vae.probability.density import SPACES
from vae.probability.distributions import example_keys
from vae.probability.objectives import objective_of
from vae.probability.objectives.objective import Objective
from vae.probability.terms import Batch
from vae.rules.config import check_mean_of_causal

READ = ("binary", "levels", "tokens")  # the kinds of values that a causal decoder reads
OF_DRAWS = {  # choices that draw from the prior in training
    "objective.name": ("info_vae", "wae"),
    "model.adversary": ("images", "latents"),
}

# What an objective may need of q(z | x), see `vae.probability.density`: its name in messages, and
# how to get it.
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
    """Checks a built model, and whether it has what its objective needs.

    Args:
      config: the experiment.
      model: its model.
      example: returns a batch of one example, for objectives that need the model to be traced.

    Raises:
      InputError: two parts do not go together.
    """
    objective = objective_of(config.objective)
    _validated(config, model)
    _latents(config.model, model)
    _causal(config, model)
    _keywords(config.objective, objective)
    _estimated_priors(config, objective, model)
    _losses_of_samples(config.objective, model)
    _gradient_of_the_mean(config, model)
    _whole_batches(config)
    _answers(config.objective, objective, model, example)
    _encoder_apart(config, objective, model)
    _parts_alone(config, objective, model)


def _latents(config: ConfigDict, model: Any) -> None:
    """Refuses a posterior and a prior that do not go together."""
    posterior, prior = model.conditional.posterior, model.conditional.prior
    if not model.encodes and prior and (prior.uses_encoder or prior.space == "categorical"):
        raise InputError(
            f"model.prior={config.prior!r} does not go with model.name={config.name!r}, which has "
            "no posterior; choose 'standard_normal'."
        )
    condition = model.conditional.condition
    if condition and not condition.to_decoder and not (prior and prior.reads_condition):
        raise InputError(
            "model.decoder_told=False leaves the condition to a prior that reads it, such as "
            "model.prior='conditional' or 'flow_matching'."
        )
    other = prior and (prior.uses_encoder or prior.space != "real" or prior.in_time)
    if other and model.encodes and not posterior:  # a ladder
        raise InputError(
            f"model.prior={config.prior!r} does not go with model.name={config.name!r}, where it "
            "is that of the topmost group; choose 'standard_normal', 'mixture', 'maf' or "
            "'diffusion'."
        )
    if not (posterior and prior):
        return
    if posterior.space != prior.space:
        here, there = (SPACES.get(part.space, part.space) for part in (posterior, prior))
        raise InputError(
            f"model.posterior={config.posterior!r} has latents in {here}, but "
            f"model.prior={config.prior!r} in {there}: choose two of one space."
        )
    if prior.uses_encoder and not posterior.any_density:
        raise InputError(
            f"model.prior={config.prior!r} is made of densities q(z | x) at any z, which "
            f"model.posterior={config.posterior!r} does not have; 'gaussian' has it."
        )
    if prior.in_time and model.event.ragged and config.posterior != "gaussian":
        raise InputError(
            f"model.prior={config.prior!r} leaves out what examples lack, and some have fewer "
            "frames than others: choose model.posterior='gaussian'."
        )
    if config.static_channels and config.posterior != "gaussian":
        raise InputError(
            f"model.static_channels={config.static_channels} is for a mean and a variance of each "
            "latent: choose model.posterior='gaussian', or leave it out."
        )
    if posterior.uses_joint and not prior.exact:
        raise InputError(
            f"model.posterior={config.posterior!r} follows the gradient of log p(z), which "
            f"model.prior={config.prior!r} only estimates; choose 'standard_normal' or 'coupling'."
        )
    if not prior.exact and not model.encodes:
        raise InputError(
            f"model.prior={config.prior!r} learns from encoded examples, which model.name="
            f"{config.name!r} has not; choose 'standard_normal'."
        )
    if prior.uses_encoder and model.conditional.condition:
        raise InputError(
            f"model.prior={config.prior!r} is made of encoded examples alone, so model.condition "
            "must be 'none'."
        )


def _causal(config: ConfigDict, model: Any) -> None:
    """Refuses data and a likelihood that a decoder that reads x value after value cannot have."""
    if not model.causal:
        return
    check_mean_of_causal(config, causal=True)
    decoder, values, channels = config.model.decoder, model.event.values, model.event.channels
    if values.kind not in READ:
        raise InputError(
            f"model.decoder={decoder!r} reads values that are binary, levels or tokens, but those "
            f"of the data are {values.kind}; choose another decoder."
        )
    if model.likelihood.outputs(channels) != channels * model.likelihood.outputs(1):
        raise InputError(
            f"model.decoder={decoder!r} gives each value a distribution of its own, but "
            f"model.likelihood={config.model.likelihood!r} has one for the {channels} channels "
            "together; choose 'categorical'."
        )
    last = len(config.model.decoder_widths) - 1
    last = len(config.model.decoder_widths) - 1
    if decoder == "wavenet" and 2**last >= model.event.size:
        raise InputError(
            f"model.decoder_widths of {last + 1} let model.decoder='wavenet' look 2^{last} values "
            f"back, but an example has {model.event.size:,}; choose fewer."
        )
    if config.model.tied_embeddings and model.likelihood.outputs(1) != values.levels:
        raise InputError(
            "model.tied_embeddings=True answers with a number for each of the "
            f"{values.levels} values, but model.likelihood={config.model.likelihood!r} takes "
            f"{model.likelihood.outputs(1)}; choose 'categorical'."
        )


def _keywords(config: ConfigDict, objective: Objective) -> None:
    """Refuses keys that an objective of one's own does not take by its signature."""
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
            f"which this model's loss {model.loss_names[0]!r} does not use; leave it at 0."
        )


def _answers(
    config: ConfigDict, objective: Objective, model: Any, example: Callable[[], Batch]
) -> None:
    """Refuses a model whose q lacks what the objective needs; traces it and does not run it."""
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
    steps = config.training.aggressive_steps
    if steps and (not model.inference or "decoder" in model.inference):
        made = "has a q(z | x) of the decoder, too" if model.inference else "has no q(z | x)"
        raise InputError(
            f"training.aggressive_steps={steps} updates the encoder more often than the rest, but "
            f"this model {made}; leave it at 0."
        )
    if not objective.inference_loss:
        return
    apart = f"objective.name={config.objective.name!r} trains the encoder apart from the rest, but"
    if model.prior and model.prior.uses_encoder:
        raise InputError(f"{apart} the prior is made of the encoder; choose another model.prior.")
    if "decoder" in model.inference:
        raise InputError(
            f"{apart} this model's q(z | x) is made of the decoder, too; choose "
            "objective.name='iwae'."
        )


def _estimated_priors(config: ConfigDict, objective: Objective, model: Any) -> None:
    """Refuses what a prior that is at the end of a path cannot do, in training with the rest."""
    prior, name = model.prior, f"model.prior={config.model.prior!r}"
    if not prior or prior.exact:
        return
    if config.model.name == "semi_supervised":
        raise InputError(
            f"{name} does not go with model.name='semi_supervised', which asks for p(z) of all "
            "classes at once; choose 'conditional' or 'mixture'."
        )
    if objective.learns:
        return
    if config.model.prior == "flow_matching":
        raise InputError(
            f"{name} is trained by a matching loss, which is no bound for objective.name="
            f"{config.objective.name!r}: choose objective.name='prior', or model.prior='diffusion'."
        )
    if not model.is_density:
        raise InputError(
            f"{name} would shrink latents to a point, for model.posterior="
            f"{config.model.posterior!r} has no density; train it alone, with objective.name="
            "'prior', or choose 'gaussian'."
        )
    if objective.weighs:
        raise InputError(
            f"objective.name={config.objective.name!r} weighs samples by p(z), which {name} only "
            "gives a bound on; choose 'elbo'."
        )
    for key, those in OF_DRAWS.items():
        if (value := get(config, key)) in those:
            raise InputError(
                f"{key}={value!r} draws from the prior at every step, which takes {name} tens of "
                "passes through its network; choose another."
            )


def _whole_batches(config: ConfigDict) -> None:
    accumulate = config.training.accumulate
    if accumulate > 1 and config.model.posterior == "riemannian_hamiltonian":
        raise InputError(
            f"training.accumulate={accumulate} takes the mean of what micro-batches keep, but "
            "model.posterior='riemannian_hamiltonian' keeps their examples; leave it at 1."
        )


def _validated(config: ConfigDict, model: Any) -> None:
    if config.training.patience and not model.encodes:
        raise InputError(
            f"training.patience={config.training.patience} waits for a better valid/elbo, which "
            f"model.name={config.model.name!r} has not; leave it at 0."
        )


def _gradient_of_the_mean(config: ConfigDict, model: Any) -> None:
    if config.objective.name == "dip_i" and model.posterior and model.posterior.uses_joint:
        raise InputError(
            "objective.name='dip_i' trains the means of q(z | x), which have no gradient with "
            f"model.posterior={config.model.posterior!r}; choose 'gaussian'."
        )


def _parts_alone(config: ConfigDict, objective: Objective, model: Any) -> None:
    """Refuses an objective of parts alone where they have nothing to learn, or nothing stands."""
    if not objective.learns:
        return
    name = f"objective.name={config.objective.name!r}"
    learned = jax.eval_shape(lambda: model.init(key=jax.random.key(0))["params"])
    if not all(jax.tree.leaves(learned.get(part, {})) for part in objective.learns):
        raise InputError(
            f"{name} trains the prior alone, but model.prior={config.model.prior!r} of model.name="
            f"{config.model.name!r} has no weights; choose 'flow_matching', 'diffusion' or 'maf'."
        )
    if not config.training.pretrained:
        raise InputError(
            f"{name} trains the prior of a model that stands: name its run directory as "
            "training.pretrained."
        )
    if config.training.aggressive_steps:
        raise InputError(
            f"training.aggressive_steps={config.training.aggressive_steps} has no effect with "
            f"{name}, which does not train the encoder; leave it at 0."
        )
