"""What makes a configuration valid, as far as it can be told without the data and the devices."""

from __future__ import annotations

import ml_collections

from vae.config.defaults import base
from vae.config.mapping import check_keys, get
from vae.config.values import LAYERS, RULES, check, shown
from vae.errors import InputError, not_one_of

CAUSAL = ("causal_transformer", "lstm", "gru")  # decoders that read the example

CHOICES = {
    "data.binarize": ("none", "dynamic"),
    "model.name": ("vae", "two_layer", "ladder", "vq", "fsq", "semi_supervised", "gan"),
    "model.condition": ("none", "label", "attributes"),
    "model.encoder": ("mlp", "gated_mlp", "conv", "normalized_conv", "resnet", "grid"),
    "model.decoder": (
        *("mlp", "gated_mlp", "conv", "normalized_conv", "resnet", "grid"),
        *CAUSAL,
    ),
    "model.posterior": (
        "gaussian",
        "full_gaussian",
        "planar",
        "sylvester",
        "iaf",
        "vmf",
        "categorical",
        "point",
    ),
    "model.prior": (
        "standard_normal",
        "mixture",
        "vamp",
        "exemplar",
        "conditional",
        "coupling",
        "maf",
        "uniform_sphere",
        "uniform_categorical",
    ),
    "model.likelihood": (
        "bernoulli",
        "continuous_bernoulli",
        "gaussian",
        "laplace",
        "discretized_logistic",
        "mixture_of_logistics",
        "categorical",
        "poisson",
        "negative_binomial",
    ),
    "model.regularizer": ("none", "l2", "gradient_penalty"),
    "model.adversary": ("none", "images", "latents", "factors"),
    "model.gan_loss": ("non_saturating", "hinge"),
    "model.image_loss": ("none", "ms_ssim", "perceptual"),
    "model.scale": ("fixed", "learned", "per_channel", "per_pixel", "optimal"),
    "model.output_bias": ("zeros", "data"),
    "model.activation": ("relu", "gelu", "silu", "tanh", "softplus", "leaky_relu"),
    "model.dtype": ("float32", "bfloat16"),
    "objective.name": (
        *("elbo", "capacity", "stl"),
        *("iwae", "dreg", "miwae", "piwae", "ciwae"),
        *("beta_tc", "dip_i", "dip_ii", "info_vae", "wae"),
    ),
    "objective.beta_schedule": ("linear", "cosine", "cyclical"),
    "objective.kernel": ("rbf", "imq"),
    "optimizer.name": ("adam", "adamw", "muon"),
    "optimizer.schedule": ("constant", "cosine", "linear"),
}

# The scales that a likelihood takes; any other takes none and leaves model.scale at its default.
SCALES = {
    "gaussian": ("fixed", "learned", "per_channel", "per_pixel", "optimal"),
    "laplace": ("fixed", "learned", "per_channel", "per_pixel", "optimal"),
    "discretized_logistic": ("fixed", "learned", "per_pixel"),
}

# What asks for an x as a function of z alone, which slopes go through.
OF_MEAN = {
    "model.name": ("gan",),
    "model.adversary": ("images",),
    "model.image_loss": ("ms_ssim", "perceptual"),
    "model.regularizer": ("gradient_penalty",),
}

UNTRAINED = ("fixed", "optimal")  # scales that are not learned by gradient

