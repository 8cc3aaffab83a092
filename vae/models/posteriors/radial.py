"""Radial flows whose parameters depend on the example (Rezende & Mohamed 2015)."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.posterior import Posterior
from vae.probability.distributions import DiagonalGaussian
from vae.probability.flows import InvertibleGaussian, radial, undo_radial

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Radial(Posterior):
    """z = f_F(... f_1(u)), u ~ N(mean(x), diag(std(x)^2)); f moves z along the ray from a centre.

    The encoder gives the mean, the log-variance and (c, a, s) of each of the `flows`, see
    `flows.radial`. The inverse has a closed form, so the density is known at any z.
    """

    size: int
    flows: int

    any_density = True

    @property
    def outputs(self) -> int:
        return 2 * self.size + self.flows * (self.size + 2)

    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> InvertibleGaussian:
        mean, log_variance, rest = jnp.split(outputs, (self.size, 2 * self.size), axis=-1)
        steps = tuple(
            (step[..., :-2], step[..., -2], step[..., -1])
            for step in jnp.split(rest, self.flows, axis=-1)
        )
        base = DiagonalGaussian(mean, 0.5 * log_variance)
        return InvertibleGaussian(base, steps, jnp.zeros_like(mean), radial, undo_radial)
