"""A learned mixture of Gaussians (for instance Dilokthanakul et al. 2016, section 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.priors.prior import Prior
from vae.probability.density import Variational
from vae.probability.mixtures import GaussianMixture
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Mixture(Prior):
    """p(z) = sum_m w_m N(mean_m, diag(std_m^2)); the means of its `components` start as N(0, I)."""

    size: int
    components: int

    def init(self, *, key: Array) -> parts.Variables:
        shape = (self.components, self.size)
        params = {
            "logits": jnp.zeros(self.components),
            "mean": jax.random.normal(key, shape),
            "log_std": jnp.zeros(shape),
        }
        return {"params": params, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> GaussianMixture:
        return GaussianMixture(**variables["params"])
