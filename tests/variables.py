"""Variables for a test of a network's arithmetic."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


def random_variables(module: nn.Module, *inputs) -> dict:
    """What `module.init` would give, but all normal with a variance of 1 / fan_in.

    Nothing then starts at 0 and hides what stands before it, and no initialiser has to be compiled,
    which takes longer than the rest of such a test.
    """
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: jnp.asarray(
            rng.normal(size=leaf.shape) / math.sqrt(math.prod(leaf.shape[:-1])), leaf.dtype
        ),
        jax.eval_shape(module.init, jax.random.key(0), *inputs),
    )