# Keys with a use only where another one has one of these values. A key that is set and not read is
# refused: whoever set it expects something of it. `models/combinations.py` does so for objectives.
ENCODING = ("vae", "two_layer", "vq", "fsq", "semi_supervised")
LIKELIHOOD_BASED = (*ENCODING, "ladder")
ONE_LAYER = ("vae", "semi_supervised")
ADVERSARIES = ("images", "latents", "factors")
QUANTIZED = ("vq", "fsq")
FLOWS = ("planar", "sylvester", "iaf")
ONLY_WITH = {
    "data.labelled": ("model.name", ("semi_supervised",)),
    "model.condition": ("model.name", ("vae", "two_layer", "ladder", "vq", "fsq", "gan")),
    "model.encoder_told": ("model.condition", ("label", "attributes")),
    "model.encoder": ("model.name", ENCODING),
    "model.encoder_widths": ("model.name", LIKELIHOOD_BASED),
    "model.decoder": ("model.name", (*ENCODING, "gan")),
    "model.top_dim": ("model.name", ("two_layer",)),
    "model.top_widths": ("model.name", ("two_layer",)),
    "model.groups": ("model.name", ("ladder",)),
    "model.stem_stride": ("model.name", ("ladder",)),
    "model.posterior": ("model.name", ONE_LAYER),
    "model.posterior_flows": ("model.posterior", FLOWS),
    "model.posterior_width": ("model.posterior", ("iaf",)),
    "model.categories": ("model.posterior", ("categorical",)),
    "model.temperature": ("model.posterior", ("categorical",)),
    "model.straight_through": ("model.posterior", ("categorical",)),
    "model.prior": ("model.name", (*ONE_LAYER, "gan")),
    "model.prior_components": ("model.prior", ("mixture", "vamp", "exemplar")),
    "model.prior_flows": ("model.prior", ("coupling", "maf")),
    "model.prior_widths": ("model.prior", ("coupling", "maf")),
    "model.likelihood": ("model.name", LIKELIHOOD_BASED),
    "model.scale_init": ("model.name", LIKELIHOOD_BASED),
    "model.likelihood_components": ("model.likelihood", ("mixture_of_logistics",)),
    "model.regularizer": ("model.name", LIKELIHOOD_BASED),
    "model.regularizer_weight": ("model.regularizer", ("l2", "gradient_penalty")),
    "model.adversarial_weight": ("model.adversary", ADVERSARIES),
    "model.discriminator_widths": ("model.adversary", ADVERSARIES),
    "model.gan_loss": ("model.adversary", ("images", "latents")),
    "model.r1_weight": ("model.adversary", ("images", "latents")),
    "model.spectral_norm": ("model.adversary", ("images", "latents")),
    "model.similarity": ("model.adversary", ("images",)),
    "model.image_loss": ("model.name", LIKELIHOOD_BASED),
    "model.image_loss_weight": ("model.image_loss", ("ms_ssim", "perceptual")),
    "model.codebook_size": ("model.name", ("vq",)),
    "model.commitment": ("model.name", ("vq",)),
    "model.levels": ("model.name", ("fsq",)),
    "model.num_latents": ("model.name", QUANTIZED),
    "model.transformer_width": ("model.name", QUANTIZED),
    "model.transformer_layers": ("model.name", QUANTIZED),
    "model.classification_weight": ("model.name", ("semi_supervised",)),
    "optimizer.discriminator_learning_rate": ("model.adversary", ADVERSARIES),
    "optimizer.weight_decay": ("optimizer.name", ("adamw",)),
}

COUPLED = ("beta_tc", "dip_i", "dip_ii", "info_vae", "wae")  # objectives of a batch, not an example


def validate(config: ml_collections.ConfigDict) -> None:
    """Checks what can be known without the data and the devices.

    Raises:
      InputError: a value is out of its range, or two do not go together.
    """
    reference = base()
    check_keys(config, reference)
    check_values(config)
    _check_used(config, reference)
    _check_combinations(config)
    _check_model(config.model)
    _check_adversary(config.model)
    _check_causal(config)


def check_values(config: ml_collections.ConfigDict) -> None:
    """Checks each value by itself.

    Raises:
      InputError: it is none of the choices, or out of its range.
    """
    for key, allowed in CHOICES.items():
        value = get(config, key)
        if not isinstance(value, str) or value not in allowed:
            raise InputError(not_one_of(f"{key}={shown(value)}", shown(value), allowed))
    for key in RULES:
        check(key, get(config, key))


def _check_used(config: ml_collections.ConfigDict, reference: ml_collections.ConfigDict) -> None:
    """Refuses keys that are set and that nothing reads."""
    for key, (other, users) in ONLY_WITH.items():
        value, choice = get(config, key), get(config, other)
        if value != get(reference, key) and choice not in users:
            raise InputError(
                f"{key}={value!r} has no effect with {other}={choice!r}, only with "
                f"{' or '.join(users)}."
            )


