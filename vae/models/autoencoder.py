"""What the models that encode have in common: p(x | z), the condition, and further losses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax

from vae.models import losses, parts
from vae.models.condition import Condition, code_of, with_planes
from vae.models.emission import Emission
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.models.model import Model
from vae.models.parts import Variables
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Autoencoder(Model):
    """A model of x with latents.

    Attributes:
      emission: p(x | z), or p(x | z, y).
      condition: the y that the model is given, or None.
      losses: beside the likelihood, see `losses/`.
    """

    emission: Emission
    condition: Condition | None = None
    losses: tuple[Loss, ...] = ()

    @property
    def likelihood(self) -> Likelihood:
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

    @property
    def loss_names(self) -> tuple[str, ...]:
        """Names of the losses of `terms` in training."""
        return losses.names(self.losses)

    def _blank(self) -> Batch:
        """One example of which nothing is known, from which networks learn their shapes."""
        return Batch(parts.blank(self.event), self.condition.unknown(1) if self.condition else None)

    def _code(self, y: Array | None) -> Array | None:
        """The code of y [B, C]; None of a model without a condition."""
        return code_of(self.condition, y)

    def _told(self, batch: Batch) -> Array:
        """What the encoder is given, see `with_planes`."""
        return with_planes(self.condition, batch.x, batch.y)

    def _charge(
        self,
        variables: Variables,
        batch: Batch,
        z: Any,
        outputs: Array,
        log_px: Array,
        *,
        decode: Callable[[Any], Array],
        draw: Callable[[Array], Any] | None,
        keys: Array,
        train: bool,
        axis: str | None,
    ) -> Charge:
        """What is lost beside `log_px` [K, B], log p(x | z), and in its place if anything is.

        The other arguments are those of `Drawn`.
        """
        drawn = Drawn(
            batch=batch,
            z=z,
            outputs=outputs,
            decode=decode,
            draw=draw,
            likelihood=self.likelihood,
            decoder=variables["params"]["decoder"],
            keys=keys,
            axis=axis,
        )
        charge = losses.charge(self.losses, variables, drawn, train=train)
        return charge if charge.log_px is not None else charge._replace(log_px=log_px)
