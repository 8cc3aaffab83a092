"""A tiny experiment that every whole-run test starts from."""

import ml_collections

from vae.config import base

# No validation, and a checkpoint after the last step alone: for tests of neither.
QUIET = {"evaluation__every_steps": 0, "checkpoint__every_steps": 20}


def tiny(**overrides) -> ml_collections.ConfigDict:
    """An MLP VAE on the digits, 20 steps; `overrides` are dotted keys with __ for the dots."""
    config = base()
    config.data.batch_size = 32
    config.model.encoder_widths = (16,)
    config.model.decoder_widths = (16,)
    config.model.latent_dim = 4
    config.model.likelihood = "discretized_logistic"
    config.training.steps = 20
    config.training.ema_decay = 0.9
    config.evaluation.every_steps = 10
    config.evaluation.num_samples = 4
    config.checkpoint.every_steps = 10
    config.log.every_steps = 4
    config.log.images_every_steps = 0
    config.log.tensorboard = False
    for key, value in overrides.items():
        config.update_from_flattened_dict({key.replace("__", "."): value})
    return config
