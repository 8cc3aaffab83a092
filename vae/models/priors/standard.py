"""The standard normal prior."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from vae.models import parts
from vae.probability.distributions import StandardNormal
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Standard:
    """p(z) = N(0, I)."""

    size: int

    space = "real"
    uses_encoder = False

    def init(self, *, key: Array) -> parts.Variables:
        return parts.nothing()

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> StandardNormal:
        return StandardNormal(self.size)
