"""What the models that encode have in common."""

from __future__ import annotations

import dataclasses
from typing import Any

from vae.models.emission import Emission
from vae.probability.event import Event


@dataclasses.dataclass(frozen=True, kw_only=True)
class Autoencoder:
    """A model of x with latents.

    Attributes:
      emission: p(x | z).
    """

    emission: Emission

    @property
    def likelihood(self) -> Any:
        return self.emission.likelihood

    @property
    def event(self) -> Event:
        return self.emission.event

    @property
    def causal(self) -> bool:
        """Whether p(x | z) is a product over the values, each given those before it."""
        return self.emission.decoder.causal

    @property
    def sample_bytes(self) -> int:
        """About what the decoder holds of one sample of one example, beside its outputs."""
        return self.emission.decoder.sample_bytes if self.causal else 0
