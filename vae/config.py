"""The configuration of an experiment: every key, every default, and what makes a value valid.

One file under `experiments/` is one experiment: its `get_config()` takes `base()` and changes what it
is about. `base()` is the only place with defaults. `validate()` refuses, before anything is written or
compiled, what cannot work.
"""

from __future__ import annotations

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
    "model.encoder": ("mlp", "conv"),
    "model.decoder": ("mlp", "conv"),
    "model.posterior": ("gaussian",),
    "model.prior": ("standard_normal",),
    "model.likelihood": ("bernoulli", "gaussian", "discretized_logistic"),
    "model.scale": ("fixed", "learned", "optimal"),
    "model.output_bias": ("zeros", "data"),
    "model.activation": ("relu", "gelu", "silu", "tanh", "softplus", "leaky_relu"),
    "model.dtype": ("float32", "bfloat16"),
    "objective.name": ("elbo",),
    "optimizer.name": ("adam", "adamw"),
    "optimizer.schedule": ("constant", "cosine", "linear"),
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
    model.encoder = "mlp"  # mlp, conv
    model.encoder_widths = (512,)  # of the hidden layers; of the stride-2 convolutions
    model.decoder = "mlp"
    model.decoder_widths = (512,)
    model.activation = "relu"  # relu, gelu, silu, tanh, softplus, leaky_relu
    model.latent_dim = 16
    model.posterior = "gaussian"
    model.prior = "standard_normal"
    model.likelihood = "bernoulli"  # bernoulli, gaussian, discretized_logistic
    model.scale = "learned"  # of a gaussian or logistic likelihood: fixed, learned, optimal
    model.scale_init = 0.1  # in units of x; the value of a fixed scale
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
    evaluation.max_bytes = 256 * 1024**2  # decoded images held at once; bounds K x batch a call
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
