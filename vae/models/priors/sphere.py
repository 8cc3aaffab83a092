"""The uniform prior on the unit sphere, for the von Mises-Fisher posterior."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from vae.models import parts
from vae.probability import sphere
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class UniformSphere:
    """p(z) = 1 / |S| on the unit vectors in R^size."""

    size: int

    space = "sphere"
    uses_encoder = False

    def init(self, *, key: Array) -> parts.Variables:
        return parts.nothing()

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch | None,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> sphere.UniformSphere:
        return sphere.UniformSphere(self.size)
