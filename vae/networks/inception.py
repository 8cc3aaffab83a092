"""Features of images from the Inception network that published Frechet distances are made with.

It is Inception-v3 (Szegedy et al., "Rethinking the Inception architecture for computer vision",
2016) as in TensorFlow's graph of 2015-12-05, which Heusel et al. (2017) took:

    input    images as bytes, resized to 299x299 by linear interpolation: pixel i of the result is
             at i n / 299 of n, without half pixels or antialiasing; then (x - 128) / 128
    stem     five convolutions and two max pools, 192 channels
    blocks   eleven, of branches side by side; a branch's average pool does not count padding, and
             the last block has a max pool in its place
    head     the average over positions, 2,048 numbers, and 1,008 classes

Every convolution is followed by a batch norm, folded into it, and a rectifier. The weights are from
a user's file, see `inception_weights.py`. The outputs equal those of torch-fidelity 0.4.0 with the
same weights, see `experiments/benchmarks/README.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax

from vae.networks.folded import Layer

Array = jax.Array
Weights = Mapping[str, Layer]  # by the name of a convolution; of the classifier, `CLASSES`

SIZE = 299
FEATURES = 2048
CLASSES, NUM_CLASSES = "fc", 1008


class Conv(NamedTuple):
    """A convolution, a step of a branch."""

    height: int
    width: int
    channels: int
    stride: int = 1
    padding: str = "SAME"


class Named(NamedTuple):
    """A convolution's names in PyTorch's file and in TensorFlow's graph, and its kernel's shape."""

    name: str
    graph: str
    shape: tuple[int, ...]


Step = Conv | tuple[Conv, Conv] | str  # a pair is side by side; a text is a pool
Branches = Mapping[str, Sequence[Step]]
Apply = Callable[[str, str, Conv, Array], Array]  # (name, name in the graph, ...)

STEM = {
    "Conv2d_1a_3x3": Conv(3, 3, 32, 2, "VALID"),
    "Conv2d_2a_3x3": Conv(3, 3, 32, 1, "VALID"),
    "Conv2d_2b_3x3": Conv(3, 3, 64),
    "Conv2d_3b_1x1": Conv(1, 1, 80),
    "Conv2d_4a_3x3": Conv(3, 3, 192, 1, "VALID"),
}
HALVED = ("Conv2d_2b_3x3", "Conv2d_4a_3x3")  # what a max pool follows


def _a(pooled: int) -> Branches:
    return {
        "branch1x1": [Conv(1, 1, 64)],
        "branch5x5": [Conv(1, 1, 48), Conv(5, 5, 64)],
        "branch3x3dbl": [Conv(1, 1, 64), Conv(3, 3, 96), Conv(3, 3, 96)],
        "branch_pool": ["mean", Conv(1, 1, pooled)],
    }


def _c(n: int) -> Branches:
    across, down = Conv(1, 7, n), Conv(7, 1, n)
    return {
        "branch1x1": [Conv(1, 1, 192)],
        "branch7x7": [Conv(1, 1, n), across, Conv(7, 1, 192)],
        "branch7x7dbl": [Conv(1, 1, n), down, across, down, Conv(1, 7, 192)],
        "branch_pool": ["mean", Conv(1, 1, 192)],
    }


def _e(pool: str) -> Branches:
    pair = Conv(1, 3, 384), Conv(3, 1, 384)
    return {
        "branch1x1": [Conv(1, 1, 320)],
        "branch3x3": [Conv(1, 1, 384), pair],
        "branch3x3dbl": [Conv(1, 1, 448), Conv(3, 3, 384), pair],
        "branch_pool": [pool, Conv(1, 1, 192)],
    }


BLOCKS: dict[str, Branches] = {
    "Mixed_5b": _a(32),
    "Mixed_5c": _a(64),
    "Mixed_5d": _a(64),
    "Mixed_6a": {
        "branch3x3": [Conv(3, 3, 384, 2, "VALID")],
        "branch3x3dbl": [Conv(1, 1, 64), Conv(3, 3, 96), Conv(3, 3, 96, 2, "VALID")],
        "pool": ["halved"],
    },
    "Mixed_6b": _c(128),
    "Mixed_6c": _c(160),
    "Mixed_6d": _c(160),
    "Mixed_6e": _c(192),
    "Mixed_7a": {
        "branch3x3": [Conv(1, 1, 192), Conv(3, 3, 320, 2, "VALID")],
        "branch7x7x3": [
            *(Conv(1, 1, 192), Conv(1, 7, 192), Conv(7, 1, 192)),
            Conv(3, 3, 192, 2, "VALID"),
        ],
        "pool": ["halved"],
    },
    "Mixed_7b": _e("mean"),
    "Mixed_7c": _e("max"),
}


def maps(weights: Weights, x: Array) -> list[Array]:
    """Returns the outputs of four depths, whose means over positions the reference calls features.

    Args:
      weights: of all convolutions.
      x: images [B, H, W, 1 or 3] in [0, 1]. They are rounded to bytes, as files hold them; a grey
        one is as three equal channels.

    Returns:
      [B, 73, 73, 64], [B, 35, 35, 192], [B, 17, 17, 768] and [B, 8, 8, 2048].
    """

    def apply(name: str, graph: str, conv: Conv, h: Array) -> Array:
        return _convolved(h, weights[name], conv)

    h = resized(jnp.round(255 * x))
    return _network(apply, jnp.broadcast_to((h - 128) / 128, (*h.shape[:-1], 3)))


def pooled(weights: Weights, x: Array) -> Array:
    """Returns the 2,048 features [B, 2048] of images [B, H, W, 1 or 3] in [0, 1]."""
    return maps(weights, x)[-1].mean((1, 2))


def probabilities(weights: Weights, features: np.ndarray) -> np.ndarray:
    """Returns the probabilities [N, 1008] of the classes, which Inception scores are made from.

    As in the reference, the classifier's bias is left out.
    """
    logits = features.astype(np.float64) @ weights[CLASSES].kernel
    exponents = np.exp(logits - logits.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)


def resized(x: Array) -> Array:
    """Returns images [B, H, W, C] as [B, 299, 299, C], as TensorFlow 1 resizes."""
    for axis in (2, 1):
        size = x.shape[axis]
        place = np.arange(SIZE, dtype=np.float32) * np.float32(size / SIZE)
        low = place.astype(int)
        share = (place - low).reshape(-1, *(1,) * (3 - axis))
        one, other = (jnp.take(x, i, axis) for i in (low, np.minimum(low + 1, size - 1)))
        x = one + (other - one) * share
    return x


@functools.cache
def convolutions() -> tuple[Named, ...]:
    """Returns the 94 convolutions, in the network's order."""
    found = []

    def apply(name: str, graph: str, conv: Conv, h: Array) -> Array:
        shape = (conv.height, conv.width, h.shape[-1], conv.channels)
        found.append(Named(name, graph, shape))
        return _convolved(h, Layer(jnp.zeros(shape), jnp.zeros(conv.channels)), conv)

    jax.eval_shape(lambda h: _network(apply, h), jnp.zeros((1, SIZE, SIZE, 3)))
    return tuple(found)


