"""The configuration of an experiment: every key, every default, and what makes a value valid.

One file under `experiments/` is one experiment: its `get_config()` takes `base()` and changes what
it is about. `base()` is the only place with defaults. `validate()` refuses, before anything is
written or compiled, what cannot work.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from typing import Any

import ml_collections

from vae.errors import InputError

# A run may be continued with these keys changed; any other difference is a different experiment.
RESUMABLE = (
    "training.steps",
    "evaluation",
    "checkpoint",
    "log",
    "data.path",
    "data.manual_dir",
    "data.device_bytes",
    "data.threads",
)

CHOICES = {
    "data.binarize": ("none", "dynamic"),
    "model.name": ("vae", "two_layer", "ladder", "vq", "fsq", "semi_supervised"),
    "model.condition": ("none", "label"),
    "model.encoder": ("mlp", "gated_mlp", "conv", "resnet", "grid"),
    "model.decoder": ("mlp", "gated_mlp", "conv", "resnet", "grid"),
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
    "model.scale": ("fixed", "learned", "per_pixel", "optimal"),
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
    "optimizer.name": ("adam", "adamw"),
    "optimizer.schedule": ("constant", "cosine", "linear"),
}

# The scales that a likelihood takes; any other takes none and leaves model.scale at its default.
SCALES = {
    "gaussian": ("fixed", "learned", "per_pixel", "optimal"),
    "laplace": ("fixed", "learned", "per_pixel", "optimal"),
    "discretized_logistic": ("fixed", "learned", "per_pixel"),
}


def base() -> ml_collections.ConfigDict:
    """Returns the configuration with every default, locked against unknown keys."""
    config = ml_collections.ConfigDict()
    config.seed = 0  # of the weights and the noise; the order of the data has data.seed

    config.data = data = ml_collections.ConfigDict()
    data.name = "digits"  # "digits" (embedded) or any image dataset of tensorflow-datasets
    data.path = ""  # local idx, .amat or .npz files, or a folder of images, instead of `name`
    data.manual_dir = ""  # files downloaded by hand, for tensorflow-datasets to prepare from
    data.train = "train[:80%]"  # splits: a name and a slice, in examples or per cent
    data.valid = "train[80%:90%]"
    data.test = "train[90%:]"
    data.batch_size = 128  # over all devices
    data.seed = 0
    data.labelled = 0  # training images that keep their label, evenly over classes; 0 keeps all
    data.crop = (0, 0)  # height, width of the centre to cut out first; (0, 0) cuts nothing
    data.image_size = (0, 0)  # height, width to resize to; (0, 0) keeps the source's
    data.channels = 0  # 1 grey, 3 colour; 0 keeps the source's
    data.binarize = "none"  # none, dynamic (a Bernoulli draw of the grey values at every visit)
    data.flip = False  # mirror at random, left to right
    data.dequantize = False  # add uniform noise of one level's width
    data.device_bytes = 2 * 1024**3  # a larger data set is read ahead from files by threads
    data.threads = 4

    config.model = model = ml_collections.ConfigDict()
    # vae; two_layer, ladder (hierarchical); vq, fsq (discrete latents); semi_supervised (images and
    # labels).
    model.name = "vae"
    model.condition = "none"  # none, label: what encoder and decoder are also given
    model.encoder = "mlp"  # mlp, gated_mlp, conv, resnet, grid (no dense layer)
    # Of the hidden layers; of the stride-2 convolutions; of the resolutions, the image's first.
    model.encoder_widths = (512,)
    model.decoder = "mlp"
    model.decoder_widths = (512,)  # the same from z to the image
    model.blocks = 1  # layers, convolutions or residual blocks for each of these widths
    # relu, gelu, silu, tanh, softplus, leaky_relu; a gated_mlp has its gates instead.
    model.activation = "relu"
    # Numbers; of a categorical posterior variables; of a ladder, at each place of a group's grid;
    # of vq, of each code.
    model.latent_dim = 16
    model.top_dim = 16  # of two_layer: of the upper latent
    model.top_widths = (64,)  # of two_layer: of the networks between the two latents, from below
    # Of a ladder: latent groups on each grid, from the smallest up to the finest, each grid half as
    # high and wide as the next; as many as encoder_widths (which start with the finest grid's) and
    # decoder_widths (with the smallest's); `blocks` residual blocks for each group and path.
    model.groups = (1,)
    model.stem_stride = 1  # of a ladder: by which the finest grid is smaller than the image
    # gaussian, full_gaussian, planar, sylvester, iaf, vmf, categorical; point (an autoencoder
    # without noise: no bounds).
    model.posterior = "gaussian"
    model.posterior_flows = 4  # transformations of a planar, sylvester or iaf posterior
    model.posterior_width = 64  # of the hidden layers, and the context, of an iaf posterior
    model.categories = 10  # of each variable of a categorical posterior or prior
    model.temperature = 0.5  # of a categorical posterior's relaxed samples in training
    model.straight_through = False  # rounds them to one-hot vectors, with the relaxed gradient
    # mixture, vamp, exemplar, conditional, coupling, maf; uniform_sphere is the prior of a vmf
    # posterior, uniform_categorical that of a categorical one.
    model.prior = "standard_normal"
    model.prior_components = 100  # of a mixture; images that a vamp or exemplar prior is made of
    model.prior_flows = 4  # layers of a coupling or maf prior
    model.prior_widths = (128, 128)  # of the hidden layers in each of them
    # Of values 0 and 1: bernoulli. Of grey values: continuous_bernoulli, gaussian, laplace. Of
    # levels: discretized_logistic, mixture_of_logistics, categorical. Of counts: poisson,
    # negative_binomial.
    model.likelihood = "bernoulli"
    # Of a gaussian, laplace or discretized_logistic: fixed, learned (one number), per_pixel (from
    # the decoder), optimal (one number in closed form; not of a discretized_logistic).
    model.scale = "learned"
    model.scale_init = 0.1  # in units of x; the value of a fixed scale
    model.likelihood_components = 10  # of a mixture_of_logistics
    model.output_bias = "data"  # the decoder's first mean: zeros (0.5), data (the mean image)
    model.regularizer = "none"  # of the decoder: none, l2, gradient_penalty
    model.regularizer_weight = 1e-3
    model.codebook_size = 512  # of vq
    model.commitment = 0.25  # of vq: weight of the distance from what is encoded to its code
    model.levels = (8, 5, 5, 5)  # of fsq: of each number of a code
    model.num_latents = 16  # of vq, fsq: codes of an image, where the encoder is not a grid
    model.transformer_width = 128  # of vq, fsq: of the prior
    model.transformer_layers = 2
    model.classification_weight = 10.0  # of semi_supervised, for each labelled image
    model.dtype = "float32"  # of the networks' arithmetic: float32, bfloat16

    config.objective = objective = ml_collections.ConfigDict()
    objective.name = "elbo"  # the table of vae/probability/objectives says what each one reads
    objective.num_samples = 1  # K
    objective.beta = 1.0  # of the KL, by objectives that have one; beta_tc: of the correlation
    objective.beta_schedule = "linear"  # linear, cosine; cyclical rises, holds as long, and again
    objective.beta_warmup_steps = 0  # beta rises from 0 over so many steps
    objective.free_bits = 0.0  # elbo: nats per latent dimension or group, on the batch mean
    objective.capacity = 25.0  # capacity: nats that the KL is drawn to
    objective.capacity_steps = 0  # they rise linearly from 0 over so many steps
    objective.groups = 1  # miwae, piwae: M groups of num_samples / M
    objective.ciwae_weight = 0.5  # ciwae: of the ELBO; the rest is of IWAE
    objective.mi_weight = 1.0  # beta_tc: of the mutual information of x and z
    objective.dimwise_weight = 1.0  # beta_tc: of the KL of each dimension
    objective.dip_diagonal = 10.0  # dip_i, dip_ii: of the squares of diagonal less 1
    objective.dip_off_diagonal = 10.0  # dip_i, dip_ii: of the squares off the diagonal
    objective.mmd_weight = 10.0  # info_vae, wae: lambda
    objective.alpha = 0.0  # info_vae: the KL counts 1 - alpha, the MMD alpha + mmd_weight - 1
    objective.kernel = "imq"  # info_vae, wae: rbf, imq

    config.optimizer = optimizer = ml_collections.ConfigDict()
    optimizer.name = "adam"  # adam, adamw
    optimizer.learning_rate = 1e-3
    optimizer.schedule = "constant"  # constant, cosine, linear: to 0 at training.steps
    optimizer.warmup_steps = 0
    optimizer.b1 = 0.9
    optimizer.b2 = 0.999
    optimizer.eps = 1e-8
    optimizer.weight_decay = 0.0  # of adamw
    optimizer.clip_norm = 0.0  # of the global gradient norm; 0 does not clip
    optimizer.skip_norm = 0.0  # updates with a larger gradient norm are skipped; 0 skips none

    config.training = training = ml_collections.ConfigDict()
    training.steps = 1000
    training.steps_per_call = 1  # steps in one compiled call; on a CPU more pays for dense networks
    training.accumulate = 1  # micro-batches a step's gradient is averaged over
    training.ema_decay = 0.0  # of the averaged weights, which are then evaluated; 0 has none
    training.max_nonfinite = 20  # skipped updates in a row before going back to a checkpoint
    training.retry_scale = 0.3  # of the learning rate after going back

    config.evaluation = evaluation = ml_collections.ConfigDict()
    evaluation.every_steps = 1000  # on the validation set
    evaluation.batch_size = 250
    evaluation.num_samples = 100  # K of the test NLL
    evaluation.max_bytes = 8 * 1024**2  # decoded in one call: a CPU's cache; accelerators like more
    evaluation.seed = 0

    config.checkpoint = checkpoint = ml_collections.ConfigDict()
    checkpoint.every_steps = 1000
    checkpoint.max_to_keep = 2  # the latest; the best by valid/elbo is kept beside them

    config.log = log = ml_collections.ConfigDict()
    log.every_steps = 100
    log.images_every_steps = 1000
    log.num_images = 64
    log.tensorboard = True
    return config.lock()


COUPLED = ("beta_tc", "dip_i", "dip_ii", "info_vae", "wae")  # objectives of a batch, not an example

POSITIVE = (
    "data.batch_size",
    "data.device_bytes",
    "data.threads",
    "model.blocks",
    "model.latent_dim",
    "model.prior_components",
    "model.prior_flows",
    "model.posterior_flows",
    "model.posterior_width",
    "model.categories",
    "model.temperature",
    "model.top_dim",
    "model.stem_stride",
    "model.codebook_size",
    "model.num_latents",
    "model.transformer_width",
    "model.transformer_layers",
    "model.scale_init",
    "model.likelihood_components",
    "objective.num_samples",
    "objective.groups",
    "optimizer.learning_rate",
    "optimizer.eps",
    "training.steps",
    "training.steps_per_call",
    "training.accumulate",
    "training.max_nonfinite",
    "training.retry_scale",
    "evaluation.batch_size",
    "evaluation.num_samples",
    "evaluation.max_bytes",
    "checkpoint.max_to_keep",
    "log.every_steps",
)
NOT_NEGATIVE = (
    "seed",
    "data.seed",
    "data.labelled",
    "data.channels",
    "model.classification_weight",
    "model.commitment",
    "model.regularizer_weight",
    "objective.beta",
    "objective.beta_warmup_steps",
    "objective.free_bits",
    "objective.capacity",
    "objective.capacity_steps",
    "objective.ciwae_weight",
    "objective.mi_weight",
    "objective.dimwise_weight",
    "objective.dip_diagonal",
    "objective.dip_off_diagonal",
    "objective.mmd_weight",
    "objective.alpha",
    "optimizer.warmup_steps",
    "optimizer.weight_decay",
    "optimizer.clip_norm",
    "optimizer.skip_norm",
    "evaluation.every_steps",
    "evaluation.seed",
    "checkpoint.every_steps",
    "log.images_every_steps",
    "log.num_images",
)
UNREAD = {  # keys of `model` in which a model has nothing to choose
    "vae": ("top_dim", "top_widths", "groups", "stem_stride"),
    "two_layer": ("condition", "posterior", "prior", "regularizer", "groups", "stem_stride"),
    "ladder": (
        *("condition", "posterior", "prior", "regularizer"),
        *("encoder", "decoder", "top_dim", "top_widths"),
    ),
}
BELOW_ONE = ("optimizer.b1", "optimizer.b2", "training.ema_decay")
AT_MOST_ONE = ("objective.ciwae_weight", "objective.alpha")


def validate(config: ml_collections.ConfigDict) -> None:
    """Checks what can be known without the data and the devices.

    Raises:
      InputError: a value is out of its range, or two do not go together.
    """
    reference = base()
    _check_keys(config, reference)
    for key, allowed in CHOICES.items():
        if (value := get(config, key)) not in allowed:
            raise InputError(f"{key}={value!r} must be one of {', '.join(allowed)}.")
    for key in POSITIVE:
        if not 0 < (value := get(config, key)) < math.inf:
            raise InputError(f"{key}={value} must be greater than 0 and finite.")
    for key in NOT_NEGATIVE:
        if not 0 <= (value := get(config, key)) < math.inf:
            raise InputError(f"{key}={value} must be finite and not negative.")
    for key in BELOW_ONE:
        if not 0 <= (value := get(config, key)) < 1:
            raise InputError(f"{key}={value} must be at least 0 and below 1.")
    for key in AT_MOST_ONE:
        if (value := get(config, key)) > 1:
            raise InputError(f"{key}={value} must be at most 1.")
    for key in ("encoder_widths", "decoder_widths", "prior_widths", "top_widths"):
        widths = config.model[key]
        if not all(isinstance(width, int) and width > 0 for width in widths):
            raise InputError(f"model.{key}={widths} must be a tuple of numbers greater than 0.")
    if not all(isinstance(n, int) and n > 1 for n in config.model.levels):
        raise InputError(f"model.levels={config.model.levels} must be a tuple of numbers above 1.")
    _check_combinations(config)
    _check_model(config.model, reference.model)


def _check_keys(config: ml_collections.ConfigDict, reference: ml_collections.ConfigDict) -> None:
    """Refuses keys that `base()` lacks, or that lack in `config`."""
    given, known = set(flatten(config)), set(flatten(reference))
    if unknown := sorted(given - known):
        close = difflib.get_close_matches(unknown[0], known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        raise InputError(f"{unknown[0]} is not a key of the configuration{hint}")
    if missing := sorted(known - given):
        raise InputError(f"{missing[0]} is missing; start from vae.config.base().")


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
    likelihood, scale = config.model.likelihood, config.model.scale
    if scale not in (scales := SCALES.get(likelihood, (base().model.scale,))):
        raise InputError(
            f"model.scale={scale!r} does not go with model.likelihood={likelihood!r}: choose "
            f"{' or '.join(scales)}."
        )
    components = config.model.likelihood_components
    if likelihood != "mixture_of_logistics" and components != base().model.likelihood_components:
        raise InputError(
            f"model.likelihood_components={components} has an effect only with "
            "model.likelihood='mixture_of_logistics'."
        )
    if config.model.posterior == "vmf" and config.model.latent_dim < 2:
        raise InputError(
            "model.posterior='vmf' lies on a sphere, so model.latent_dim must be at least 2."
        )
    if config.optimizer.weight_decay and config.optimizer.name != "adamw":
        raise InputError(
            f"optimizer.weight_decay={config.optimizer.weight_decay} has an effect only "
            "with optimizer.name='adamw'."
        )


def _check_model(config: ml_collections.ConfigDict, reference: ml_collections.ConfigDict) -> None:
    groups = config.groups
    if not all(isinstance(n, int) and n >= 0 for n in groups) or sum(groups) == 0:
        raise InputError(f"model.groups={groups} must be a tuple of numbers, not all of them 0.")
    for key in UNREAD.get(config.name, ()):
        if config[key] != reference[key]:
            raise InputError(
                f"model.{key}={config[key]!r} has no effect with model.name={config.name!r}."
            )
    grids = {len(groups), len(config.encoder_widths), len(config.decoder_widths)}
    if config.name == "ladder" and len(grids) > 1:
        raise InputError(
            f"model.groups={groups}, model.encoder_widths={config.encoder_widths} and "
            f"model.decoder_widths={config.decoder_widths} must have one number for each grid."
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


def get(config: ml_collections.ConfigDict, key: str) -> Any:
    """The value at a dotted key."""
    for name in key.split("."):
        config = config[name]
    return config


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} to {"a.b": 1}."""
    flat = {}
    for name, value in config.items():
        key = prefix + name
        nested = isinstance(value, Mapping | ml_collections.ConfigDict)
        flat |= flatten(value, key + ".") if nested else {key: value}
    return flat


def to_dict(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The configuration as JSON would give it back (tuples as lists)."""
    return json.loads(config.to_json())


def from_dict(values: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """The configuration that `to_dict` was given.

    Raises:
      InputError: a key is unknown or missing.
    """
    config = base()
    _check_keys(ml_collections.ConfigDict(values), config)
    for key, value in flatten(values).items():
        section, name = _parent(config, key)
        section[name] = tuple(value) if isinstance(value, list) else value
    return config


def _parent(config: ml_collections.ConfigDict, key: str) -> tuple[ml_collections.ConfigDict, str]:
    path, _, name = key.rpartition(".")
    return (get(config, path) if path else config), name


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Dotted keys in which two configs (as from `to_dict`) differ, each with "old -> new"."""
    old, new = flatten(old), flatten(new)
    absent = "(absent)"
    return {
        key: f"{old.get(key, absent)!r} -> {new.get(key, absent)!r}"
        for key in sorted(old | new)
        if old.get(key, absent) != new.get(key, absent)
    }


def resumable(key: str) -> bool:
    """Whether a run may go on with another value of this dotted key."""
    return any(key == allowed or key.startswith(allowed + ".") for allowed in RESUMABLE)
