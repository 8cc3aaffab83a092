"""A diffusion prior, trained together with a ladder, on statically binarised MNIST.

The binarisation of Larochelle & Murray (2011), 50,000 / 10,000 / 10,000 images. The ladder is that
of `ladder.py`; the p of its topmost group, 4x4 places with 8 numbers each, is a diffusion, whose
bound on log p(z) is a part of the ELBO (Kingma et al. 2021; in latents Vahdat et al., "Score-based
generative modeling in latent space", 2021), so that -ELBO stays a bound on -log p(x). The aim is a
test -ELBO below 85.6, the NLL of `priors.py:static-vamp`.

    python launch.py train --config=experiments/mnist_diffusion.py --config.data.path=DIR
    python launch.py train --config=experiments/mnist_diffusion.py:standard_normal \\
        --config.data.path=DIR

`standard_normal` is the same model with N(0, I) in the place of the diffusion.

2026-11-28, one core of an Intel Xeon beside other work, 77 minutes: test -ELBO
84.33 +- 0.21, .1552 bits per dimension. Most of that is the ladder's: of six groups with Gaussians
alone, after 6,000 steps, `ladder.py` has 82.79. A VAE of one vector of 40 latents, convolutions and
an inverse autoregressive flow under a diffusion had a validation ELBO of -94.3 after 5,000 of
12,000 steps, and was given up.
"""

import ml_collections

from vae.experiments import ladder

PUBLISHED = {
    "": ("test/elbo", -85.57, "Tomczak & Welling 2018, the NLL of a VampPrior"),
    "standard_normal": ("test/nll", 79.24, "addtt/ladder-vae-pytorch on GitHub, 3 layers"),
}


def get_config(prior: str = "") -> ml_collections.ConfigDict:
    config = ladder.get_config()
    config.model.groups = (1, 2, 2)
    config.model.prior = prior or "diffusion"
    if not prior:
        config.model.prior_widths = (64,)
    config.training.steps = 4_000  # 8 epochs
    config.evaluation.num_samples = 10
    return config
