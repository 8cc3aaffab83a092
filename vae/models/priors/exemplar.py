"""The exemplar prior (Norouzi, Fleet & Norouzi 2020, "Exemplar VAE")."""

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
from vae.probability.mixtures import GaussianMixture
from vae.probability.terms import Batch

Array = jax.Array

KEPT = "images"  # what the exemplars are called in the saved state of every run, also of old ones


@dataclasses.dataclass(frozen=True)
class Exemplar(Prior):
    """p(z) = 1/M sum_m N(z; mean(x_m), s^2 I) of training examples x_m, with s learned.

    The encoder gives the means, and gets their gradient. In training no example is its own exemplar
    (section 3.1): the prior of example m leaves exemplar m out. `examples` [M, *places, C] are the
    first M of the training set, in order. Every step encodes all of them, which costs as much as M
    more examples in the batch; the paper takes the whole training set and looks for nearest
    neighbours instead.
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
        encode: Callable[[Batch], Variational],
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
