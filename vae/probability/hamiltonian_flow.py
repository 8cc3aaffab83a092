"""A posterior improved by Hamiltonian dynamics in log p(x, z), with a density in closed form.

    z_0 ~ q_0(z | x),   r_0 = g / sqrt(b),  g ~ N(0, I)
    (z_k, r_k) = one leapfrog step from (z_{k-1}, r_{k-1}), then r_k *= sqrt(b_{k-1} / b_k)
    1 / sqrt(b_k) = 1 / sqrt(b) + (1 - 1 / sqrt(b)) (k / n)^2,    so b_0 = b and b_n = 1

(Caterini et al. 2018, algorithm 1 and eq. 9-10.) A start that is hotter than N(0, I), b < 1, is
cooled on the way. A leapfrog step keeps volumes, and the cooling has the determinant b^(D/2) in
all, which is that of r_0's density: so the density of (z_n, r_n) is q_0(z_0 | x) N(g; 0, I). Beside
the joint p(x, z_n) N(r_n; 0, I) that makes the importance weight

    w = p(x, z_n) N(r_n; 0, I) / (q_0(z_0 | x) N(g; 0, I)),    E[w] = p(x),

whose E[log w] is the paper's bound. It writes the constant D / 2 for E[|g|^2] / 2; with g itself
the gradient is the same and the noise less, for r_n is near g. "log q(z | x)" is here what makes
log w of the usual terms. Without steps, or with steps of size 0, it is log q_0.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Variational
from vae.probability.distributions import normal_log_prob, other_keys, standard_normal
from vae.probability.hamiltonian import leapfrog, point_at

Array = jax.Array


class HamiltonianFlow(Variational, flax.struct.PyTreeNode):
    """Where q_0's samples are moved to.

    Attributes:
      base: q_0(z | x).
      mean: [B, D], where its mean is moved to from rest, without a gradient: it is for figures, and
        would cost as much as a sample.
      log_joint: z [K, B, D] to log p(x, z) [K, B], a pytree.
      step: [1, D], the step size of each dimension.
      tempering: b, [1].
      shift: [1, D] or [B, D], added at the end, and in the mean.
      num: n, how many steps.
    """

    base: Variational
    mean: Array
    log_joint: Callable[[Array], Array]
    step: Array
    tempering: Array
    shift: Array
    num: int = flax.struct.field(pytree_node=False)

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] from keys [K, B]; `log q(z | x)` [K, B] is of z and the momentum."""
        z, log_prob = self.base.sample_and_log_prob(keys=keys)
        noise = standard_normal(other_keys(keys), z.shape[-1])
        z, momentum = moved(self.log_joint, z, noise, self.step, self.tempering, num=self.num)
        change = normal_log_prob(noise, 0.0, 0.0) - normal_log_prob(momentum, 0.0, 0.0)
        return z + self.shift, log_prob + change.sum(-1)

    def shifted(self, by: Array) -> HamiltonianFlow:
        """Returns the distribution of z + by, for a shift [D] or [B, D]."""
        return self.replace(mean=self.mean + by, shift=self.shift + by)


def hamiltonian_flow(
    base: Variational,
    log_joint: Callable[[Array], Array],
    step: Array,
    tempering: Array,
    *,
    num: int,
) -> HamiltonianFlow:
    """Returns the flow from a distribution `base`; the arguments are its attributes."""
    start = base.mean[None]
    mean, _ = moved(log_joint, start, jnp.zeros_like(start), step, tempering, num=num)
    mean, shift = jax.lax.stop_gradient(mean[0]), jnp.zeros_like(step)
    return HamiltonianFlow(base, mean, log_joint, step, tempering, shift, num)


def moved(
    log_joint: Callable[[Array], Array],
    z: Array,
    noise: Array,
    step: Array,
    tempering: Array,
    *,
    num: int,
) -> tuple[Array, Array]:
    """Returns (z_n, r_n) of (z_0, g), all [K, B, D]; the others are attributes of the flow."""
    shape = z.shape

    def log_density(rows: Array) -> Array:
        return log_joint(rows.reshape(shape)).reshape(-1)

    first, *factors = coolings(tempering, num)
    point = point_at(log_density, z.reshape(-1, shape[-1]))
    momentum = first * noise.reshape(point.z.shape)
    scale, whole = jnp.broadcast_to(step, point.z.shape), jnp.ones(point.z.shape[0])
    for factor in factors:
        point, momentum = leapfrog(log_density, point, momentum, whole, scale)
        momentum = factor * momentum
    return point.z.reshape(shape), momentum.reshape(shape)


def coolings(tempering: Array, num: int) -> list[Array]:
    """Returns the factors of the momentum at the start and after each step; their product is 1."""
    hot = 1 / jnp.sqrt(tempering[0])
    roots = [hot + (1 - hot) * (k / num) ** 2 for k in range(num + 1)]  # 1 / sqrt(b_k)
    return [hot, *(after / before for before, after in pairwise(roots))]
