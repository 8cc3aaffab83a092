"""The Hamiltonian posterior of `hamiltonian_flow.py` in a learned metric (`riemannian.py`).

    r_0 = G(z_0)^(1/2) g / sqrt(b),  g ~ N(0, I),  then generalised leapfrog steps, cooled as there
    w = p(x, z_n) N(r_n; 0, G(z_n)) / (q_0(z_0 | x) N(g; 0, I) sqrt det G(z_0)^-1)

(Chadebec et al. 2020, section 3.) With G = I it is the other.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Variational
from vae.probability.distributions import (
    einsum,
    normal_log_prob,
    other_keys,
    standard_normal,
)
from vae.probability.hamiltonian_flow import coolings
from vae.probability.riemannian import Metric, leapfrog, log_det_of, momentum_at

Array = jax.Array


class RiemannianFlow(Variational, flax.struct.PyTreeNode):
    """Where q_0's samples are moved to; see `HamiltonianFlow`.

    Attributes:
      base, mean, log_joint, tempering, shift, num: as there.
      metric: G, with leaves [1, ...].
      step: [1], the step size.
    """

    base: Variational
    mean: Array
    log_joint: Callable[[Array], Array]
    metric: Metric
    step: Array
    tempering: Array
    shift: Array
    num: int = flax.struct.field(pytree_node=False)

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] from keys [K, B]; `log q(z | x)` [K, B] is of z and the momentum."""
        z, log_prob = self.base.sample_and_log_prob(keys=keys)
        noise = standard_normal(other_keys(keys), z.shape[-1])
        z, left, volume = moved(
            self.log_joint, self.metric, z, noise, self.step, self.tempering, num=self.num
        )
        change = normal_log_prob(noise, 0.0, 0.0) - normal_log_prob(left, 0.0, 0.0)
        return z + self.shift, log_prob + change.sum(-1) - volume

    def shifted(self, by: Array) -> RiemannianFlow:
        """Returns the distribution of z + by, for a shift [D] or [B, D]."""
        return self.replace(mean=self.mean + by, shift=self.shift + by)


def riemannian_flow(
    base: Variational,
    log_joint: Callable[[Array], Array],
    metric: Metric,
    step: Array,
    tempering: Array,
    *,
    num: int,
) -> RiemannianFlow:
    """Returns the flow from a distribution `base`; the arguments are its attributes."""
    start = base.mean[None]
    mean, _, _ = moved(log_joint, metric, start, jnp.zeros_like(start), step, tempering, num=num)
    mean, shift = jax.lax.stop_gradient(mean[0]), jnp.zeros_like(start[0, :1])
    return RiemannianFlow(base, mean, log_joint, metric, step, tempering, shift, num)


def moved(
    log_joint: Callable[[Array], Array],
    metric: Metric,
    z: Array,
    noise: Array,
    step: Array,
    tempering: Array,
    *,
    num: int,
) -> tuple[Array, Array, Array]:
    """Moves z_0 and its momentum, which is made of noise g, both [K, B, D].

    Returns:
      z_n [K, B, D]; its momentum as noise, G(z_n)^(-1/2) r_n [K, B, D]; and by how much the
      log-density of the momentum per noise rose, log det G(z_n)^-1 / 2 - log det G(z_0)^-1 / 2.
    """
    shape, metric = z.shape, jax.tree.map(lambda leaf: leaf[0], metric)

    def log_density(rows: Array) -> Array:
        return log_joint(rows.reshape(shape)).reshape(-1)

    first, *factors = coolings(tempering, num)
    z, noise = (x.reshape(-1, shape[-1]) for x in (z, noise))
    before = metric.root(z)
    momentum = first * momentum_at(before, noise)
    for factor in factors:
        z, momentum = leapfrog(log_density, metric, z, momentum, step[0])
        momentum = factor * momentum
    root = metric.root(z)
    left = einsum("nij,ni->nj", root, momentum)
    volume = 0.5 * (log_det_of(root) - log_det_of(before))
    return z.reshape(shape), left.reshape(shape), volume.reshape(shape[:-1])
