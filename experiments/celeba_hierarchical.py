"""A ladder of latent groups on CelebA's faces, for sharp images and bits per dimension.

Ten groups on grids from 4x4 to 32x32, a top-down path that generation and inference share
(Kingma et al. 2016; Vahdat & Kautz, "NVAE", 2020), and for each pixel a mixture of discretized
logistics of its 256 levels (Salimans et al., "PixelCNN++", 2017). Data as in `celeba_vae.py`.

    python launch.py train --config=experiments/celeba_hierarchical.py --config.data.path=DIR

Published figures are of models many times its size, trained on all 202,599 images.

2026-11-21, one core of an AMD EPYC beside other work, 10,000 faces at half size, 600 steps in place
of 10,000: 5.462 +- 0.011 bits per dimension (K = 2), where `celeba_vae.py` has 6.58 after 1,000.
Reconstructions are faces by then, samples not yet.
"""

import ml_collections

from experiments import celeba_vae
from vae.config import base

PUBLISHED = {
    "": ("test/bits_per_dim", 2.34, "addtt/ladder-vae-pytorch on GitHub, 20 layers"),
}


def get_config() -> ml_collections.ConfigDict:
    config = base()
    config.data = celeba_vae.get_config().data
    config.data.batch_size = 32
    config.data.dequantize = False

    config.model.name = "ladder"
    config.model.groups = (2, 3, 3, 2)
    config.model.stem_stride = 2
    config.model.encoder_widths = (32, 64, 96, 128)
    config.model.decoder_widths = (128, 96, 64, 32)
    config.model.latent_dim = 8
    config.model.activation = "silu"
    config.model.likelihood = "mixture_of_logistics"
    config.model.likelihood_components = 5

    config.objective.beta_warmup_steps = 1_000
    config.optimizer.name = "adamw"
    config.optimizer.weight_decay = 0.01
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 200
    config.optimizer.clip_norm = 200.0
    config.training.steps = 10_000
    config.training.ema_decay = 0.999

    config.evaluation.every_steps = 500
    config.evaluation.batch_size = 32
    config.evaluation.num_samples = 10
    config.checkpoint.every_steps = 500
    config.log.images_every_steps = 500
    return config
