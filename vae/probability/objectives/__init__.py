"""Training objectives: `Terms` to an unreduced loss [B], to be minimised, in nats.

An objective is a function `(terms, *, ...)`. Its row in the table says what it reads by keyword:

    keys of the config's section `objective`, whose floats are traced and `beta` and `capacity`
                  follow their schedules
    axis          name of the mapped axis over which the batch is spread, or None
    keys          [B], for what it draws itself
    num_examples  of the training set

Where examples are coupled, the batch is what the step sees at once, over all devices: with
`training.accumulate` a micro-batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax

from vae.probability.objectives.aggregate import beta_tc, dip_i, dip_ii, info_vae, wae
from vae.probability.objectives.importance import ciwae, dreg, iwae, miwae, piwae
from vae.probability.objectives.variational import capacity, divergence, elbo, stl

__all__ = ["OBJECTIVES", "Objective", "divergence"]

Array = jax.Array


class Objective(NamedTuple):
    """One row of the table.

    Attributes:
      loss: (terms, *, ...) to [B].
      reads: the keywords that it takes.
      inference_loss: what the parameters of q(z | x) minimise instead, where the two differ; it
        takes the same keywords.
      needs: what it asks of `terms.q`, by name; see `models/posteriors`.
      resampled: whether `backward_samples` may be drawn from its K, see `importance.resample`.
    """

    loss: Callable[..., Array]
    reads: tuple[str, ...] = ()
    inference_loss: Callable[..., Array] | None = None
    needs: tuple[str, ...] = ()
    resampled: bool = False


_DIP = ("beta", "dip_diagonal", "dip_off_diagonal", "axis")
_MMD = ("mmd_weight", "kernel", "keys", "axis")

OBJECTIVES = {
    "elbo": Objective(elbo, ("beta", "free_bits", "axis")),
    "capacity": Objective(capacity, ("beta", "capacity")),
    "stl": Objective(stl, ("beta",), needs=("log_prob",)),
    "iwae": Objective(iwae, resampled=True),
    "dreg": Objective(iwae, inference_loss=dreg, needs=("log_prob",), resampled=True),
    "miwae": Objective(miwae, ("groups",)),
    "piwae": Objective(piwae, ("groups",), inference_loss=miwae),
    "ciwae": Objective(ciwae, ("ciwae_weight",)),
    "beta_tc": Objective(
        beta_tc,
        ("beta", "mi_weight", "dimwise_weight", "num_examples", "axis"),
        needs=("log_prob_per_dim",),
    ),
    "dip_i": Objective(dip_i, _DIP, needs=("mean",)),
    "dip_ii": Objective(dip_ii, _DIP, needs=("log_std",)),
    "info_vae": Objective(info_vae, ("alpha", *_MMD), needs=("mean",)),
    "wae": Objective(wae, _MMD, needs=("mean",)),
}
