"""The Flax example's VAE on statically binarised MNIST: 784-500-20, batch 128, Adam 1e-3."""

import ml_collections

from vae.config import base


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "binarized_mnist"
    config.data.train = "train"
    config.data.valid = "valid"
    config.data.test = "test"
    config.data.batch_size = 128
    config.model.encoder_widths = (500,)
    config.model.decoder_widths = (500,)
    config.model.latent_dim = 20
    config.model.likelihood = "bernoulli"
    config.training.steps = 3906
    config.log.every_steps = 500
    config.log.images_every_steps = 0
    config.log.tensorboard = False
    return config
