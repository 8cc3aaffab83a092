"""Bounds with an expectation under q and a divergence: the ELBO and its relatives."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from vae.probability.objectives.batch import batch_mean
from vae.probability.objectives.objective import Objective
from vae.probability.terms import Terms

Array = jax.Array


def divergence(terms: Terms) -> Array:
    """Returns KL(q(z | x) || p(z)) per group, [G, B]: closed form, or estimated from K samples."""
    if terms.kl is None:
        return (terms.log_qz - terms.log_pz).mean(0)[None]
    return terms.kl


def frozen(q: Any) -> Any:
    """Returns q without a gradient for its parameters: its density has one through z alone."""
    return jax.tree.map(jax.lax.stop_gradient, q)


def elbo(
    terms: Terms,
    *,
    beta: Array | float = 1.0,
    free_bits: Array | float = 0.0,
    axis: str | None = None,
) -> Array:
    """Returns -(E_q[log p(x | z)] - beta KL(q(z | x) || p(z))) per example, [B].

    The expectation is the mean over K samples; the divergence has the closed form where there is
    one (Kingma & Welling 2014, eq. 10; beta: Higgins et al. 2017). `free_bits` is the lambda of
    Kingma et al. 2016, eq. 15: each group counts at least so many nats on the mean of the batch,
    sum_g max(lambda, E_batch KL_g), and has no gradient below that.

    Args:
      terms: the model's terms for the batch.
      beta: weight of the divergence.
      free_bits: nats per latent group; 0 leaves the divergence as it is.
      axis: see the package.
    """
    kl = divergence(terms)
    spent = batch_mean(kl, axis)[:, None] >= free_bits
    kl = jnp.where(spent | (free_bits <= 0), kl, free_bits).sum(0)
    return beta * kl - terms.log_px.mean(0) + sum(terms.losses.values())


def capacity(terms: Terms, *, beta: Array | float, capacity: Array | float) -> Array:
    """Returns -E_q[log p(x | z)] + beta |KL(q(z | x) || p(z)) - C| per example, [B].

    (Burgess et al. 2018, section 5, whose gamma is `beta`.) C is `capacity`, in nats, which follows
    a schedule.
    """
    kl = divergence(terms).sum(0)
    return beta * jnp.abs(kl - capacity) - terms.log_px.mean(0) + sum(terms.losses.values())


def stl(terms: Terms, *, beta: Array | float = 1.0) -> Array:
    """Returns the negative ELBO with sampled log p(z) - log q(z | x), "sticking the landing", [B].

    The parameters of q have a gradient through z alone. The score that is left out has mean zero,
    so the gradient has no variance where q(z | x) is exact (Roeder et al. 2017).
    """
    kl = (frozen(terms.q).log_prob(terms.z) - terms.log_pz).mean(0)
    return beta * kl - terms.log_px.mean(0) + sum(terms.losses.values())


def prior(terms: Terms) -> Array:
    """Returns -E_q[log p(z)] per example, [B]: the cross-entropy of the latents and the prior.

    As a second stage, with encoder and decoder as they are, it makes p(z) the aggregate posterior
    (Dai & Wipf 2019; Rombach et al., "High-resolution image synthesis with latent diffusion
    models", 2022).
    """
    return -terms.log_pz.mean(0)


PRIOR = Objective(prior, learns=("prior",))
STL = Objective(stl, needs=("log_prob",))
