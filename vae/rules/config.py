"""The rules of a configuration alone, checked before anything is read or compiled."""

from __future__ import annotations

from collections.abc import Callable

from ml_collections import ConfigDict

from vae.config import check_values, get
from vae.config.axes.sets import EMBEDDED
from vae.config.own import is_own
from vae.config.reads import check_read, is_read
from vae.config.values import HEADS, LAYERS
from vae.errors import InputError
from vae.networks import lite0_weights
from vae.rules.steps import STEPS

CAUSAL = ("causal_transformer", "lstm", "gru", "wavenet")  # decoders that read the example
OF_MEAN = {  # choices that need x to be a differentiable function of z alone
    "model.name": ("gan",),
    "model.adversary": ("images", "patches"),
    "model.image_loss": ("ms_ssim", "perceptual", "lite0"),
    "model.regularizer": ("gradient_penalty",),
}
UNTRAINED = ("fixed", "optimal")  # scales that are not learned by gradient descent


def check_config(config: ConfigDict) -> None:
    """Checks all that is known without the data and the devices.

    Raises:
      InputError: a value is out of its range, or two values do not go together.
    """
    check_values(config)
    check_read(config)
    for rule in CONFIG:
        rule(config)


def _weights_installed(config: ConfigDict) -> None:
    if config.model.image_loss == "lite0" and not lite0_weights.installed():
        raise InputError(
            f"model.image_loss='lite0' {lite0_weights.MISSING}, or choose 'perceptual', whose "
            "features need no weights."
        )


def _noise_or_draws(config: ConfigDict) -> None:
    if config.data.binarize != "none" and config.data.dequantize:
        raise InputError(
            "data.dequantize adds noise to the levels that data.binarize takes away: choose one."
        )


def _settings_of_data(config: ConfigDict) -> None:
    data = config.data
    own = is_own(data.name) and data.name.partition(":")[0] not in EMBEDDED and not data.path
    if data.settings and not own:
        raise InputError(
            f"data.settings.{next(iter(data.settings))} has no effect with data.name={data.name!r} "
            f"and data.path={data.path!r}, only with a function of your own as data.name."
        )


def _groups_of_samples(config: ConfigDict) -> None:
    objective = config.objective
    if objective.num_samples % objective.groups:
        raise InputError(
            f"objective.num_samples={objective.num_samples} must be a multiple of "
            f"objective.groups={objective.groups}."
        )


def _schedule_of_beta(config: ConfigDict) -> None:
    objective = config.objective
    if objective.beta_schedule != "linear" and not objective.beta_warmup_steps:
        raise InputError(
            f"objective.beta_schedule={objective.beta_schedule!r} has no effect with "
            "objective.beta_warmup_steps=0."
        )


def _rewarded_mismatch(config: ConfigDict) -> None:
    objective = config.objective
    if objective.name == "info_vae" and objective.alpha + objective.mmd_weight < 1:
        raise InputError(
            f"objective.alpha={objective.alpha} + objective.mmd_weight={objective.mmd_weight} must "
            "be at least 1, or objective.name='info_vae' would reward a mismatch."
        )


def _scale_of_levels(config: ConfigDict) -> None:
    scale = config.model.scale
    if config.model.likelihood == "discretized_logistic" and scale in ("per_channel", "optimal"):
        raise InputError(
            f"model.scale={scale!r} does not go with model.likelihood='discretized_logistic': "
            "choose fixed or learned or per_pixel."
        )


def _two_dimensions(config: ConfigDict) -> None:
    if config.model.latent_dim > 1:
        return
    if config.model.posterior == "vmf":
        raise InputError(
            "model.posterior='vmf' lies on a sphere, so model.latent_dim must be at least 2."
        )
    if config.model.prior == "coupling":
        raise InputError(
            "model.prior='coupling' splits z in two, so model.latent_dim must be at least 2; "
            "'maf' takes one."
        )


def _layers(config: ConfigDict) -> None:
    model = config.model
    for key in ("encoder_widths", "decoder_widths"):
        if model.blocks * len(model[key]) > LAYERS:
            raise InputError(
                f"model.blocks={model.blocks} for each of the {len(model[key])} numbers of "
                f"model.{key} are more than {LAYERS} layers."
            )


def _ladder(config: ConfigDict) -> None:
    model, groups = config.model, config.model.groups
    if sum(groups) == 0:
        raise InputError(f"model.groups={groups} must be a tuple of numbers, not all of them 0.")
    if model.blocks * sum(groups) > LAYERS:
        raise InputError(
            f"model.blocks={model.blocks} for each of the {sum(groups)} groups of model.groups="
            f"{groups} are more than {LAYERS} layers."
        )
    grids = {len(groups), len(model.encoder_widths), len(model.decoder_widths)}
    if model.name == "ladder" and len(grids) > 1:
        raise InputError(
            f"model.groups={groups}, model.encoder_widths={model.encoder_widths} and "
            f"model.decoder_widths={model.decoder_widths} must have one number for each grid."
        )


