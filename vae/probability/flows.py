"""Normalizing flows from a Gaussian, for posteriors: z and its own density in one pass.

    z = f_F(... f_1(u)),    log q(z) = log N(u; mean, std^2) - sum_f log |det df_f|

(Rezende & Mohamed 2015, eq. 13.) One transformation is a function `(parameters, z [..., B, D])` to
the new z and the logarithm of the determinant [..., B]; its parameters are a tree of arrays.
A transformation without an inverse gives the density at q's own samples only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from vae.probability.density import Variational
from vae.probability.distributions import DiagonalGaussian, einsum

Array = jax.Array

GATE = 1.5  # added to an autoregressive gate's input, so that a flow starts near the identity


class TransformedGaussian(Variational, flax.struct.PyTreeNode):
    """A diagonal Gaussian after a chain of transformations.

    Attributes:
      base: the distribution of u, [B, D].
      steps: the parameters of each transformation.
      shift: [1, D] or [B, D], added to the last transformation's result.
      transform: the transformation.
    """

    base: DiagonalGaussian
    steps: tuple[Any, ...]
    shift: Array
    transform: Callable[[Any, Array], tuple[Array, Array]] = flax.struct.field(pytree_node=False)

    @property
    def mean(self) -> Array:  # type: ignore[override]  # a field of others
        """Returns the image of the base's mean, [B, D]; the expectation has no closed form."""
        return self._forward(self.base.mean)[0]

    def sample_and_log_prob(self, *, keys: Array) -> tuple[Array, Array]:
        """Draws z [K, B, D] by reparameterisation, from keys [K, B]; log q(z) is [K, B]."""
        u, log_prob = self.base.sample_and_log_prob(keys=keys)
        z, log_det = self._forward(u)
        return z, log_prob - log_det

    def shifted(self, by: Array) -> TransformedGaussian:
        """Returns the distribution of z + by, for a shift [D] or [B, D]."""
        return self.replace(shift=self.shift + by)

    def _forward(self, z: Array) -> tuple[Array, Array]:
        log_det = jnp.zeros(z.shape[:-1])
        for parameters in self.steps:
            z, change = self.transform(parameters, z)
            log_det = log_det + change
        return z + self.shift, log_det


class InvertibleGaussian(TransformedGaussian):
    """A transformed Gaussian with an inverse: its density is known everywhere.

    Attributes:
      undo: (parameters, new z [..., B, D]) to z.
    """

    undo: Callable[[Any, Array], Array] = flax.struct.field(pytree_node=False)

    def log_prob(self, z: Array) -> Array:
        """Returns log q(z | x) [..., B] of z [..., B, D]."""
        z = jnp.broadcast_to(z, jnp.broadcast_shapes(z.shape, self.base.mean.shape)) - self.shift
        log_det = jnp.zeros(z.shape[:-1])
        for parameters in reversed(self.steps):
            z = self.undo(parameters, z)
            log_det = log_det + self.transform(parameters, z)[1]
        return self.base.log_prob(z) - log_det


def _log_one_plus(one_plus_r: Array, tanh: Array) -> Array:
    """Returns log(1 + r tanh'(a)) of 1 + r > 0 and tanh(a), without cancellation near r = -1."""
    return jnp.log(one_plus_r + (1 - one_plus_r) * tanh**2)


def planar(parameters: tuple[Array, Array, Array], z: Array) -> tuple[Array, Array]:
    """Returns z + u tanh(w.z + b) and its log-determinant; (u, w, b) are [B, D], [B, D], [B].

    Source: Rezende & Mohamed 2015, eq. 10-12 and appendix A.1. The map is invertible if w.u > -1,
    so u is moved along w until w.u = m(w.u), m(x) = -1 + log(1 + (e - 1) exp(x)). The factor e - 1
    is not in the paper: with it m(0) = 0, and small parameters are near the identity.
    """
    u, w, b = parameters
    inner = (w * u).sum(-1)
    one_plus_m = jax.nn.softplus(inner + jnp.log(jnp.expm1(1.0)))
    squared = (w**2).sum(-1) + 1e-12  # m(x) - x is as small as w, also for w = 0
    u = u + ((one_plus_m - 1 - inner) / squared)[..., None] * w
    tanh = jnp.tanh(einsum("...d,...d->...", w, z) + b)
    return z + u * tanh[..., None], _log_one_plus(one_plus_m, tanh)


