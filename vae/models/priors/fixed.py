"""Priors without parameters: the standard normal, and uniform priors on other spaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax

from vae.models import parts
from vae.models.priors.prior import Prior
from vae.probability.categorical import UniformCategorical
from vae.probability.density import Density, Variational
from vae.probability.distributions import StandardNormal
from vae.probability.sphere import UniformSphere
from vae.probability.terms import Batch

Array = jax.Array


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


def uniform_categorical(size: int, categories: int) -> Fixed:
    """Returns the uniform p(z) over one-hot blocks of `categories` numbers, `size` in all."""
    return Fixed(UniformCategorical(size // categories, categories), "categorical")
