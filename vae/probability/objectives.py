"""Training objectives: `Terms` to an unreduced loss [B], to be minimised, in nats."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from vae.probability.terms import Terms

Array = jax.Array


def batch_mean(x: Array, axis: str | None) -> Array:
    """The mean over the last dimension and over the devices of `axis`, without a gradient."""
    mean = jax.lax.stop_gradient(x.mean(-1))
    return mean if axis is None else jax.lax.pmean(mean, axis)


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
      axis: name of the mapped axis over which the batch is spread, or None.
    """
    reconstruction = terms.log_px.mean(0)
    divergence = terms.kl
    if divergence is None:
        divergence = (terms.log_qz - terms.log_pz).mean(0)[None]
    spent = batch_mean(divergence, axis)[:, None] >= free_bits
    divergence = jnp.where(spent | (free_bits <= 0), divergence, free_bits).sum(0)
    return beta * divergence - reconstruction + sum(terms.losses.values())


OBJECTIVES = {"elbo": elbo}
