"""Importance-weighted bounds, with log w_k = log p(x, z_k) - log q(z_k | x).

    ELBO <= MIWAE, CIWAE <= IWAE_K <= log p(x)        in expectation, for the same K

A tighter bound is better for p, but leaves the gradient for q little signal against its noise
(Rainforth et al. 2018); the other bounds trade one for the other.

The gradients of IWAE and of its doubly reparameterised form are weighted by the normalised weights,
so that a few of the K samples carry most of them: `resample` draws the samples that get a backward
pass.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from vae.probability.objectives.objective import Objective
from vae.probability.objectives.variational import frozen
from vae.probability.terms import Terms, log_weights

Array = jax.Array


def miwae(terms: Terms, *, groups: int) -> Array:
    """Returns -1/M sum_m log 1/L sum_l w_{m, l} with M = `groups` and L = K / M, [B].

    (MIWAE of Rainforth et al. 2018.) M must divide K.
    """
    num_samples, batch_size = terms.log_px.shape
    weights = log_weights(terms).reshape(groups, num_samples // groups, batch_size)
    bounds = jax.nn.logsumexp(weights, axis=1) - math.log(num_samples // groups)
    return sum(terms.losses.values()) - bounds.mean(0)


def iwae(terms: Terms) -> Array:
    """Returns -log 1/K sum_k w_k, [B] (Burda et al. 2016, eq. 8)."""
    return miwae(terms, groups=1)


def ciwae(terms: Terms, *, ciwae_weight: Array | float) -> Array:
    """Returns -(b mean_k log w_k + (1 - b) IWAE_K), with b = `ciwae_weight`, [B].

    (CIWAE of Rainforth et al. 2018, whose beta is b; mean_k log w_k is the ELBO.)
    """
    single = miwae(terms, groups=len(terms.log_px))
    return ciwae_weight * single + (1 - ciwae_weight) * iwae(terms)


def dreg(terms: Terms) -> Array:
    """Returns -sum_k v_k^2 log w_k, [B], v_k = w_k / sum_l w_l: for q, beside `iwae` for p.

    v is a constant, and log w_k has a gradient through z_k alone. The gradient for q is then the
    doubly reparameterised one of IWAE (Tucker et al. 2019): its mean is the same, but its signal
    does not drown as K grows. With K = 1 it is that of `stl`. Only the gradient has a meaning.
    """
    normalised = jax.lax.stop_gradient(jax.nn.softmax(log_weights(terms), axis=0))
    log_w = terms.log_px + terms.log_pz - frozen(terms.q).log_prob(terms.z)
    return sum(terms.losses.values()) - (normalised**2 * log_w).sum(0)


IWAE = Objective(iwae, resampled=True, weighs=True)
DREG = IWAE._replace(inference_loss=dreg, needs=("log_prob",))
MIWAE = Objective(miwae, weighs=True)
CIWAE = Objective(ciwae, weighs=True)
PIWAE = Objective(iwae, inference_loss=miwae, weighs=True)  # (Rainforth et al. 2018)


def resample(weights: Array, *, keys: Array, number: int) -> Array:
    """Draws `number` of K samples for each example, with probability w_k / sum_l w_l.

    The gradient of IWAE then needs a backward pass for these alone, after K forward passes without
    one; its mean is the same (Burda et al. 2016, section 3, with one sample).

    Args:
      weights: [K, B] log w.
      keys: [B], for the draw.
      number: S, how many to draw; a sample may be drawn more than once.

    Returns:
      Indices of samples, [S, B] int32.
    """
    draw = jax.vmap(lambda key, w: jax.random.categorical(key, w, shape=(number,)), out_axes=1)
    return draw(keys, weights.T)


def at_samples(slope: Terms, chosen: Array, weights: Array) -> Terms:
    """Returns the gradient of K samples, estimated from the S that `resample` chose: [S, B].

    Each is divided by its expected number of draws, S w_k / sum_l w_l, so that the mean is the
    same. Leaves without a sample dimension are unchanged.
    """
    columns = jnp.arange(chosen.shape[1])
    expected = len(chosen) * jax.nn.softmax(weights, axis=0)[chosen, columns]

    def at(leaf: Array) -> Array:
        return leaf[chosen, columns] / expected.reshape(*expected.shape, *[1] * (leaf.ndim - 2))

    of_samples = {name: getattr(slope, name) for name in ("log_px", "log_pz", "log_qz", "z")}
    return slope._replace(**jax.tree.map(at, of_samples))
