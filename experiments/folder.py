"""A convolutional VAE on a folder of your own images.

Any size, grey or colour; subfolders are labels. Images are cropped in the middle to the shape of
`data.image_size` and resized.

    python launch.py train --config=experiments/folder.py --config.data.path=DIR
    python launch.py train --config=experiments/folder.py --config.data.path=DIR \\
        --config.data.image_size='(96, 128)' --config.data.channels=1
"""

import ml_collections

from vae.config import base


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data.name = ""
    config.data.image_size = (64, 64)
    config.data.channels = 3
    config.data.train = "train[:80%]"
    config.data.valid = "train[80%:90%]"
    config.data.test = "train[90%:]"
    config.data.batch_size = 64
    config.data.flip = True

    config.model.encoder = "conv"
    config.model.encoder_widths = (32, 64, 128, 256)
    config.model.decoder = "conv"
    config.model.decoder_widths = (256, 128, 64, 32)
    config.model.latent_dim = 128
    config.model.likelihood = "gaussian"
    config.model.scale = "optimal"

    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 200
    config.training.steps = 10_000
    config.training.ema_decay = 0.999

    config.evaluation.every_steps = 1_000
    config.evaluation.batch_size = 64
    config.checkpoint.every_steps = 1_000
    config.log.images_every_steps = 500
    return config
