"""Hamiltonian Monte Carlo, step by step: a chain of z that leaves a density p(z) as it is.

    H(z, r) = -log p(z) + |r|^2 / 2,     r ~ N(0, I)

Leapfrog steps are reversible and keep volumes, but keep H only nearly; accepting the end of a
trajectory with probability min(1, exp(H_start - H_end)) corrects that. (Neal 2011, "MCMC using
Hamiltonian dynamics", section 5.2 and 5.3.) Every chain moves in coordinates u of its own, z = S u:
where S S' is about the covariance of p(z), all directions of u are alike. This is the same as the
mass matrix (S S')^-1 (section 5.4.1). Each of the N chains is independent of the others.

`log_density` is a function of z [N, D] that gives log p(z) [N] up to a constant, each value from
its own row alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vae.probability import loops
from vae.probability.distributions import einsum, split, standard_normal

Array = jax.Array

TARGET = 0.8  # acceptance at which trajectories cost least (Betancourt et al. 2014, section 5)


class Point(NamedTuple):
    """Where chains are.

    Attributes:
      z: [N, D].
      log_density, gradient: log p(z) [N] and its gradient [N, D] there.
    """

    z: Array
    log_density: Array
    gradient: Array


def point_at(log_density: Callable[[Array], Array], z: Array) -> Point:
    """Returns the point at z [N, D]."""
    value, pull = jax.vjp(log_density, z)
    return Point(z, value, pull(jnp.ones_like(value))[0])


def leapfrog(
    log_density: Callable[[Array], Array],
    point: Point,
    momentum: Array,
    step: Array,
    scale: Array,
) -> tuple[Point, Array]:
    """Takes one leapfrog step; returns the point and the momentum there.

    Args:
      log_density: see the module.
      point: where the chains are.
      momentum: [N, D], in the coordinates u.
      step: [N], the step sizes.
      scale: S, [N, D, D], or [N, D] where it is diagonal.
    """
    step = step[:, None]
    momentum = momentum + 0.5 * step * _times(scale, point.gradient, transpose=True)
    point = point_at(log_density, point.z + step * _times(scale, momentum))
    return point, momentum + 0.5 * step * _times(scale, point.gradient, transpose=True)


def _times(scale: Array, vector: Array, *, transpose: bool = False) -> Array:
    """Returns S v, or S' v."""
    if scale.ndim == 2:
        return scale * vector
    return einsum("nij,ni->nj" if transpose else "nij,nj->ni", scale, vector)


def kick(log_step: Array, dim: int, *, keys: Array) -> tuple[Array, Array]:
    """Draws the momentum [N, D] and the step sizes [N] of trajectories, with keys [2, N].

    Lengths vary by a fifth, so that no trajectory is exactly one period of some dimension.
    """
    vary = jax.vmap(lambda key: jax.random.uniform(key, minval=0.8, maxval=1.2))(keys[1])
    return standard_normal(keys[0], dim), jnp.exp(log_step) * vary


def transition(
    log_density: Callable[[Array], Array],
    z: Array,
    log_step: Array,
    scale: Array,
    *,
    leapfrogs: int,
    keys: Array,
) -> tuple[Array, Array]:
    """Moves chains by one trajectory, which leaves p(z) as it is, in one compiled program.

    Args:
      log_density: see the module.
      z: [N, D], where the chains are.
      log_step: [N], the logarithms of the step sizes.
      scale: S, see `leapfrog`.
      leapfrogs: the number of leapfrog steps.
      keys: [N].

    Returns:
      Where they go on, and the acceptance probabilities [N].
    """
    *kick_keys, accept_keys = split(keys, 3)
    start = point_at(log_density, z)
    momentum, step = kick(log_step, z.shape[-1], keys=jnp.stack(kick_keys))

    def turn(at: tuple[Point, Array], _: Array) -> tuple[tuple[Point, Array], None]:
        return leapfrog(log_density, *at, step, scale), None

    end, _ = loops.scan(turn, (start, momentum), jnp.arange(leapfrogs))
    point, probability = accept(start, momentum, *end, keys=accept_keys)
    return point.z, probability


def accept(
    start: Point, start_momentum: Array, end: Point, end_momentum: Array, *, keys: Array
) -> tuple[Point, Array]:
    """Accepts or rejects the end of each chain's trajectory, with keys [N].

    Returns:
      The points from which the chains go on, and the acceptance probabilities [N]; 0 where not
      finite.
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
    """Returns log step sizes that move the acceptance to `TARGET`; `sweep` is 0, 1, ... of burn-in.

    Robbins and Monro's stochastic approximation (Andrieu & Thoms 2008, "A tutorial on adaptive
    MCMC", section 4.2): changes shrink as 1 / sqrt(sweep + 1).
    """
    return log_step + (probability - TARGET) / jnp.sqrt(sweep + 1.0)
