"""The uniform prior of categorical variables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from vae.models import parts
from vae.probability import categorical
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class UniformCategorical:
    """p(z) = 1 / categories^D at each of the D one-hot blocks in z."""

    size: int
    categories: int

    space = "categorical"
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
    ) -> categorical.UniformCategorical:
        return categorical.UniformCategorical(self.size // self.categories, self.categories)
