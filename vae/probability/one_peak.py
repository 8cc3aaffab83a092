"""Densities on a line with one peak: their integral, and their inverse distribution function.

A density that is smooth and has one peak is integrated to rounding by Gauss-Legendre quadrature on
a few pieces around the peak. The integrals up to each piece are the distribution function: its
inverse draws samples without rejection, and with a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = jax.Array

PIECES = 64
NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)  # on [-1, 1]
NEWTON_STEPS = 6
SMALLEST = 1e-6  # least divisor g / g(peak): what float32 samples of (0, 1) can reach


class OnePeak(NamedTuple):
    """B densities g on a range that holds all but rounding of their mass.

    No result depends on the range or its pieces, so they are to be constants to differentiation.

    Attributes:
      density: returns g(t) / g(peak) of t [..., B]; the peak need not be exact.
      starts: where each piece starts, [PIECES, B].
      piece: the length of a piece, [B].
    """

    density: Callable[[Array], Array]
    starts: Array
    piece: Array

    def integral(self, start: Array, length: Array) -> Array:
        """Returns the integral [..., B] of `density` over [start, start + length] in one piece."""
        points = (start + (1 + x) / 2 * length for x in NODES.tolist())
        terms = zip(WEIGHTS.tolist(), points, strict=True)
        return length / 2 * sum(weight * self.density(t) for weight, t in terms)

    def pieces(self) -> Array:
        """Returns the integral of `density` over each piece, [PIECES, B]."""
        return self.integral(self.starts, self.piece)

    def quantile(self, uniform: Array) -> Array:
        """Returns the t [K, B] at which the distribution function is `uniform` [K, B] in [0, 1).

        Newton's method finds it. The last step starts at a constant, so its gradient is that of the
        implicit function, dt/da = -(dG/da) / g(t) with G the distribution function and a parameter
        a (Figurnov et al. 2018, eq. 6).
        """
        whole = jnp.cumsum(self.pieces(), axis=0)
        before = jnp.concatenate([jnp.zeros_like(whole[:1]), whole[:-1]])
        wanted = uniform * whole[-1]
        index = jnp.minimum((whole[:, None] <= wanted).sum(0), PIECES - 1)  # [K, B]
        start = jnp.take_along_axis(self.starts, index, axis=0)
        rest = wanted - jnp.take_along_axis(before, index, axis=0)

        length = jnp.full_like(rest, 0.5) * self.piece
        for _ in range(NEWTON_STEPS):
            length = jax.lax.stop_gradient(length)
            slope = jnp.maximum(jax.lax.stop_gradient(self.density(start + length)), SMALLEST)
            length -= (self.integral(start, length) - rest) / slope
            length = jnp.clip(length, 0.0, self.piece)
        return start + length


def pieces_of(start: Array, end: Array) -> tuple[Array, Array]:
    """Returns the starts [PIECES, B] and the length [B] of the pieces of [start, end]."""
    piece = (end - start) / PIECES
    return start + jnp.arange(PIECES)[:, None] * piece, piece
