"""The prior of a label's latents (conditional prior network: Sohn et al. 2015, section 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.probability.distributions import DiagonalGaussian
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Conditional:
    """p(z | y) = N(mean_y, diag(std_y^2)), learned for each label; N(0, I) where it is unknown."""

    size: int
    num_classes: int

    space = "real"
    uses_encoder = False

    def init(self, *, key: Array) -> parts.Variables:
        table = jnp.zeros((self.num_classes, self.size))
        return {"params": {"mean": table, "log_std": table}, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> DiagonalGaussian:
        params, known = variables["params"], (batch.y >= 0)[:, None]
        return DiagonalGaussian(
            mean=jnp.where(known, params["mean"][batch.y], 0.0),
            log_std=jnp.where(known, params["log_std"][batch.y], 0.0),
        )
