"""The Poincare ball: hyperbolic space of curvature -c, as the z in R^D with c |z|^2 < 1.

Lengths at z are 2 / (1 - c |z|^2) times those of R^D. So

    d(a, b) = 2 / sqrt(c) asinh(sqrt(c) |a - b| / sqrt((1 - c |a|^2) (1 - c |b|^2)))

and every point has the same surroundings: a ball of radius r has the surface S(r) =
(sinh(sqrt(c) r) / sqrt(c))^(D-1) |S^(D-1)| (Mathieu et al. 2019, "Continuous hierarchical
representations with Poincare variational auto-encoders", section 2 and appendix B). Directions v at
a point are measured there: `exp_map(a, v)` lies at the distance |v| from a, whatever a. Ganea et
al. 2018, eq. 8-12, have v / (the factor of lengths at a) in its place.

Where c is small, the ball is R^D in units of 2: exp_map(0, v) = v / 2.

All is written so that no difference of nearly equal numbers is taken, except 1 - c |z|^2, which
float32 holds to 0.3% at the edge. The edge is at REACH / sqrt(c) from the origin; what would be
beyond it is moved there.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from vae.probability.distributions import einsum

Array = jax.Array

EDGE = 1 - 1e-5  # the largest sqrt(c) |z|
REACH = 2 * math.atanh(EDGE)  # its distance from the origin, times sqrt(c)


def inside(z: Array, c: float) -> Array:
    """Returns z [..., D], moved to the edge where it is beyond."""
    longest = EDGE / math.sqrt(c)
    return z * jnp.minimum(1.0, longest / length(z))[..., None]


def distance(a: Array, b: Array, c: float) -> Array:
    """Returns d(a, b) [...] of points [..., D]."""
    return length(b - a) * _stretch(length(b - a), _room(a, c) * _room(b, c), c)


def exp_map(a: Array, v: Array, c: float) -> Array:
    """Returns the point at the distance |v| from a in the direction v, both [..., D].

    It is the Moebius sum of a and y = tanh(sqrt(c) |v| / 2) v / (sqrt(c) |v|), (Ganea et al. 2018,
    eq. 4), moved inside.
    """
    root, r = math.sqrt(c), length(v)
    y = v * (jnp.tanh(root * r / 2) / (root * r))[..., None]
    along, aa, yy = _dot(a, y), _dot(a, a), _dot(y, y)
    above = (1 + 2 * c * along + c * yy)[..., None] * a + (1 - c * aa)[..., None] * y
    return inside(above / (1 + 2 * c * along + c**2 * aa * yy)[..., None], c)


def log_map(a: Array, b: Array, c: float) -> Array:
    """Returns the direction v at a, with |v| = d(a, b), in which b lies; the inverse of `exp_map`.

    It is along the Moebius sum of -a and b, whose numerator is n = (1 - c |a|^2) e - c |e|^2 a with
    e = b - a, and |n| = |e| sqrt((1 - c |a|^2) (1 - c |b|^2) + c |e|^2).
    """
    e = b - a
    squared, room = _dot(e, e), _room(a, c) * _room(b, c)
    n = _room(a, c)[..., None] * e - (c * squared)[..., None] * a
    return n * (_stretch(length(e), room, c) / jnp.sqrt(room + c * squared))[..., None]


def between(a: Array, b: Array, share: Array, c: float) -> Array:
    """Returns the points at shares [...] of the geodesic from a to b [..., D]."""
    return exp_map(a, share[..., None] * log_map(a, b, c), c)


def log_curved(r: Array, c: float) -> Array:
    """Returns log (sinh(x) / x), x = sqrt(c) r: surfaces of radius r over those in R^D, for D = 2.

    It is what a density of v loses as one of exp_map(a, v); D - 1 times it in R^D.
    """
    x = math.sqrt(c) * r
    small = x < 0.1
    far = jnp.where(small, 1.0, x)
    large = far + jnp.log1p(-jnp.exp(-2 * far)) - jnp.log(2 * far)
    return jnp.where(small, x**2 / 6 - x**4 / 180, large)


def length(x: Array) -> Array:
    """Returns |x| [...] of x [..., D], with a gradient at 0."""
    return jnp.sqrt(_dot(x, x) + 1e-14)


def _stretch(apart: Array, room: Array, c: float) -> Array:
    """Returns d(a, b) / |a - b| for points so far `apart`, with `room` = (1-c|a|^2) (1-c|b|^2)."""
    root = math.sqrt(c)
    return 2 / root * jnp.arcsinh(root * apart / jnp.sqrt(room)) / apart


def _room(z: Array, c: float) -> Array:
    """Returns 1 - c |z|^2."""
    return 1 - c * _dot(z, z)


def _dot(a: Array, b: Array) -> Array:
    return einsum("...d,...d->...", a, b)
