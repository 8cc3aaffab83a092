"""The one question that every model is asked (`Batch`), and its answer (`Terms`).

Objectives, likelihood estimates, diagnostics and scores are functions of `Terms` and know nothing
else about the model.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Array = jax.Array


class Batch(NamedTuple):
    """Examples as a model is given them.

    Attributes:
      x: [B, *places, C] in the model's units, tokens int32 and all else float32; None in sampling,
        where there are none yet.
      y: [B] int32 labels, -1 where unknown; or [B, A] float attributes; or None.
      mask: [B, *places] bool, the positions that count; None where all do.
      index: [B] int32, the examples' indices in the training set; None if they are not from it.
    """

    x: Any
    y: Any = None
    mask: Any = None
    index: Any = None

    def masked(self, made: Array) -> Array:
        """Returns `made` [..., B, *places, C] where the mask counts, and x elsewhere."""
        return made if self.mask is None else jnp.where(self.mask[..., None], made, self.x)


class Terms(NamedTuple):
    """Per-example, per-sample parts of log p(x, z) - log q(z | x), in nats.

    Attributes:
      log_px: [K, B] log p(x | z).
      log_pz: [K, B] log p(z), summed over latent groups.
      log_qz: [K, B] log q(z | x).
      kl: [G, B] closed-form KL(q(z_g | x) || p(z_g)), or None where there is none. A group is the
        finest part with a divergence of its own: one dimension of a diagonal posterior, the latents
        of one step down in a ladder.
      z: [K, B, ...] the samples.
      mean: [B, D] the posterior's centre, whose variance over x tells which units are active; D = 0
        where that has no meaning.
      q, p: q(z | x) and p(z) where z is one vector, else None; see `density.py`.
      losses: name -> [B] further terms that every objective adds.
      statistics: the model's running statistics after this batch; the training step averages them
        over devices and stores them, everyone else ignores them.
    """

    log_px: Array
    log_pz: Array
    log_qz: Array
    kl: Array | None
    z: Any
    mean: Array
    q: Any
    p: Any
    losses: dict[str, Array]
    statistics: dict[str, Any]


def log_weights(terms: Terms) -> Array:
    """Returns the log importance weights [K, B], log p(x, z) - log q(z | x)."""
    return terms.log_px + terms.log_pz - terms.log_qz
