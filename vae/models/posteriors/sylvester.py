"""Orthogonal Sylvester flows whose parameters depend on the example (van den Berg et al. 2018)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.distributions import DiagonalGaussian, strictly_lower
from vae.probability.flows import TransformedGaussian, cayley, sylvester

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Sylvester(Posterior):
    """z = f_F(... f_1(u)), u ~ N(mean(x), diag(std(x)^2)), f(z) = z + Q R1 tanh(R2 Q^T z + b).

    The encoder gives the mean, the log-variance and (Q, R1, R2, b) of each of the `flows`. Q is
    square (M = D). As the Cayley transform of an encoder's output it is orthogonal up to rounding
    and differentiable everywhere; the paper orthogonalises by iteration (section 4.1). A tanh keeps
    the diagonals of R1 and R2 in (-1, 1), as in the authors' code.
    """

    size: int
    flows: int

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.flows * sum(self._sizes)

    @property
    def _sizes(self) -> tuple[int, ...]:
        """Returns the sizes of Q, R1 and R2 above their diagonals, both diagonals, and b."""
        below = self.size * (self.size - 1) // 2
        return (below,) * 3 + (self.size,) * 3

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> TransformedGaussian:
        mean, log_variance, rest = jnp.split(outputs, (self.size, 2 * self.size), axis=-1)
        steps = tuple(self._step(step) for step in jnp.split(rest, self.flows, axis=-1))
        base = DiagonalGaussian(mean, 0.5 * log_variance)
        return TransformedGaussian(base, steps, jnp.zeros((1, self.size)), sylvester)

    def _step(self, outputs: Array) -> tuple[Array, Array, Array, Array]:
        """Returns (Q, R1, R2, b) of one transformation from its outputs [..., P]."""
        ends = [sum(self._sizes[:i]) for i in range(1, 6)]
        *below, d1, d2, b = jnp.split(outputs, ends, axis=-1)
        lower, r1, r2 = (strictly_lower(values, self.size) for values in below)
        q = cayley(lower - lower.mT)
        r1, r2 = (
            r.mT + jnp.tanh(d)[..., None] * jnp.eye(self.size) for r, d in ((r1, d1), (r2, d2))
        )
        return q, r1, r2, b
