"""A VAE of sentences about Python: text with nothing to download."""

import ml_collections

from vae.config import base


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "topics"
    config.data.train = "train[:80%]"
    config.data.valid = "train[80%:90%]"
    config.data.test = "train[90%:]"
    config.data.tokens = "bpe"
    config.data.vocabulary = 1_500
    config.data.max_length = 64
    config.data.batch_size = 32

    config.model.encoder = "lstm"
    config.model.encoder_widths = (128,)
    config.model.decoder = "lstm"
    config.model.decoder_widths = (256,)
    config.model.latent_dim = 16
    config.model.likelihood = "categorical"
    config.model.dropout = 0.3
    config.model.word_dropout = 0.2
    config.objective.free_bits = 0.25

    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.clip_norm = 5.0
    config.training.steps = 1_200
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 400
    config.evaluation.num_samples = 20
    config.checkpoint.every_steps = 400
    config.log.every_steps = 100
    config.log.images_every_steps = 400
    config.log.num_images = 8
    return config
