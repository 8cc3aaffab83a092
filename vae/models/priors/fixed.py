"""Priors without parameters: the standard normal, and uniform priors on other spaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vae.errors import InputError
from vae.models import parts
from vae.models.priors.prior import Prior
from vae.probability.categorical import UniformCategorical
from vae.probability.density import Density, Variational
from vae.probability.distributions import StandardNormal
from vae.probability.hyperbolic import RiemannianNormal, WrappedNormal
from vae.probability.sphere import UniformSphere
from vae.probability.terms import Batch

Array = jax.Array

FARTHEST = 8.0  # of most z from the origin, in 1 / sqrt(curvature): `ball.REACH` less some widths


@dataclasses.dataclass(frozen=True)
class Fixed(Prior):
    """A given p(z), in its `space`."""

    p: Density
    space: str

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> Density:
        return self.p


def standard_normal(size: int) -> Fixed:
    """Returns p(z) = N(0, I) over R^size."""
    return Fixed(StandardNormal(size), "real")


def uniform_sphere(size: int) -> Fixed:
    """Returns the uniform p(z) on the unit vectors in R^size."""
    return Fixed(UniformSphere(size), "sphere")


def wrapped_normal(size: int, curvature: float) -> Fixed:
    """Returns the wrapped normal p(z) of scale 1 at the origin of the Poincare ball.

    Raises:
      InputError: it lies at the edge.
    """
    _check_inside("wrapped_normal", size, curvature, FARTHEST**2 / size)
    zeros = jnp.zeros((1, size))
    return Fixed(WrappedNormal(zeros, zeros, curvature), "ball")


def riemannian_normal(size: int, curvature: float) -> Fixed:
    """Returns the Riemannian normal p(z) of scale 1 at the origin of the Poincare ball.

    Raises:
      InputError: it lies at the edge.
    """
    _check_inside("riemannian_normal", size, curvature, FARTHEST / max(size - 1, 1))
    return Fixed(RiemannianNormal(jnp.zeros((1, size)), jnp.zeros(1), curvature), "ball")


def _check_inside(name: str, size: int, curvature: float, largest: float) -> None:
    if curvature > largest:
        raise InputError(
            f"model.prior={name!r} of {size} latents with model.curvature={curvature} lies at the "
            f"edge of the ball, where 32 bits do not tell points apart; let model.curvature be at "
            f"most {largest:.2g}."
        )


def uniform_categorical(size: int, categories: int) -> Fixed:
    """Returns the uniform p(z) over one-hot blocks of `categories` numbers, `size` in all."""
    return Fixed(UniformCategorical(size // categories, categories), "categorical")
