"""What a loss is a function of, and what it gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A batch, latents that q(z | x) has for it, and what is decoded from them.

    Attributes:
      batch: of B examples.
      z: samples of q(z | x), leaves [K, B, ...].
      outputs: of the decoder there, [K, B, *places, P].
      decode: such z to such outputs.
      draw: keys [B] to z ~ p(z), leaves [B, ...]; None where p(z) is fitted to what q gives.
      likelihood: of the outputs.
      decoder: its params.
      keys: [K, B] that z was drawn from.
      axis: names the mapped axis over which the batch is spread, or is None.
    """

    batch: Batch
    z: Any
    outputs: Array
    decode: Callable[[Any], Array]
    draw: Callable[[Array], Any] | None
    likelihood: Any
    decoder: Any
    keys: Array
    axis: str | None

    def mean(self, z: Any) -> Array:
        """The mean of p(x | z) at latents like `z`, [K, B, *places, C]; see `mean_of`."""
        return self.mean_of(self.decode(z))

    def mean_of(self, outputs: Array) -> Array:
        """The mean of p(x | z) with these outputs; x itself at places that the mask leaves out."""
        return self.batch.masked(self.likelihood.mean(outputs))


class Charge(NamedTuple):
    """What is lost on a batch.

    Attributes:
      losses: by name, [B] each, weighted. "adversarial" is what the model alone descends, and
        "discriminator" what the adversary alone does.
      statistics: of the loss's own variables after the step.
      log_px: [K, B] in the place of the likelihood, or None.
    """

    losses: dict[str, Array]
    statistics: Any = None
    log_px: Array | None = None
