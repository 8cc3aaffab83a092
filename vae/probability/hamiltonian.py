"""Hamiltonian Monte Carlo, step by step: a chain of z that leaves a density p(z) as it is.

    H(z, r) = -log p(z) + |r|^2 / 2,     r ~ N(0, I)

A trajectory of leapfrog steps is reversible and keeps volumes; that it keeps H only nearly is put
right by accepting its end with probability min(1, exp(H_start - H_end)). (Neal 2011, "MCMC using
Hamiltonian dynamics", section 5.2 and 5.3.) Every chain moves in coordinates u of its own, z = S u:
where S S' is about the covariance of p(z), all directions of u are alike, which is the mass matrix
(S S')^-1 in other words (section 5.4.1). Each of N chains is independent of the others.

`log_density` is a function of z [N, D] that gives log p(z) [N] up to a constant, each from its own
row alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vae.probability.distributions import einsum

Array = jax.Array

TARGET = 0.8  # of the acceptance: trajectories then cost least (Betancourt et al. 2014, section 5)


class Point(NamedTuple):
    """Where chains are.

    Attributes:
      z: [N, D].
      log_density: [N] there, and gradient: [N, D].
    """

    z: Array
    log_density: Array
    gradient: Array


def point_at(log_density: Callable[[Array], Array], z: Array) -> Point:
    """The point at z [N, D]."""
    value, pull = jax.vjp(log_density, z)
    return Point(z, value, pull(jnp.ones_like(value))[0])


def leapfrog(
    log_density: Callable[[Array], Array],
    point: Point,
    momentum: Array,
    step: Array,
    scale: Array,
) -> tuple[Point, Array]:
    """One leapfrog step; returns the point and the momentum there.

    Args:
      log_density: see above.
      point: where the chains are.
      momentum: [N, D] of u.
      step: [N] sizes.
      scale: S, [N, D, D], or [N, D] where it is diagonal.
    """
    step = step[:, None]
    momentum = momentum + 0.5 * step * _times(scale, point.gradient, transpose=True)
    point = point_at(log_density, point.z + step * _times(scale, momentum))
    return point, momentum + 0.5 * step * _times(scale, point.gradient, transpose=True)


def _times(scale: Array, vector: Array, *, transpose: bool = False) -> Array:
    """S v, or S' v."""
    if scale.ndim == 2:
        return scale * vector
    return einsum("nij,ni->nj" if transpose else "nij,nj->ni", scale, vector)


def accept(
    start: Point, start_momentum: Array, end: Point, end_momentum: Array, *, keys: Array
) -> tuple[Point, Array]:
    """Where chains go on from, one end of their trajectory or the other, from keys [N].

    Also returns the probabilities [N] of the end; where it is not finite, 0.
    """
    before = start.log_density - 0.5 * (start_momentum**2).sum(-1)
    after = end.log_density - 0.5 * (end_momentum**2).sum(-1)
    probability = jnp.exp(jnp.minimum(after - before, 0.0))
    sound = jnp.isfinite(after) & jnp.isfinite(end.gradient).all(-1)
    probability = jnp.where(sound, probability, 0.0)
    taken = jax.vmap(jax.random.uniform)(keys) < probability

    def choose(old: Array, new: Array) -> Array:
        return jnp.where(taken.reshape(-1, *[1] * (new.ndim - 1)), new, old)

    return jax.tree.map(choose, start, end), probability


def adapted(log_step: Array, probability: Array, sweep: Array) -> Array:
    """Step sizes that draw the acceptance to `TARGET`, after sweep 0, 1, ... of a burn-in.

    The stochastic approximation of Robbins and Monro (Andrieu & Thoms 2008, "A tutorial on adaptive
    MCMC", section 4.2): changes shrink as 1 / sqrt(sweep + 1).
    """
    return log_step + (probability - TARGET) / jnp.sqrt(sweep + 1.0)
