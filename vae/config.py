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
    "model.name": ("vae",),
    "model.condition": ("none", "label"),
    "model.encoder": ("mlp", "conv"),
    "model.decoder": ("mlp", "conv"),
    "model.posterior": ("gaussian",),
    "model.prior": ("standard_normal",),
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
    "model.scale": ("fixed", "learned", "per_pixel", "optimal"),
    "model.output_bias": ("zeros", "data"),
    "model.activation": ("relu", "gelu", "silu", "tanh", "softplus", "leaky_relu"),
    "model.dtype": ("float32", "bfloat16"),
    "objective.name": ("elbo",),
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
    data.crop = (0, 0)  # height, width of the centre to cut out first; (0, 0) cuts nothing
    data.image_size = (0, 0)  # height, width to resize to; (0, 0) keeps the source's
    data.channels = 0  # 1 grey, 3 colour; 0 keeps the source's
    data.binarize = "none"  # none, dynamic (a Bernoulli draw of the grey values at every visit)
    data.flip = False  # mirror at random, left to right
    data.dequantize = False  # add uniform noise of one level's width
    data.device_bytes = 2 * 1024**3  # a larger data set is read ahead from files by threads
    data.threads = 4

    config.model = model = ml_collections.ConfigDict()
    model.name = "vae"
    model.condition = "none"  # none, label: what encoder and decoder are also given
    model.encoder = "mlp"  # mlp, conv
    model.encoder_widths = (512,)  # of the hidden layers; of the stride-2 convolutions
    model.decoder = "mlp"
    model.decoder_widths = (512,)
    model.activation = "relu"  # relu, gelu, silu, tanh, softplus, leaky_relu
    model.latent_dim = 16
    model.posterior = "gaussian"
    model.prior = "standard_normal"
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
    model.dtype = "float32"  # of the networks' arithmetic: float32, bfloat16

    config.objective = objective = ml_collections.ConfigDict()
    objective.name = "elbo"
    objective.beta = 1.0
    objective.beta_warmup_steps = 0  # beta rises linearly from 0 over so many steps
    objective.free_bits = 0.0  # nats per latent dimension, on the batch mean
    objective.num_samples = 1  # K

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

    config.training = training = ml_collections.ConfigDict()
    training.steps = 1000
    training.steps_per_call = 1  # steps in one compiled call; more pays on an accelerator
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


POSITIVE = (
    "data.batch_size",
    "data.device_bytes",
    "data.threads",
    "model.latent_dim",
    "model.scale_init",
    "model.likelihood_components",
    "objective.num_samples",
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
    "data.channels",
    "objective.beta",
    "objective.beta_warmup_steps",
    "objective.free_bits",
    "optimizer.warmup_steps",
    "optimizer.weight_decay",
    "optimizer.clip_norm",
    "evaluation.every_steps",
    "evaluation.seed",
    "checkpoint.every_steps",
    "log.images_every_steps",
    "log.num_images",
)
BELOW_ONE = ("optimizer.b1", "optimizer.b2", "training.ema_decay")


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
    for key in ("model.encoder_widths", "model.decoder_widths"):
        widths = get(config, key)
        if not all(isinstance(width, int) and width > 0 for width in widths):
            raise InputError(f"{key}={widths} must be a tuple of numbers greater than 0.")
    _check_combinations(config)


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
    if config.optimizer.weight_decay and config.optimizer.name != "adamw":
        raise InputError(
            f"optimizer.weight_decay={config.optimizer.weight_decay} has an effect only "
            "with optimizer.name='adamw'."
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
