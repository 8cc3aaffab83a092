"""Samples where a learned metric has a small volume: among the examples that it was made of.

    p(z) ~ sqrt det G(z)^-1

(Chadebec et al. 2020, section 4.) Far from all centroids this is a small constant, so that it has
no integral over R^D; a chain of TRANSITIONS from a random centroid does not get there where D is
more than a few.
"""

from __future__ import annotations

import math

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.distributions import draw_each
from vae.probability.hamiltonian import transition
from vae.probability.riemannian import Metric

Array = jax.Array

TRANSITIONS, LEAPFROGS, STEP = 100, 15, 0.03  # as in the code of Chadebec et al.


class MetricSamples(flax.struct.PyTreeNode):
    """The ends of chains in a metric.

    Attributes:
      metric: G.
      shift: [D], added to the ends.
    """

    metric: Metric
    shift: Array

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        number, dim = self.metric.centroids.shape
        index = draw_each(lambda key: jax.random.randint(key, (), 0, number), keys)
        log_step = jnp.full(len(keys), math.log(STEP))
        scale = jnp.ones((len(keys), dim))

        def move(turn: int, z: Array) -> Array:
            own = draw_each(lambda key: jax.random.fold_in(key, turn), keys)
            return transition(
                lambda z: 0.5 * self.metric.log_det(z),
                *(z, log_step, scale),
                leapfrogs=LEAPFROGS,
                keys=own,
            )[0]

        start = self.metric.centroids[index]
        return jax.lax.fori_loop(0, TRANSITIONS, move, start) + self.shift

    def tempered(self, temperature: Array) -> None:
        """Returns None: it has no temperature."""
        return None
