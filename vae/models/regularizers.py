"""Regularisers of a decoder, which keep it smooth where no noise in z does.

Each is a function `(decode, params, z, *, keys)` to [B], a term of the loss for each example:
`decode` takes latents [K, B, D] to the mean images [K, B, H, W, C], `params` are the decoder's, and
`keys` [K, B] are for what it draws (Ghosh et al., "From variational to deterministic autoencoders",
2020, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.probability.distributions import other_keys

Array = jax.Array


def l2(decode: Callable[[Array], Array], params: Any, z: Array, *, keys: Array) -> Array:
    """The sum of all squared weights, the same for each example [B]."""
    total = sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(params))
    return jnp.broadcast_to(total, keys.shape[1:])


def gradient_penalty(
    decode: Callable[[Array], Array], params: Any, z: Array, *, keys: Array
) -> Array:
    """The squared Frobenius norm of d decode / d z, [B], the mean over K.

    Estimated without bias as |J' v|^2 with one vector v of random signs for each latent, since
    E[v v'] = I: one more pass back through the decoder, whatever the image's size.
    """
    images, pull_back = jax.vjp(decode, z)
    keys = other_keys(keys.reshape(-1))
    signs = jax.vmap(lambda key: jax.random.rademacher(key, images.shape[2:], images.dtype))(keys)
    (slope,) = pull_back(signs.reshape(images.shape))
    return (slope**2).sum(-1).mean(0)


REGULARIZERS = {"none": None, "l2": l2, "gradient_penalty": gradient_penalty}
