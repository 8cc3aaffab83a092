"""Features of images from EfficientNet-Lite0, a classifier that was trained on ImageNet.

The network (Tan and Le, "EfficientNet: rethinking model scaling for convolutional neural networks",
2019; its Lite form, 2020, has relu6 and no squeeze-and-excitation) is a stem, 16 blocks and a head:

    stem    relu6(conv 3x3, stride 2), 32 channels
    block   relu6(conv 1x1 to 6 times the channels), relu6(depthwise conv), conv 1x1; plus its
            input where the shape is the same
    head    relu6(conv 1x1), 1,280 channels, averaged over positions

The weights are those of `lite0_weights.py`. Images [B, H, W, C] in [0, 1] of any size are given as
published, (255 x - 127) / 128, a grey one as three equal channels.

The outputs equal those of `efficientnet-lite-pytorch` 0.1.0 with the same weights in PyTorch 2.13,
see `experiments/benchmarks/README.md`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from vae.networks.folded import Layer
from vae.networks.lite0_weights import weights
from vae.networks.strided import convolved, depthwise

Array = jax.Array

# Blocks of a stage, the stride of the first one; the kernels tell the rest.
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
LAST = (1, 3, 5, 11)  # blocks, counted from 1, after which the image becomes smaller
STRIDES = tuple(stride if n == 0 else 1 for number, stride in STAGES for n in range(number))


def features(x: Array, depth: int = len(STRIDES)) -> list[Array]:
    """Returns the outputs of the first `depth` blocks for images [B, H, W, 1 or 3] in [0, 1].

    Raises:
      InputError: the package is missing or damaged.
    """
    network = weights()
    h = (255 * x - 127) / 128
    h = jnp.broadcast_to(h, (*h.shape[:-1], 3))
    h = _relu6(convolved(h, jnp.asarray(network.stem.kernel), 2) + network.stem.bias)
    found = []
    for (expand, own, project), stride in zip(network.blocks[:depth], STRIDES, strict=False):
        inside = h if expand is None else _relu6(_pointwise(h, expand))
        inside = _relu6(depthwise(inside, jnp.asarray(own.kernel), stride) + own.bias)
        out = _pointwise(inside, project)
        h = out + h if out.shape == h.shape else out
        found.append(h)
    return found


def last_of_each_size(x: Array) -> list[Array]:
    """Returns the outputs of the last blocks of a half to a sixteenth of the size of images x.

    Raises:
      InputError: the package is missing or damaged.
    """
    found = features(x, depth=LAST[-1])
    return [found[block - 1] for block in LAST]


def pooled(x: Array) -> Array:
    """Returns the 1,280 numbers [B, 1280] that the classifier decides by.

    Raises:
      InputError: the package is missing or damaged.
    """
    return _relu6(_pointwise(features(x)[-1], weights().head)).mean((1, 2))


def _pointwise(h: Array, layer: Layer) -> Array:
    return h @ layer.kernel + layer.bias


def _relu6(h: Array) -> Array:
    return jnp.clip(h, 0, 6)
