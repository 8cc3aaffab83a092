"""FactorVAE on drawn faces, whose factors are known: no download.

Kim & Mnih, "Disentangling by factorising", 2018: the ELBO and gamma = 10 times the total
correlation of the latents, as their discriminator estimates it; 10 latents, a Bernoulli likelihood
of pixels.

    python launch.py train --config=experiments/factor_vae.py

`train/adversarial` is gamma times the total correlation in nats.
"""

import ml_collections

from vae.experiments import faces


def get_config() -> ml_collections.ConfigDict:
    config = faces.get_config()
    config.model.latent_dim = 10
    config.model.prior = "standard_normal"
    config.model.likelihood = "bernoulli"
    config.model.scale = "learned"
    config.model.adversary = "factors"
    config.model.discriminator_widths = (512, 512, 512, 512)
    config.model.adversarial_weight = 10.0
    config.optimizer.discriminator_learning_rate = 1e-4
    return config
