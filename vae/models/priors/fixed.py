"""Priors with nothing to learn: the standard normal, and the uniform ones of other spaces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from vae.models import parts
from vae.models.priors.prior import Prior
from vae.probability.categorical import UniformCategorical
from vae.probability.density import Density
from vae.probability.distributions import StandardNormal
from vae.probability.sphere import UniformSphere
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Fixed(Prior):
    """p(z) as it is given, in its `space`."""

    p: Density
    space: str

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> Density:
        return self.p


def standard_normal(size: int) -> Fixed:
    """p(z) = N(0, I)."""
    return Fixed(StandardNormal(size), "real")


def uniform_sphere(size: int) -> Fixed:
    """Uniform on the unit vectors."""
    return Fixed(UniformSphere(size), "sphere")


def uniform_categorical(size: int, categories: int) -> Fixed:
    """Uniform over one-hot blocks."""
    return Fixed(UniformCategorical(size // categories, categories), "categorical")
