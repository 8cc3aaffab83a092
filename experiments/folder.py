"""A convolutional VAE on a folder of your own images.

Any size, grey or colour; subfolders are labels, or a table has attributes (`vae/data/attributes.py`
says how). Images are cropped in the middle to the shape of `data.image_size` and resized.

    python launch.py train --config=experiments/folder.py --config.data.path=DIR
    python launch.py train --config=experiments/folder.py --config.data.path=DIR \\
        --config.data.image_size='(96, 128)' --config.data.channels=1

The scale of the pixels is fitted, so all latents are used: samples from N(0, I) become good late,
samples from a mixture fitted to the latents early:

    python launch.py sample --workdir=runs/folder --prior=mixture

2026-11-21, 2 cores of an AMD EPYC, 15 minutes beside other work for a fifth of the schedule
(`--config.training.steps=2000 --config.data.crop='(74, 74)'`) on 10,000 CelebA faces of 89x109
pixels, as a folder without its tables: log-density of the pixels in [0, 1], test ELBO 12,976 +- 92,
128 of 128 latents active; reconstructions and samples of the mixture are blurred faces, samples of
N(0, I) were none yet. That was before the mean of the latents was kept at 0: `celeba_vae.py`, which
also reads the faces' attributes, says what it does to samples.
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
