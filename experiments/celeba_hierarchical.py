"""A ladder of latent groups on CelebA's faces, for sharp images and bits per dimension.

Ten groups on grids from 4x4 to 32x32, a top-down path that generation and inference share
(Kingma et al. 2016; Vahdat & Kautz, "NVAE", 2020), and for each pixel a mixture of discretized
logistics of its 256 levels (Salimans et al., "PixelCNN++", 2017). Data as in `celeba_vae.py`.

    python launch.py train --config=experiments/celeba_hierarchical.py --config.data.path=DIR

Published figures are of models many times its size, trained on all 202,599 images.

2026-11-22, one core of an AMD EPYC, 10,000 faces at half size, in batches of 16, test set, K = 2:

- 1,200 steps, 21 minutes, `model.groups=(2,3,2,1)`: 4.989 +- 0.014 bits per dimension;
  `celeba_vae.py` has 6.58 after 1,000 steps of 128. Reconstructions have 25.0 dB; samples are
  faces, rough ones.
- 3,478 steps: 3.808 +- 0.011, 31.1 dB. The first 1,328, `runs/celeba-first`, 27 minutes on two
  cores, were those of a run of 4,000 (of 5,000 until step 725; as two devices from 501 to there)
  with `objective.beta_warmup_steps=1000`, stopped; the other 2,150, 48 minutes, start from its
  weights, with `objective.free_bits=64`.

Warming beta up did harm: the finest grids encode all that is cheap, and little is left for the
coarse grids. After 1,000 steps with it the groups on 4x4 and 8x8 carried 65 nats of 2,460, and
samples were noise; after 1,200 without it 153 of 1,420, and samples were faces from step 300 on.
`launch.py evaluate` reports the nats of each group. Free bits filled the coarse groups, but with
information that was not used.
"""

import ml_collections

from vae.config import base
from vae.experiments import celeba_vae

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
