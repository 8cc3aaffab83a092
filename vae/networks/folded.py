"""Convolutions of trained networks, each with the batch norm that follows it folded in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:  # rules of a config, which a sweep checks without JAX, ask for weights
    import jax

    Values = np.ndarray | jax.Array


class Layer(NamedTuple):
    """A convolution with its batch norm folded in."""

    kernel: Values
    bias: Values


class Norm(NamedTuple):
    """A batch norm: scale (x - mean) / sqrt(variance + epsilon) + shift, each [F]."""

    scale: np.ndarray
    shift: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def folded(kernel: np.ndarray, norm: Norm, epsilon: float) -> Layer:
    """Returns a convolution without a bias, kernel [*taps, C, F], and its batch norm in one."""
    scale, shift, mean, variance = (part.astype(np.float64) for part in norm)
    scale = scale / np.sqrt(variance + epsilon)
    return Layer(
        (kernel * scale).astype(np.float32),
        (shift - mean * scale).astype(np.float32),
    )
