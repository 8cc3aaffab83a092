"""What a loss is a function of (`Drawn`), and what it returns (`Charge`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from vae.probability.likelihoods import Likelihood
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A batch, samples from q(z | x), and what the decoder makes of them.

    Attributes:
      batch: B examples.
      z: samples from q(z | x), leaves [K, B, ...].
      outputs: the decoder's outputs at z, [K, B, *places, P].
      judged: the same outputs for an adversary, whose gradient may be scaled, see `balance.py`.
      decode: the function from z to outputs.
      draw: the function from keys [B] to z ~ p(z), leaves [B, ...]; None where p(z) is fitted to
        the encoder's codes.
      likelihood: turns outputs into p(x | z).
      decoder: the decoder's params.
      keys: [K, B], from which z was drawn.
      axis: the name of the mapped axis over which the batch is spread, or None.
    """

    batch: Batch
    z: Any
    outputs: Array
    judged: Array
    decode: Callable[[Any], Array]
    draw: Callable[[Array], Any] | None
    likelihood: Likelihood
    decoder: Any
    keys: Array
    axis: str | None

    def mean(self, z: Any) -> Array:
        """Returns the mean of p(x | z) at latents like `z`, [K, B, *places, C]; see `mean_of`."""
        return self.mean_of(self.decode(z))

    def mean_of(self, outputs: Array) -> Array:
        """Returns the mean of p(x | z) from outputs; x itself at positions outside the mask."""
        return self.batch.masked(self.likelihood.mean(outputs))


class Charge(NamedTuple):
    """The loss on a batch.

    Attributes:
      losses: weighted terms by name, [B] each. "adversarial" has gradients for the model alone, and
        "discriminator" for the adversary alone.
      statistics: the statistics of the loss's own variables after the step.
      log_px: [K, B], which replaces the likelihood's log p(x | z), or None.
    """

    losses: dict[str, Array]
    statistics: Any = None
    log_px: Array | None = None
