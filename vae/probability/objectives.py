"""Training objectives: `Terms` to an unreduced loss [B], to be minimised, in nats.

An objective is a function `(terms, *, ...)`. Its row in the table says what it reads by keyword:
keys of the config's section `objective`, whose floats are traced; `axis`, the name of the mapped
axis over which the batch is spread, or None; `keys` [B], for what it draws itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vae.probability.terms import Terms

Array = jax.Array


class Objective(NamedTuple):
    """One row of the table.

    Attributes:
      loss: (terms, *, ...) to [B].
      reads: the keywords that it takes.
      inference_loss: what the parameters of q(z | x) minimise instead, where the two differ.
      any_density: whether it asks for log q(z | x) at any z, not only at q's own samples.
    """

    loss: Callable[..., Array]
    reads: tuple[str, ...] = ()
    inference_loss: Callable[..., Array] | None = None
    any_density: bool = False


def gather(x: Array, axis: str | None) -> Array:
    """The whole batch [B_global, ...] from every device's shard [B, ...], with its gradient."""
    return x if axis is None else jax.lax.all_gather(x, axis, tiled=True)


def batch_mean(x: Array, axis: str | None) -> Array:
    """The mean over the last dimension and over the devices of `axis`, without a gradient."""
    mean = jax.lax.stop_gradient(x.mean(-1))
    return mean if axis is None else jax.lax.pmean(mean, axis)


def divergence(terms: Terms) -> Array:
    """KL(q(z | x) || p(z)) per group, [G, B]: in closed form, or else estimated from K samples."""
    if terms.kl is None:
        return (terms.log_qz - terms.log_pz).mean(0)[None]
    return terms.kl


def elbo(
    terms: Terms,
    *,
    beta: Array | float = 1.0,
    free_bits: Array | float = 0.0,
    axis: str | None = None,
) -> Array:
    """-(E_q[log p(x | z)] - beta KL(q(z | x) || p(z))) per example, [B].

    The expectation is the mean over K samples; the divergence is the closed form where there is one
    (Kingma & Welling 2014, eq. 10; beta: Higgins et al. 2017). `free_bits` is the lambda of Kingma
    et al. 2016, eq. 15: each group counts at least so many nats on the mean of the batch, sum_g
    max(lambda, E_batch KL_g), and has no gradient below that.

    Args:
      terms: what the model says of the batch.
      beta: weight of the divergence.
      free_bits: nats per latent group; 0 leaves the divergence as it is.
      axis: see the module.
    """
    kl = divergence(terms)
    spent = batch_mean(kl, axis)[:, None] >= free_bits
    kl = jnp.where(spent | (free_bits <= 0), kl, free_bits).sum(0)
    return beta * kl - terms.log_px.mean(0) + sum(terms.losses.values())


OBJECTIVES = {"elbo": Objective(elbo, reads=("beta", "free_bits", "axis"))}
