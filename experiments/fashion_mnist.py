"""The convolutional VAE of mnist.py on dynamically binarised Fashion-MNIST.

python launch.py train --config=experiments/fashion_mnist.py
python launch.py train --config=experiments/fashion_mnist.py --config.data.path=DIR
"""

import ml_collections

from experiments import mnist


def get_config() -> ml_collections.ConfigDict:
    config = mnist.get_config()
    config.data.name = "fashion_mnist"
    return config
