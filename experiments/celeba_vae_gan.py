"""A VAE-GAN on CelebA's faces: the likelihood is of a discriminator's features, not of pixels.

Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016. The networks
and data of celeba_gan.py, with an encoder; DIR is as for celeba_vae.py:

    python launch.py train --config=experiments/celeba_vae_gan.py --config.data.path=DIR

In training, `reconstruction` and `elbo` are about the features; in an evaluation they are about the
pixels, with the one standard deviation that is best for them, so that figures compare with those of
a VAE. `model.adversarial_weight` is the 1 / gamma of the paper.

2026-11-21, one core of an AMD EPYC beside other work, 10,000 faces at half size, 1,000 steps with
`--config.model.r1_weight=0.1 --config.optimizer.learning_rate=5e-4`: 7.123 +- 0.007 bits per
dimension (K = 20). Its samples, from N(0, I), are sharper than a VAE's, a third of them misshapen.
"""

import ml_collections

from vae.experiments import celeba_gan

PUBLISHED = {"": ("test/bits_per_dim", None, "")}


def get_config() -> ml_collections.ConfigDict:
    config = celeba_gan.get_config()
    config.data.dequantize = True
    config.model.name = "vae"
    config.model.encoder = "conv"
    config.model.encoder_widths = (32, 64, 128, 256)
    config.model.likelihood = "gaussian"
    config.model.scale = "optimal"
    config.model.similarity = True
    config.model.adversarial_weight = 100.0
    config.optimizer.discriminator_learning_rate = 0.0
    return config
