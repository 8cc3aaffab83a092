"""Importance-weighted bounds, with log w_k = log p(x, z_k) - log q(z_k | x).

    ELBO <= MIWAE, CIWAE <= IWAE_K <= log p(x)        in expectation, for the same K

A tighter bound is better for p, but leaves the gradient for q little signal against its noise
(Rainforth et al. 2018): the others trade the one for the other.
"""

from __future__ import annotations

import math

import jax

from vae.probability.objectives.variational import frozen
from vae.probability.terms import Terms, log_weights

Array = jax.Array


def miwae(terms: Terms, *, groups: int) -> Array:
    """-1/M sum_m log 1/L sum_l w_{m, l} with M = `groups` and L = K / M, [B].

    (MIWAE of Rainforth et al. 2018.) M must divide K.
    """
    num_samples, batch_size = terms.log_px.shape
    weights = log_weights(terms).reshape(groups, num_samples // groups, batch_size)
    bounds = jax.nn.logsumexp(weights, axis=1) - math.log(num_samples // groups)
    return sum(terms.losses.values()) - bounds.mean(0)


def iwae(terms: Terms) -> Array:
    """-log 1/K sum_k w_k, [B] (Burda et al. 2016, eq. 8)."""
    return miwae(terms, groups=1)


def ciwae(terms: Terms, *, ciwae_weight: Array | float) -> Array:
    """The ELBO, mean_k log w_k, times `ciwae_weight`, and the rest IWAE_K, negative, [B].

    (CIWAE of Rainforth et al. 2018, whose beta is `ciwae_weight`.)
    """
    single = miwae(terms, groups=len(terms.log_px))
    return ciwae_weight * single + (1 - ciwae_weight) * iwae(terms)


def piwae(terms: Terms, *, groups: int) -> Array:
    """What p minimises beside `miwae` for q: the IWAE of all K (PIWAE of Rainforth et al. 2018)."""
    del groups  # of the loss for q
    return iwae(terms)


def dreg(terms: Terms) -> Array:
    """What q minimises beside `iwae` for p: -sum_k v_k^2 log w_k, [B], v_k = w_k / sum_l w_l.

    v is a constant, and log w_k has a gradient through z_k alone. Its gradient for q is then the
    doubly reparameterised one of IWAE (Tucker et al. 2019): the same mean, but its signal does not
    drown as K grows. With K = 1 it is that of `stl`. Only its gradient has a meaning.
    """
    normalised = jax.lax.stop_gradient(jax.nn.softmax(log_weights(terms), axis=0))
    log_w = terms.log_px + terms.log_pz - frozen(terms.q).log_prob(terms.z)
    return sum(terms.losses.values()) - (normalised**2 * log_w).sum(0)
