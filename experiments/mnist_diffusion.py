"""A diffusion prior, trained together with a VAE, on statically binarised MNIST.

The binarisation of Larochelle & Murray (2011), 50,000 / 10,000 / 10,000 images. p(z) of 40 latents
is a diffusion whose bound on log p(z) is a part of the ELBO (Kingma et al. 2021; in latents Vahdat
et al., "Score-based generative modeling in latent space", 2021), so that -ELBO stays a bound on
-log p(x). Encoder and decoder are convolutional, q(z | x) an inverse autoregressive flow. The aim
is a test -ELBO below 85.6, the NLL of `priors.py:static-vamp`.

    python launch.py train --config=experiments/mnist_diffusion.py --config.data.path=DIR
    python launch.py train --config=experiments/mnist_diffusion.py:standard_normal \\
        --config.data.path=DIR

`standard_normal` is the same model with N(0, I) in the place of the diffusion.
"""

import ml_collections

from vae.config import base

PUBLISHED = {
    "": ("test/elbo", -85.57, "Tomczak & Welling 2018, the NLL of a VampPrior"),
    "standard_normal": ("test/elbo", -84.20, "van den Berg et al. 2018, IAF and convolutions"),
}


def get_config(prior: str = "") -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "binarized_mnist"
    config.data.train = "train"
    config.data.valid = "valid"
    config.data.test = "test"
    config.data.batch_size = 100

    config.model.encoder = config.model.decoder = "conv"
    config.model.encoder_widths = (48, 64)
    config.model.decoder_widths = (64, 48)
    config.model.blocks = 3
    config.model.activation = "silu"
    config.model.latent_dim = 40
    config.model.posterior = "iaf"
    config.model.posterior_width = 256
    config.model.likelihood = "bernoulli"
    config.model.prior = prior or "diffusion"
    if not prior:
        config.model.prior_widths = (256, 256)

    config.objective.beta_warmup_steps = 1_000
    config.optimizer.name = "muon"
    config.optimizer.learning_rate = 1e-2
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 200
    config.optimizer.clip_norm = 200.0
    config.training.steps = 12_000  # 24 epochs
    config.training.ema_decay = 0.999

    config.evaluation.num_samples = 10
    config.evaluation.every_steps = 1_000
    config.checkpoint.every_steps = 1_000
    config.log.every_steps = 100
    config.log.images_every_steps = 4_000
    return config
