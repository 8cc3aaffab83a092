"""Planar flows whose parameters depend on the example (Rezende & Mohamed 2015)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.distributions import DiagonalGaussian
from vae.probability.flows import TransformedGaussian, planar

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Planar(Posterior):
    """z = f_F(... f_1(u)), u ~ N(mean(x), diag(std(x)^2)), f(z) = z + u(x) tanh(w(x).z + b(x)).

    The encoder gives the mean, the log-variance and (u, w, b) of each of the `flows`.
    """

    size: int
    flows: int

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.flows * (2 * self.size + 1)

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> TransformedGaussian:
        dim = self.size
        mean, log_variance, rest = jnp.split(outputs, (dim, 2 * dim), axis=-1)
        steps = tuple(
            (step[..., :dim], step[..., dim:-1], step[..., -1])
            for step in jnp.split(rest, self.flows, axis=-1)
        )
        base = DiagonalGaussian(mean, 0.5 * log_variance)
        return TransformedGaussian(base, steps, jnp.zeros((1, self.size)), planar)
