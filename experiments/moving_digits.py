"""Digits that move and bounce: frames are encoded apart, and the prior says what follows.

    p(x, w, z) = p(w) prod_t p(z_t | z_<t) p(x_t | w, z_t)
    q(w, z | x) = q(w | x_1) prod_t q(z_t | x_t)

w says which digit it is, z_t where it is. p(z) is of GRU layers (Chung et al. 2015, with latents
that are encoded apart) or, with `:linear`, a linear Gaussian state space, whose p(z) the Kalman
filter gives (Fraccaro et al. 2017, with one transition). Clips of 16 frames of 32x32 are drawn as
they are read; `vae/modalities/video/drawn.py` lists the factors.

    python launch.py train --config=experiments/moving_digits.py
    python launch.py predict --workdir=runs/moving_digits --first=5 --num=100

    python launch.py train --config=experiments/moving_digits.py:linear
    python launch.py predict --workdir=runs/linear --every=3

2026-11-28, AMD EPYC, one seed: 137 s on two quiet cores, with start and evaluation. Frames 6 to 16
of 100 test clips, 20 samples of each:

|             | mean of samples | a sample | best sample | the last frame |
|-------------|-----------------|----------|-------------|----------------|
| PSNR, dB    | 21.2            | 19.5     | 22.6        | 13.0           |
| SSIM        | 0.754           | 0.712    | 0.848       | 0.342          |

by `predict` as above, with --samples=20; frames of reconstructions have 25.5 dB. A plain recurrent
network is beside these in `experiments/benchmarks/README.md`. With objective.beta=1 the mean has
20.9 dB: the KL is small beside the density of 16,384 pixels, and what its weight of 10 buys are
latents that can be foreseen.
"""

from typing import Literal

import ml_collections

from vae.config import base

PRIORS = {"recurrent": (256,), "linear": (32,)}


def get_config(prior: Literal["recurrent", "linear"] = "recurrent") -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "moving_digits"
    config.data.train = "train[:20000]"
    config.data.valid = "valid[:500]"
    config.data.test = "test[:500]"
    config.data.batch_size = 16

    config.model.encoder = "per_frame"
    config.model.encoder_widths = (16, 32, 64)
    config.model.decoder = "per_frame"
    config.model.decoder_widths = (64, 32, 16)
    config.model.latent_channels = 28  # numbers for each frame
    config.model.static_channels = 24  # which digit it is; the others, where it is
    config.model.prior = "linear_dynamics" if prior == "linear" else prior
    config.model.prior_widths = PRIORS[prior]
    config.model.likelihood = "gaussian"
    config.model.scale = "optimal"
    config.objective.beta = 10.0  # so that latents can be foreseen

    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 100
    config.training.steps = 2_000
    config.training.ema_decay = 0.99

    config.evaluation.every_steps = 1_000
    config.evaluation.num_samples = 10
    config.checkpoint.every_steps = 1_000
    config.log.images_every_steps = 1_000
    config.log.num_images = 8
    return config
