"""Posteriors side by side on static MNIST: diagonal, planar, inverse autoregressive, Sylvester.

Flows of the posterior are compared as in "Sylvester normalizing flows" (van den Berg et al. 2018,
table 1), on dense gated networks in place of that paper's convolutions: 784-300-300-32.

    python launch.py train --config=experiments/flows.py:iaf --config.data.path=DIR

The published figures are for the paper's larger networks and 64 latents: what compares is the order
and the gain. 60 epochs, NLL with K = 1000.
"""

import ml_collections

from experiments import priors

PAPER = "van den Berg et al. 2018, with convolutions"
PUBLISHED = {
    "gaussian": ("test/nll", 82.14, PAPER),
    "planar": ("test/nll", 81.91, PAPER),
    "iaf": ("test/nll", 80.79, PAPER),
    "sylvester": ("test/nll", 80.22, PAPER),
}


def get_config(variant: str = "sylvester") -> ml_collections.ConfigDict:
    config = priors.get_config("static-standard_normal")
    config.model.latent_dim = 32
    config.model.posterior = variant
    config.training.steps = 60 * priors.EPOCH
    config.evaluation.num_samples = 1_000
    return config