def radial(parameters: tuple[Array, Array, Array], z: Array) -> tuple[Array, Array]:
    """Returns c + (z - c) (r + s) / (r + a), r = |z - c|, and its log-determinant.

    Source: Rezende & Mohamed 2015, eq. 14, z + beta (z - c) / (a + r) with beta = s - a. The map is
    invertible if a > 0 and s > 0 (appendix A.2); a softplus makes them from the parameters
    (c, a, s) [B, D], [B] and [B]. Along the ray from c the slope is (r^2 + 2 a r + a s) /
    (r + a)^2, across it (r + s) / (r + a): neither form has a difference that could cancel.
    """
    centre, a, s = _rays(parameters)
    r = _length(z - centre)
    across = jnp.log(r + s) - jnp.log(r + a)
    along = jnp.log(r**2 + 2 * a * r + a * s) - 2 * jnp.log(r + a)
    ratio = ((r + s) / (r + a))[..., None]
    return centre + (z - centre) * ratio, (z.shape[-1] - 1) * across + along


def undo_radial(parameters: tuple[Array, Array, Array], z: Array) -> Array:
    """Returns the z that `radial` maps to z [..., B, D]: r^2 + (s - R) r = a R, R = |z - c|."""
    centre, a, s = _rays(parameters)
    whole = _length(z - centre)
    p, q = s - whole, a * whole
    root = jnp.sqrt(p**2 + 4 * q)
    r = jnp.where(p > 0, 2 * q / (jnp.abs(p) + root), (root - p) / 2)
    return centre + (z - centre) * ((r + a) / (r + s))[..., None]


def _rays(parameters: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
    centre, a, s = parameters
    return centre, jax.nn.softplus(a), jax.nn.softplus(s)


def _length(x: Array) -> Array:
    """Returns |x| [...] of x [..., D], with a gradient at 0."""
    return jnp.sqrt((x**2).sum(-1) + 1e-12)


def sylvester(parameters: tuple[Array, Array, Array, Array], z: Array) -> tuple[Array, Array]:
    """Returns z + Q R1 tanh(R2 Q^T z + b) and its log-determinant.

    Source: van den Berg et al. 2018, eq. 8-10. The parameters (Q, R1, R2, b) are three times
    [B, D, D] and [B, D]. Q is orthogonal; R1 and R2 are upper triangular, and every product of
    their diagonals must be above -1.
    """
    q, r1, r2, b = parameters
    rotated = einsum("...dm,...d->...m", q, z)
    tanh = jnp.tanh(einsum("...mn,...n->...m", r2, rotated) + b)
    moved = einsum("...dm,...mn,...n->...d", q, r1, tanh)
    diagonals = jnp.diagonal(r1, axis1=-2, axis2=-1) * jnp.diagonal(r2, axis1=-2, axis2=-1)
    return z + moved, _log_one_plus(1 + diagonals, tanh).sum(-1)


def cayley(skew: Array) -> Array:
    """Returns the rotation (I + S)^-1 (I - S) of a skew-symmetric matrix S, [..., D, D].

    Every rotation without the eigenvalue -1 has this form, and the inverse always exists.
    """
    identity = jnp.eye(skew.shape[-1])
    return jnp.linalg.solve(identity + skew, identity - skew)


def inverse_autoregressive(outputs: Array, z: Array) -> tuple[Array, Array]:
    """Returns s z + (1 - s) m and its log-determinant, the dimensions reversed for the next step.

    Source: Kingma et al. 2016, eq. 13-14 and algorithm 1. The `outputs` [..., B, D, 2] are m and
    the input of the gate s. Those of dimension d depend on the dimensions of z before d alone, so
    the determinant is the product of the gates.
    """
    m, gate = outputs[..., 0], outputs[..., 1] + GATE
    s = jax.nn.sigmoid(gate)
    return (s * z + (1 - s) * m)[..., ::-1], jax.nn.log_sigmoid(gate).sum(-1)


def undo_inverse_autoregressive(network: Callable[[Array], Array], z: Array) -> Array:
    """Returns the z that `inverse_autoregressive` with the outputs of `network` maps to z.

    After d rounds the first d dimensions are right, for they depend on those before them alone. The
    inverse therefore costs D passes, the forward map one. z is [..., B, D].
    """
    z = z[..., ::-1]

    def refine(_: int, guess: Array) -> Array:
        outputs = network(guess)
        s = jax.nn.sigmoid(outputs[..., 1] + GATE)
        return (z - (1 - s) * outputs[..., 0]) / s

    return jax.lax.fori_loop(0, z.shape[-1], refine, z)
