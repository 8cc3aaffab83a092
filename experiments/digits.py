"""An MLP VAE on scikit-learn's handwritten digits: real data with nothing to download.

1,797 images of 8x8 pixels with 17 levels, so that the likelihood is discrete (discretized logistic)
and bits per dimension are those of the data (Kingma & Welling 2014; digits by E. Alpaydin and
C. Kaynak, UCI).

    python launch.py train --config=experiments/digits.py
    python launch.py sweep --config=experiments/digits.py --sweep=learning_rate,beta,seeds

2026-11-21, 2 cores of an AMD EPYC, 17 s with start and evaluation: test NLL 83.22 +- 0.88 nats
(K = 1000, 180 images), 1.876 bits/dim; test ELBO -87.34 +- 0.95.
"""

import ml_collections

from vae.config import base
from vae.sweeps.space import LogUniform, Space, product


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "digits"
    config.data.train = "train[:80%]"
    config.data.valid = "train[80%:90%]"
    config.data.test = "train[90%:]"
    config.data.batch_size = 128

    config.model.encoder_widths = (256, 256)
    config.model.decoder_widths = (256, 256)
    config.model.activation = "gelu"
    config.model.latent_dim = 10
    config.model.likelihood = "discretized_logistic"

    config.optimizer.schedule = "cosine"
    config.training.steps = 1_500
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 500
    config.evaluation.num_samples = 1_000
    config.checkpoint.every_steps = 500
    config.log.images_every_steps = 500
    return config


def sweep_learning_rate() -> list[dict]:
    return product({"optimizer.learning_rate": (3e-4, 1e-3, 3e-3, 1e-2)})


def sweep_beta() -> list[dict]:
    return product({"objective.beta": (0.5, 1.0)})


def sweep_seeds() -> list[dict]:
    return [{"seed": seed, "data.seed": seed} for seed in range(3)]


def space() -> Space:
    return Space(
        {
            "optimizer.learning_rate": LogUniform(1e-4, 3e-2),
            "objective.beta": LogUniform(0.25, 4.0),
        },
        maximize="valid/elbo",
    )