def _check_combinations(config: ml_collections.ConfigDict) -> None:
    batch_size, accumulate = config.data.batch_size, config.training.accumulate
    if batch_size % accumulate:
        raise InputError(
            f"data.batch_size={batch_size} must be a multiple of training.accumulate={accumulate}."
        )
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
    _check_objective(config.objective, batch_size // accumulate)
    if config.model.adversary == "factors" and batch_size // accumulate < 2:
        raise InputError(
            "model.adversary='factors' permutes latents over a batch, so data.batch_size / "
            "training.accumulate must be at least 2."
        )
    if config.optimizer.name == "muon" and config.training.shard_state:
        raise InputError(
            "optimizer.name='muon' needs whole matrices, which training.shard_state=True spreads "
            "over the devices; choose 'adam'."
        )
    likelihood, scale = config.model.likelihood, config.model.scale
    if scale not in (scales := SCALES.get(likelihood, (base().model.scale,))):
        raise InputError(
            f"model.scale={scale!r} does not go with model.likelihood={likelihood!r}: choose "
            f"{' or '.join(scales)}."
        )
    if config.model.posterior == "vmf" and config.model.latent_dim < 2:
        raise InputError(
            "model.posterior='vmf' lies on a sphere, so model.latent_dim must be at least 2."
        )


def _check_model(config: ml_collections.ConfigDict) -> None:
    groups = config.groups
    if sum(groups) == 0:
        raise InputError(f"model.groups={groups} must be a tuple of numbers, not all of them 0.")
    for key in ("encoder_widths", "decoder_widths"):
        if config.blocks * len(config[key]) > LAYERS:
            raise InputError(
                f"model.blocks={config.blocks} for each of the {len(config[key])} numbers of "
                f"model.{key} are more than {LAYERS} layers."
            )
    if config.blocks * sum(groups) > LAYERS:
        raise InputError(
            f"model.blocks={config.blocks} for each of the {sum(groups)} groups of model.groups="
            f"{groups} are more than {LAYERS} layers."
        )
    grids = {len(groups), len(config.encoder_widths), len(config.decoder_widths)}
    if config.name == "ladder" and len(grids) > 1:
        raise InputError(
            f"model.groups={groups}, model.encoder_widths={config.encoder_widths} and "
            f"model.decoder_widths={config.decoder_widths} must have one number for each grid."
        )


def _check_adversary(config: ml_collections.ConfigDict) -> None:
    if config.name == "gan" and config.adversary != "images":
        raise InputError(
            f"model.name='gan' needs model.adversary='images', not {config.adversary!r}."
        )
    if config.name == "gan" and not config.encoder_told:
        raise InputError(
            "model.encoder_told=False has no effect with model.name='gan', which has no encoder."
        )
    if config.name == "gan" and config.similarity:
        raise InputError(
            "model.similarity=True has no effect with model.name='gan', which reconstructs nothing."
        )
    if config.similarity and config.likelihood in SCALES and config.scale not in UNTRAINED:
        raise InputError(
            f"model.similarity trains on features, which leaves model.scale={config.scale!r} "
            f"untrained: choose {' or '.join(UNTRAINED)}."
        )


def _check_causal(config: ml_collections.ConfigDict) -> None:
    decoder = config.model.decoder
    for key, users in OF_MEAN.items():
        if decoder in CAUSAL and (value := get(config, key)) in users:
            raise InputError(
                f"{key}={value!r} needs an x that follows smoothly from z alone, but "
                f"model.decoder={decoder!r} makes it value after value; choose another decoder."
            )


def _check_objective(objective: ml_collections.ConfigDict, batch_size: int) -> None:
    if objective.num_samples % objective.groups:
        raise InputError(
            f"objective.num_samples={objective.num_samples} must be a multiple of "
            f"objective.groups={objective.groups}."
        )
    if objective.beta_schedule != "linear" and not objective.beta_warmup_steps:
        raise InputError(
            f"objective.beta_schedule={objective.beta_schedule!r} has no effect with "
            "objective.beta_warmup_steps=0."
        )
    if objective.name == "info_vae" and objective.alpha + objective.mmd_weight < 1:
        raise InputError(
            f"objective.alpha={objective.alpha} + objective.mmd_weight={objective.mmd_weight} must "
            "be at least 1, or objective.name='info_vae' would reward a mismatch."
        )
    if objective.name in COUPLED and batch_size < 2:
        raise InputError(
            f"objective.name={objective.name!r} compares the examples of a batch, so "
            "data.batch_size / training.accumulate must be at least 2."
        )
