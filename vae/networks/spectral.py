"""Spectral normalisation: divides every kernel by its largest singular value.

    W / s(W),   s(W) = v' W u,   v = W u0 / |W u0|,   u = W' v / |W' v|

where u0 is the vector u of the training step before, so that one iteration of the power method a
step is enough (Miyato et al., "Spectral normalization for generative adversarial networks", 2018,
algorithm 1). A kernel is the matrix [inputs, outputs]; the taps of a convolution are among its
inputs. The vectors depend on the weights alone and are the same on every device.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from vae.probability.distributions import einsum

Array = jax.Array

TINY = 1e-12


def _unit(x: Array) -> Array:
    return x / (jnp.linalg.norm(x) + TINY)


def start(params: Any, *, key: Array) -> dict[str, Array]:
    """Returns random unit vectors u0 [outputs], one for each kernel in `params`, by its path."""
    kernels = [
        (jax.tree_util.keystr(path), leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if leaf.ndim > 1
    ]
    keys = jax.random.split(key, len(kernels))
    return {
        name: _unit(jax.random.normal(key, leaf.shape[-1:]))
        for (name, leaf), key in zip(kernels, keys, strict=True)
    }


def normalised(params: Any, vectors: dict[str, Array]) -> tuple[Any, dict[str, Array]]:
    """Returns `params` with normalised kernels, and the vectors after one power iteration."""
    turned = {}

    def of(path: Any, leaf: Array) -> Array:
        if leaf.ndim < 2:
            return leaf
        name = jax.tree_util.keystr(path)
        matrix = leaf.reshape(-1, leaf.shape[-1])
        fixed = jax.lax.stop_gradient(matrix)
        v = _unit(einsum("io,o->i", fixed, vectors[name]))
        turned[name] = u = _unit(einsum("io,i->o", fixed, v))
        return leaf / (einsum("i,io,o->", v, matrix, u) + TINY)

    return jax.tree_util.tree_map_with_path(of, params), turned
