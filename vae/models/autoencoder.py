"""The common part of models that encode: p(x | z), the condition, and further losses."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

import jax

from vae.models import losses, parts
from vae.models.condition import Condition, code_of, of_decoder, with_planes
from vae.models.emission import Emission
from vae.models.losses.drawn import Drawn
from vae.models.losses.loss import Loss
from vae.models.model import Model
from vae.models.one_by_one import Decoding
from vae.models.parts import Variables
from vae.networks.ladder import BottomUp
from vae.networks.network import Encoder
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.terms import Batch

Array = jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Autoencoder(Model):
    """A model of x with latents.

    Attributes:
      encoder: reads x; what it makes of it, the model says.
      emission: p(x | z), or p(x | z, y).
      condition: what y is, or None.
      losses: the losses beside the likelihood, see `losses/`.
    """

    encoder: Encoder | BottomUp
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
    def any_length(self) -> bool:
        """Whether x may be cut: its encoder takes any length, and so does a causal decoder."""
        return self.encoder.any_length and self.causal

    @property
    def sample_bytes(self) -> int:
        """About how many bytes the decoder holds for a sample of an example beside its outputs."""
        return self.emission.decoder.sample_bytes if self.causal else 0

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The names of the losses of `terms` in training."""
        return losses.names(self.losses)

    @abstractmethod
    def inputs(self, variables: Variables, z: Any, y: Array | None = None) -> tuple[Any, ...]:
        """Returns what the decoder takes for latents z [..., B, ...] and y [B]."""

    def decode(
        self, variables: Variables, z: Any, y: Array | None = None, *, keys: Array | None = None
    ) -> Array:
        """Returns x as p(x | z) is shown for z [B, ...], [B, *places, C]; draws with keys [B]."""
        return self.emission.decode(variables, *self.inputs(variables, z, y), keys=keys)

    def with_decoding(self, decoding: Decoding) -> Self:
        return dataclasses.replace(self, emission=self.emission.with_decoding(decoding))

    def _blank(self) -> Batch:
        """Returns one example with an unknown y, from which networks learn their shapes."""
        return Batch(parts.blank(self.event), self.condition.unknown(1) if self.condition else None)

    def _code(self, y: Array | None) -> Array | None:
        """Returns the code [B, C] of y as decoders are given it, or None."""
        return code_of(of_decoder(self.condition), y)

    def _told(self, batch: Batch) -> Array:
        """Returns what the encoder is given, see `with_planes`."""
        return with_planes(self.condition, parts.as_read(self.encoder, batch), batch.y)

    def _charge(
        self,
        variables: Variables,
        batch: Batch,
        z: Any,
        outputs: Array,
        *,
        decode: Callable[[Any], Array],
        draw: Callable[[Array], Any] | None,
        keys: Array,
        train: bool,
        axis: str | None,
    ) -> tuple[Array, dict[str, Array], dict[str, Any]]:
        """Returns log p(x | z) or what replaces it, the losses [B] in training, and the statistics.

        The arguments are those of `Drawn`. log p(x | z) is [K, B], or [B] for a certain q. The
        statistics are the model's after this batch, except those of its latents.
        """
        outputs, judged = losses.judged(self.losses, outputs, axis)
        one = outputs[0] if self.certain else outputs  # all samples of a certain q are equal
        log_px = self.emission.log_prob(variables, one, batch)
        drawn = Drawn(
            batch=batch,
            z=z,
            outputs=outputs,
            judged=judged,
            decode=decode,
            draw=draw,
            likelihood=self.likelihood,
            decoder=variables["params"]["decoder"],
            keys=keys,
            axis=axis,
        )
        # No figure reads a loss, and tracing the network of an image loss takes a second.
        charge = losses.charge(self.losses if train else (), variables, drawn)
        likelihood = {"likelihood": self.emission.update(variables, one, batch)}
        log_px = log_px if charge.log_px is None else charge.log_px
        return log_px, charge.losses, variables["statistics"] | likelihood | charge.statistics
