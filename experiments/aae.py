"""An adversarial autoencoder on scikit-learn's handwritten digits: no download.

Makhzani et al., "Adversarial autoencoders", 2016, with their deterministic encoder. A discriminator
of latents replaces the divergence, so objective.beta is 0.

    python launch.py train --config=experiments/aae.py

2026-11-21, 2 cores of an AMD EPYC, 130 s beside much other work: -log p(z) of the test images'
latents is 11.37 nats on average, and 11.35 of draws from p(z); samples are digits of all classes.
"""

import ml_collections

from vae.experiments import digits


def get_config() -> ml_collections.ConfigDict:
    config = digits.get_config()
    config.model.latent_dim = 8
    config.model.posterior = "point"
    config.model.adversary = "latents"
    config.model.discriminator_widths = (256, 256)
    config.model.adversarial_weight = 10.0
    config.objective.beta = 0.0
    config.optimizer.b1 = 0.5
    return config
