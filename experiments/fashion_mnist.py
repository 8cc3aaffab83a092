"""The convolutional VAE of mnist.py on dynamically binarised Fashion-MNIST.

    python launch.py train --config=experiments/fashion_mnist.py
    python launch.py train --config=experiments/fashion_mnist.py --config.data.path=DIR

2026-11-21, 2 cores of an AMD EPYC, 5.3 minutes for half the schedule
(`--config.training.steps=4000`): test NLL 237.94 +- 0.76 nats (K = 100, 10,000 images), test ELBO
-242.05 +- 0.76, 32 of 32 latents active; seed 0.
"""

import ml_collections

from vae.experiments import mnist


def get_config() -> ml_collections.ConfigDict:
    config = mnist.get_config()
    config.data.name = "fashion_mnist"
    return config
