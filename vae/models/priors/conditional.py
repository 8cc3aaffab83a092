"""A prior that depends on a label or on attributes (Sohn et al. 2015, section 4)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.condition import Condition
from vae.models.priors.prior import Prior
from vae.probability.density import Variational
from vae.probability.distributions import DiagonalGaussian
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Conditional(Prior):
    """p(z | y) = N(mean_y, diag(std_y^2)), both learned and log-linear in the code of y.

    Every label has a mean and a standard deviation; where the label is unknown p is N(0, I).
    """

    size: int
    condition: Condition

    reads_condition = True

    def init(self, *, key: Array) -> parts.Variables:
        table = jnp.zeros((self.condition.size, self.size))
        return {"params": {"mean": table, "log_std": table}, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> DiagonalGaussian:
        params, code = variables["params"], self.condition.code(batch.y)
        return DiagonalGaussian(code @ params["mean"], code @ params["log_std"])
