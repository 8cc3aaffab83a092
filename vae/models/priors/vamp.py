"""The VampPrior: a mixture of posteriors (Tomczak & Welling 2018, "VAE with a VampPrior")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from vae.models import parts
from vae.models.data import Data, first_examples
from vae.models.priors.prior import Prior
from vae.probability.density import Variational
from vae.probability.distributions import DiagonalGaussian
from vae.probability.mixtures import EqualMixture, GaussianMixture
from vae.probability.terms import Batch

Array = jax.Array

MARGIN = 0.01  # the examples start so far from 0 and 1, where the sigmoid has a slope


@dataclasses.dataclass(frozen=True)
class Vamp(Prior):
    """p(z) = 1/M sum_m q(z | u_m) with learned pseudo-inputs u_m in [0, 1] (section 3).

    They start as `examples` [M, *places, C] of the training data. A sigmoid keeps them in [0, 1];
    the paper clips, after which a value outside the range has no gradient that brings it back.
    Every step encodes all M.
    """

    examples: np.ndarray

    uses_encoder = True

    @classmethod
    def build(cls, data: Data, components: int) -> Vamp:
        return cls(first_examples(data, components))

    def init(self, *, key: Array) -> parts.Variables:
        u = jnp.clip(self.examples, MARGIN, 1 - MARGIN)
        return {"params": {"logits": jnp.log(u) - jnp.log1p(-u)}, "statistics": {}}

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> GaussianMixture | EqualMixture:
        q = encode(Batch(jax.nn.sigmoid(variables["params"]["logits"])))
        if isinstance(q, DiagonalGaussian):
            return GaussianMixture(jnp.zeros(len(self.examples)), q.mean, q.log_std)
        return EqualMixture(q, len(self.examples))
