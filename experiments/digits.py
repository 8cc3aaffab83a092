"""An MLP VAE on scikit-learn's handwritten digits: real data with nothing to download.

python launch.py train --config=experiments/digits.py
"""

import ml_collections

from vae.config import base


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "digits"
    config.data.batch_size = 128
    config.model.encoder_widths = (256, 256)
    config.model.decoder_widths = (256, 256)
    config.model.latent_dim = 16
    config.model.likelihood = "discretized_logistic"
    config.optimizer.schedule = "cosine"
    config.training.steps = 3000
    config.training.ema_decay = 0.99
    config.evaluation.num_samples = 1000
    return config
