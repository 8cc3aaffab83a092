"""What goes together, asked as early as it can be told, and refused in one sentence.

    check_config    of the configuration alone, before anything is read or compiled

What a part alone can tell, as which values a likelihood takes, the part is asked.
"""

from __future__ import annotations

from collections.abc import Callable

import ml_collections

from vae.config import check_values, get
from vae.config.axes.sets import EMBEDDED
from vae.config.own import is_own
from vae.config.reads import check_read, is_read
from vae.config.values import LAYERS
from vae.errors import InputError

Config = ml_collections.ConfigDict

CAUSAL = ("causal_transformer", "lstm", "gru")  # decoders that read the example
COUPLED = ("beta_tc", "dip_i", "dip_ii", "info_vae", "wae")  # objectives of a batch, not an example
UNTRAINED = ("fixed", "optimal")  # scales that are not learned by gradient
OF_MEAN = {  # what asks for an x as a function of z alone, which slopes go through
    "model.name": ("gan",),
    "model.adversary": ("images",),
    "model.image_loss": ("ms_ssim", "perceptual"),
    "model.regularizer": ("gradient_penalty",),
}


def check_config(config: Config) -> None:
    """Checks what can be known without the data and the devices.

    Raises:
      InputError: a value is out of its range, or two do not go together.
    """
    check_values(config)
    check_read(config)
    for rule in CONFIG:
        rule(config)


def _steps_of_a_call(config: Config) -> None:
    per_call = config.training.steps_per_call
    for key in (
        "training.steps",
        "log.every_steps",
        "log.images_every_steps",
        "evaluation.every_steps",
        "checkpoint.every_steps",
    ):
        if (value := get(config, key)) % per_call:
            raise InputError(
                f"{key}={value} must be a multiple of training.steps_per_call={per_call}."
            )


def _micro_batches(config: Config) -> None:
    batch_size, accumulate = config.data.batch_size, config.training.accumulate
    if batch_size % accumulate:
        raise InputError(
            f"data.batch_size={batch_size} must be a multiple of training.accumulate={accumulate}."
        )
    if batch_size > accumulate:
        return
    for key, those in {"objective.name": COUPLED, "model.adversary": ("factors",)}.items():
        if (value := get(config, key)) in those:
            raise InputError(
                f"{key}={value!r} compares the examples of a batch, so data.batch_size / "
                "training.accumulate must be at least 2."
            )


def _settings_of_data(config: Config) -> None:
    data = config.data
    own = is_own(data.name) and data.name.partition(":")[0] not in EMBEDDED and not data.path
    if data.settings and not own:
        raise InputError(
            f"data.settings.{next(iter(data.settings))} has no effect with data.name={data.name!r} "
            f"and data.path={data.path!r}, only with a function of your own as data.name."
        )


def _whole_matrices(config: Config) -> None:
    if config.optimizer.name == "muon" and config.training.shard_state:
        raise InputError(
            "optimizer.name='muon' needs whole matrices, which training.shard_state=True spreads "
            "over the devices; choose 'adam'."
        )


def _groups_of_samples(config: Config) -> None:
    objective = config.objective
    if objective.num_samples % objective.groups:
        raise InputError(
            f"objective.num_samples={objective.num_samples} must be a multiple of "
            f"objective.groups={objective.groups}."
        )


def _schedule_of_beta(config: Config) -> None:
    objective = config.objective
    if objective.beta_schedule != "linear" and not objective.beta_warmup_steps:
        raise InputError(
            f"objective.beta_schedule={objective.beta_schedule!r} has no effect with "
            "objective.beta_warmup_steps=0."
        )


def _rewarded_mismatch(config: Config) -> None:
    objective = config.objective
    if objective.name == "info_vae" and objective.alpha + objective.mmd_weight < 1:
        raise InputError(
            f"objective.alpha={objective.alpha} + objective.mmd_weight={objective.mmd_weight} must "
            "be at least 1, or objective.name='info_vae' would reward a mismatch."
        )


def _scale_of_levels(config: Config) -> None:
    scale = config.model.scale
    if config.model.likelihood == "discretized_logistic" and scale in ("per_channel", "optimal"):
        raise InputError(
            f"model.scale={scale!r} does not go with model.likelihood='discretized_logistic': "
            "choose fixed or learned or per_pixel."
        )


def _sphere(config: Config) -> None:
    if config.model.posterior == "vmf" and config.model.latent_dim < 2:
        raise InputError(
            "model.posterior='vmf' lies on a sphere, so model.latent_dim must be at least 2."
        )


def _layers(config: Config) -> None:
    model = config.model
    for key in ("encoder_widths", "decoder_widths"):
        if model.blocks * len(model[key]) > LAYERS:
            raise InputError(
                f"model.blocks={model.blocks} for each of the {len(model[key])} numbers of "
                f"model.{key} are more than {LAYERS} layers."
            )


def _ladder(config: Config) -> None:
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


def _gan(config: Config) -> None:
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


def _scale_of_features(config: Config) -> None:
    model = config.model
    scaled = is_read(config, "model.scale") and model.scale not in UNTRAINED
    if model.similarity and scaled:
        raise InputError(
            f"model.similarity trains on features, which leaves model.scale={model.scale!r} "
            f"untrained: choose {' or '.join(UNTRAINED)}."
        )


def _mean_of_causal(config: Config) -> None:
    decoder = config.model.decoder
    for key, users in OF_MEAN.items():
        if decoder in CAUSAL and (value := get(config, key)) in users:
            raise InputError(
                f"{key}={value!r} needs an x that follows smoothly from z alone, but "
                f"model.decoder={decoder!r} makes it value after value; choose another decoder."
            )


CONFIG: tuple[Callable[[Config], None], ...] = (
    _steps_of_a_call,
    _micro_batches,
    _settings_of_data,
    _whole_matrices,
    _groups_of_samples,
    _schedule_of_beta,
    _rewarded_mismatch,
    _scale_of_levels,
    _sphere,
    _layers,
    _ladder,
    _gan,
    _scale_of_features,
    _mean_of_causal,
)
