"""What an adversary makes of a batch."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

Array = jax.Array


class Play(NamedTuple):
    """What one step against an adversary gives.

    Attributes:
      losses: "adversarial" [B], which the model alone descends, weighted; "discriminator" [B],
        which the adversary alone does.
      statistics: the adversary's own after the step.
      log_px: [K, B] in the place of the likelihood of the pixels, or None.
    """

    losses: dict[str, Array]
    statistics: Any
    log_px: Array | None = None
