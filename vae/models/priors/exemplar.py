"""The exemplar prior (Norouzi, Fleet & Norouzi 2020, "Exemplar VAE")."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.models import parts
from vae.models.data import Data, first_examples
from vae.models.priors.prior import Prior
from vae.probability.mixtures import GaussianMixture
from vae.probability.terms import Batch

Array = jax.Array

KEPT = "images"  # the exemplars' name in a saved state, which old runs are read by


@dataclasses.dataclass(frozen=True)
class Exemplar(Prior):
    """p(z) = 1/M sum_m N(z; mean(x_m), s^2 I) of training examples x_m, with s learned.

    The mean is that of the encoder, with its gradient. In training an example is not its own
    exemplar (section 3.1): of those with a place among the exemplars, the others make the prior.
    `examples` [M, *places, C] are the first of the training set: exemplar m is example m. All
    are encoded at every step, which costs as much as so many more examples in the batch; the paper,
    with all of a training set, looks for nearest neighbours instead.
    """

    examples: np.ndarray

    uses_encoder = True

    @classmethod
    def build(cls, data: Data, components: int) -> Exemplar:
        return cls(first_examples(data, components))

    def init(self, *, key: Array) -> parts.Variables:
        return {
            "params": {"log_std": jnp.zeros(())},
            "statistics": {KEPT: jnp.asarray(self.examples)},
        }

    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Any],
        *,
        train: bool,
    ) -> GaussianMixture:
        mean = encode(Batch(variables["statistics"][KEPT])).mean
        logits = jnp.zeros(len(mean))
        if train:
            own = batch.index[:, None] == jnp.arange(len(mean))
            logits = jnp.where(own, -jnp.inf, logits)
        log_std = jnp.broadcast_to(variables["params"]["log_std"], mean.shape)
        return GaussianMixture(logits, mean, log_std)
