"""The prior of the latents of a label or of attributes (Sohn et al. 2015, section 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.condition import Condition
from vae.models.priors.prior import Prior
from vae.probability.distributions import DiagonalGaussian
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Conditional(Prior):
    """p(z | y) = N(mean_y, diag(std_y^2)), both learned and log-linear in the code of y.

    For labels that is a mean and a deviation of each, and N(0, I) where the label is unknown.
    """

    size: int
    condition: Condition

    def init(self, *, key: Array) -> parts.Variables:
        table = jnp.zeros((self.condition.size, self.size))
        return {"params": {"mean": table, "log_std": table}, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> DiagonalGaussian:
        params, code = variables["params"], self.condition.code(batch.y)
        return DiagonalGaussian(code @ params["mean"], code @ params["log_std"])
