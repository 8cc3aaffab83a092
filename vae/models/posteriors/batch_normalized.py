"""The Gaussian posterior whose means are normalised over the batch.

(Zhu et al., "A batch normalized inference network keeps the KL vanishing away", 2020.) Every
dimension of the means has over a training batch the standard deviation `scale`, gamma, which is not
learned, and a mean that is. Under a prior N(0, I) the divergence of a batch is then

    E_x[KL] >= 1/2 sum_d E_x[mean_d^2] >= D gamma^2 / 2      (their eq. 8)

whatever encoder and decoder do, so that the latents cannot all become the prior's. The mean over
the batch changes nothing in this bound: `origin.py` subtracts it from the latents afterwards, up to
the lag of its running average. What it subtracts for a condition y does count: the bound is then
that of the part of the means which y does not predict.

The moments of a training batch are those over all devices. They are of each micro-batch by itself
where `training.accumulate` makes several, and of examples of like lengths where these share a
batch. Evaluations, and priors that encode examples of their own, use running averages of the
moments, which follow the last weights, also where evaluations use averaged weights; there the bound
holds approximately.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.posteriors.gaussian import Gaussian

Array = jax.Array

RATE = 0.1  # of the running averages: about the last ten batches count
# The least variance. The usual 1e-5 that is added to it would be a way out: where the KL is dear
# enough, m becomes so small that the normalised means vanish after all.
TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class BatchNormalized(Gaussian):
    """q(z | x) = N(scale (m(x) - E[m]) / std[m] + shift, diag(std(x)^2)), with `shift` learned.

    The encoder gives m and the log-variance.
    """

    scale: float

    def init(self, *, key: Array) -> parts.Variables:
        """Returns a shift of 0, and the moments of N(0, 1)."""
        zeros = jnp.zeros(self.size)
        return {
            "params": {"shift": zeros},
            "statistics": {"mean": zeros, "variance": zeros + 1},
        }

    def normalised(
        self, outputs: Array, variables: parts.Variables, *, train: bool, axis: str | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Returns outputs with normalised means, and the statistics after a training batch."""
        m, log_variance = jnp.split(outputs, 2, axis=-1)
        tracked = variables["statistics"]
        mean, variance = tracked["mean"], tracked["variance"]
        if train:
            mean = _average(m, axis)
            variance = _average((m - mean) ** 2, axis)
            tracked = tracked | jax.lax.stop_gradient(_update(tracked, mean, variance))
        standard = (m - mean) * jax.lax.rsqrt(jnp.maximum(variance, TINY))
        mean = self.scale * standard + variables["params"]["shift"]
        return jnp.concatenate([mean, log_variance], axis=-1), tracked


def _average(values: Array, axis: str | None) -> Array:
    """Returns the mean over a batch, which may be spread over a mapped axis."""
    mean = values.mean(0)
    return mean if axis is None else jax.lax.pmean(mean, axis)


def _update(tracked: dict[str, Array], mean: Array, variance: Array) -> dict[str, Array]:
    """Returns the moments of all batches so far, the latest of which have the most weight."""
    step = mean - tracked["mean"]
    change = variance + (1 - RATE) * step**2 - tracked["variance"]
    return {
        "mean": tracked["mean"] + RATE * step,
        "variance": tracked["variance"] + RATE * change,
    }