def _network(apply: Apply, h: Array) -> list[Array]:
    """Returns what `maps` does for the resized images, with `apply` for each convolution."""
    found = {}
    for number, (name, conv) in enumerate(STEM.items()):
        h = apply(name, _numbered("conv", number), conv, h)
        h = found[name] = POOLS["halved"](h) if name in HALVED else h
    for number, (block, branches) in enumerate(BLOCKS.items()):
        parts, towers = [], 0
        for branch, steps in branches.items():
            place = _numbered("mixed", number)
            if len(steps) > 1:
                place, towers = f"{place}/{_numbered('tower', towers)}", towers + 1
            parts.append(_branch(apply, f"{block}.{branch}", place, steps, h))
        h = found[block] = jnp.concatenate(parts, -1)
    return [found[name] for name in (*HALVED, "Mixed_6e", "Mixed_7c")]


def _branch(apply: Apply, name: str, place: str, steps: Sequence[Step], h: Array) -> Array:
    alone = sum(not isinstance(step, str) for step in steps) == 1
    number = 0
    for step in steps:
        if isinstance(step, str):
            h = POOLS[step](h)
            continue
        own = name if alone else f"{name}_{number + 1}"
        if isinstance(step, Conv):
            h = apply(own, f"{place}/{_numbered('conv', number)}", step, h)
        else:
            pair = zip(("a", "b"), ("conv", "conv_1"), step, strict=True)
            sides = [apply(own + side, f"{place}/mixed/{end}", conv, h) for side, end, conv in pair]
            h = jnp.concatenate(sides, -1)
        number += 1
    return h


def _numbered(name: str, number: int) -> str:
    """Returns the name that TensorFlow gives the n-th of a kind: conv, conv_1, conv_2."""
    return f"{name}_{number}" if number else name


def _convolved(h: Array, layer: Layer, conv: Conv) -> Array:
    h = lax.conv_general_dilated(
        h,
        jnp.asarray(layer.kernel),
        (conv.stride, conv.stride),
        conv.padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,  # float32, also where a GPU would round
    )
    return nn.relu(h + layer.bias)


def _mean(h: Array) -> Array:
    """Returns the means of 3x3 positions, without those beyond the border."""
    for axis in (1, 2):
        size = h.shape[axis]
        beside = [(0, 0)] * h.ndim
        beside[axis] = (1, 1)
        padded = jnp.pad(h, beside)
        total = sum(lax.slice_in_dim(padded, i, i + size, axis=axis) for i in range(3))
        number = np.full(size, np.float32(3))
        number[[0, -1]] = 2
        h = total / jnp.asarray(number.reshape(-1, *(1,) * (h.ndim - 1 - axis)))
    return h


POOLS: dict[str, Callable[[Array], Array]] = {
    "mean": _mean,
    "max": lambda h: nn.max_pool(h, (3, 3), padding="SAME"),
    "halved": lambda h: nn.max_pool(h, (3, 3), (2, 2)),
}
