"""Priors with nothing to learn: the standard normal, and the uniform ones of other spaces."""

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
class Fixed:
    """p(z) as it is given, in its `space`."""

    p: Any
    space: str

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
    ) -> Any:
        return self.p


def standard_normal(size: int) -> Fixed:
    """p(z) = N(0, I)."""
    return Fixed(StandardNormal(size), "real")
