"""Orthogonal Sylvester flows with parameters of each example (van den Berg et al. 2018)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability import flows
from vae.probability.distributions import DiagonalGaussian, strictly_lower

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Sylvester(Posterior):
    """z = f_F(... f_1(u)), u ~ N(mean(x), diag(std(x)^2)), f(z) = z + Q R1 tanh(R2 Q^T z + b).

    The encoder gives the mean, the log-variance and (Q, R1, R2, b) of each of the `flows`. Q has as
    many columns as rows (M = D). It is orthogonal to rounding, and always differentiable, as the
    Cayley transform of what the encoder gives; the paper orthogonalises by iteration (section 4.1).
    The diagonals of R1 and R2 are in (-1, 1) by tanh, as in the authors' code.
    """

    size: int
    flows: int

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.flows * sum(self._sizes)

    @property
    def _sizes(self) -> tuple[int, ...]:
        """Numbers for the rotation, above the two diagonals, on them and for the shift."""
        below = self.size * (self.size - 1) // 2
        return (below,) * 3 + (self.size,) * 3

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> flows.TransformedGaussian:
        mean, log_variance, rest = jnp.split(outputs, (self.size, 2 * self.size), axis=-1)
        steps = tuple(self._step(step) for step in jnp.split(rest, self.flows, axis=-1))
        base = DiagonalGaussian(mean, 0.5 * log_variance)
        return flows.TransformedGaussian(base, steps, jnp.zeros((1, self.size)), flows.sylvester)

    def _step(self, outputs: Array) -> tuple[Array, Array, Array, Array]:
        """(Q, R1, R2, b) of one transformation."""
        ends = [sum(self._sizes[:i]) for i in range(1, 6)]
        *below, d1, d2, b = jnp.split(outputs, ends, axis=-1)
        lower, r1, r2 = (strictly_lower(values, self.size) for values in below)
        q = flows.cayley(lower - lower.mT)
        r1, r2 = (
            r.mT + jnp.tanh(d)[..., None] * jnp.eye(self.size) for r, d in ((r1, d1), (r2, d2))
        )
        return q, r1, r2, b