def _gan(config: ConfigDict) -> None:
    model = config.model
    if model.name != "gan":
        return
    if model.adversary != "images":
        raise InputError(
            f"model.name='gan' needs model.adversary='images', not {model.adversary!r}."
        )
    if not model.encoder_told:
        raise InputError(
            "model.encoder_told=False has no effect with model.name='gan', which has no encoder."
        )
    if model.similarity:
        raise InputError(
            "model.similarity=True has no effect with model.name='gan', which reconstructs nothing."
        )
    if model.adversarial_start:
        raise InputError("model.adversarial_start must be 0 with model.name='gan'.")


def _features(config: ConfigDict) -> None:
    model = config.model
    if model.similarity and model.adversarial_start:
        raise InputError(
            "model.similarity needs a trained discriminator: model.adversarial_start=0."
        )
    scaled = is_read(config, "model.scale") and model.scale not in UNTRAINED
    if model.similarity and scaled:
        raise InputError(
            f"model.similarity trains on features, which leaves model.scale={model.scale!r} "
            f"untrained: choose {' or '.join(UNTRAINED)}."
        )


def check_mean_of_causal(config: ConfigDict, *, causal: bool) -> None:
    """Refuses choices that need a mean of p(x | z) if the decoder is `causal`."""
    decoder = config.model.decoder
    for key, users in OF_MEAN.items():
        if causal and (value := get(config, key)) in users:
            raise InputError(
                f"{key}={value!r} needs an x that follows smoothly from z alone, but "
                f"model.decoder={decoder!r} makes it value after value; choose another decoder."
            )


def _semi_supervised(config: ConfigDict) -> None:
    model = config.model
    if model.name != "semi_supervised":
        return
    if model.posterior == "point":
        raise InputError(
            "model.posterior='point' has no density to weigh against that of the labels; "
            "choose another with model.name='semi_supervised'."
        )
    if model.posterior in ("batch_normalized", "riemannian_hamiltonian"):
        raise InputError(
            f"model.posterior={model.posterior!r} keeps the statistics of one posterior, but "
            "model.name='semi_supervised' has one for each class; choose 'gaussian'."
        )
    if model.scale == "optimal":
        raise InputError(
            "model.scale='optimal' would give all classes the same weight with "
            "model.name='semi_supervised'; choose 'learned'."
        )
    if model.adversary == "factors":
        raise InputError(
            "model.adversary='factors' gives all latents of a batch the same weight, but "
            "model.name='semi_supervised' weighs them by the probability of their label; choose "
            "'latents' or 'images'."
        )


def _priors(config: ConfigDict) -> None:
    model = config.model
    if model.prior == "exemplar" and model.prior_components < 2:
        raise InputError(
            "model.prior='exemplar' leaves an example itself out, so model.prior_components must "
            "be at least 2."
        )
    told = model.condition != "none" or model.name == "semi_supervised"
    if model.prior == "conditional" and not told:
        raise InputError("model.prior='conditional' needs model.condition='label' or 'attributes'.")


def _sequences(config: ConfigDict) -> None:
    model = config.model
    if is_read(config, "model.transformer_width") and model.transformer_width % HEADS:
        raise InputError(
            f"model.transformer_width={model.transformer_width} must be a multiple of {HEADS}."
        )
    for key, those in {"encoder": ("lstm", "transformer"), "decoder": CAUSAL}.items():
        name, widths = model[key], model[f"{key}_widths"]
        if name in those and not widths:
            raise InputError(f"model.{key}={name!r} needs at least one of model.{key}_widths.")
        attends = name in ("transformer", "causal_transformer")
        if attends and (len(set(widths)) > 1 or widths[0] % HEADS):
            raise InputError(
                f"model.{key}_widths={widths} must be equal and multiples of {HEADS} with "
                f"model.{key}={name!r}."
            )
        if name == "wavenet" and len(set(widths)) > 1:
            raise InputError(
                f"model.{key}_widths={widths} must be equal with model.{key}={name!r}."
            )


def _causal_decoders(config: ConfigDict) -> None:
    model, widths = config.model, config.model.decoder_widths
    if model.tied_embeddings and widths[0] != widths[-1]:
        raise InputError(
            "model.tied_embeddings=True needs a last layer as wide as the first, but "
            f"model.decoder_widths={widths}."
        )
    if model.latent_input == "state" and model.decoder == "causal_transformer":
        raise InputError(
            "model.latent_input='state' is of recurrent layers, which model.decoder="
            "'causal_transformer' has not; choose 'steps' or 'prefix'."
        )
    for key in ("dropout", "word_dropout"):
        if model[key] and config.objective.backward_samples:
            raise InputError(
                f"model.{key}={model[key]} drops others in the pass that objective."
                f"backward_samples={config.objective.backward_samples} adds; leave one at 0."
            )


CONFIG: tuple[Callable[[ConfigDict], None], ...] = (
    *STEPS,
    _noise_or_draws,
    _settings_of_data,
    _groups_of_samples,
    _schedule_of_beta,
    _rewarded_mismatch,
    _scale_of_levels,
    _two_dimensions,
    _layers,
    _ladder,
    _gan,
    _features,
    lambda config: check_mean_of_causal(config, causal=config.model.decoder in CAUSAL),
    _semi_supervised,
    _priors,
    _sequences,
    _causal_decoders,
    _weights_installed,
)
