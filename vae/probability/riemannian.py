"""A metric of the latents that is learned from encoded examples, and dynamics in it.

    G(z)^-1 = sum_i L_i L_i' w_i(z) + lambda I,    w_i(z) = exp(-|z - c_i|^2 / T^2)

(Chadebec, Mantoux & Allassonniere 2020, "Geometry-aware Hamiltonian variational auto-encoder",
section 3.) The centroids c_i are where examples lie, so that the volume element sqrt det G is small
among examples and large away from them. A point z with momentum r ~ N(0, G(z)) has the energy

    H(z, r) = -log p(x, z) + r' G(z)^-1 r / 2 - log det G(z)^-1 / 2

whose generalised leapfrog steps are implicit (Leimkuhler & Reich 2004; Girolami & Calderhead 2011):

    r_1/2 = r - e/2 dH/dz(z, r_1/2)
    z'    = z + e/2 (G(z)^-1 + G(z')^-1) r_1/2
    r'    = r_1/2 - e/2 dH/dz(z', r_1/2)

They keep volumes if both equations are solved. ITERATIONS of a fixed point leave an error of about
(e |r| times the slope of G^-1)^ITERATIONS: figures are as exact as that is small.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.distributions import einsum

Array = jax.Array

ITERATIONS = 10


class Metric(flax.struct.PyTreeNode):
    """G of M centroids.

    Attributes:
      centroids: c, [M, D].
      factors: L, [M, D, D]; zeros where there is no centroid yet.
      temperature: T.
      regularization: lambda.
    """

    centroids: Array
    factors: Array
    temperature: float = flax.struct.field(pytree_node=False)
    regularization: float = flax.struct.field(pytree_node=False)

    def near(self, z: Array) -> tuple[Array, Array]:
        """Returns w [N, M] and its gradients [N, M, D] at z [N, D]."""
        apart = z[:, None] - self.centroids
        w = jnp.exp(-(apart**2).sum(-1) / self.temperature**2)
        return w, -2 / self.temperature**2 * w[..., None] * apart

    def root(self, z: Array) -> Array:
        """Returns the lower triangular C [N, D, D] with C C' = G(z)^-1."""
        w, _ = self.near(z)
        inverse = einsum("nm,mij,mkj->nik", w, self.factors, self.factors)
        return jnp.linalg.cholesky(inverse + self.regularization * jnp.eye(z.shape[-1]))

    def log_det(self, z: Array) -> Array:
        """Returns log det G(z)^-1 [N]."""
        return log_det_of(self.root(z))

    def projected(self, r: Array) -> Array:
        """Returns L_i' r, [N, M, D]."""
        return einsum("mij,ni->nmj", self.factors, r)

    def raised(self, z: Array, r: Array, projected: Array) -> Array:
        """Returns G(z)^-1 r [N, D]."""
        w, _ = self.near(z)
        return einsum("nm,mij,nmj->ni", w, self.factors, projected) + self.regularization * r


def log_det_of(root: Array) -> Array:
    """Returns log det (C C') [N] of triangular matrices [N, D, D]."""
    return 2 * jnp.log(jnp.diagonal(root, axis1=-2, axis2=-1)).sum(-1)


def momentum_at(root: Array, noise: Array) -> Array:
    """Returns a momentum of N(0, G) [N, D] from noise of N(0, I): C'^-1 noise, C C' = G^-1."""
    return jax.lax.linalg.triangular_solve(
        root, noise[..., None], left_side=True, lower=True, transpose_a=True
    )[..., 0]


def leapfrog(
    log_density: Callable[[Array], Array], metric: Metric, z: Array, r: Array, step: Array
) -> tuple[Array, Array]:
    """Takes one generalised leapfrog step from z and the momentum r, both [N, D].

    Args:
      log_density: z [N, D] to log p(x, z) [N], each value from its own row alone.
      metric: G.
      z: the points.
      r: their momenta.
      step: e, the step size.
    """
    half = 0.5 * step
    pushed = r + half * _slope(log_density, metric, z)
    r = _fixed_point(lambda r: pushed - half * _of_momentum(metric, z, r), r)
    projected = metric.projected(r)
    carried = z + half * metric.raised(z, r, projected)
    z = _fixed_point(lambda z: carried + half * metric.raised(z, r, projected), z)
    r = r + half * (_slope(log_density, metric, z) - _of_momentum(metric, z, r))
    return z, r


def _fixed_point(function: Callable[[Array], Array], start: Array) -> Array:
    return jax.lax.fori_loop(0, ITERATIONS, lambda _, x: function(x), start)


def _slope(log_density: Callable[[Array], Array], metric: Metric, z: Array) -> Array:
    """Returns the gradient of log p(x, z) + log det G(z)^-1 / 2, [N, D]."""
    return jax.grad(lambda z: (log_density(z) + 0.5 * metric.log_det(z)).sum())(z)


def _of_momentum(metric: Metric, z: Array, r: Array) -> Array:
    """Returns the gradient of r' G(z)^-1 r / 2 by z, [N, D]."""
    _, slope = metric.near(z)
    return 0.5 * einsum("nmd,nm->nd", slope, (metric.projected(r) ** 2).sum(-1))
