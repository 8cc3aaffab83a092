"""The condition y of a conditional model."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections

from vae.data.scales import Scales, unit_scales
from vae.models.data import Data
from vae.networks.blocks import with_code

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Condition:
    """The y that networks and priors are given.

    Attributes:
      kind: "label", y [B] int32, -1 where unknown; or "attributes", y [B, size] float32, each in
        its own unit.
      size: the number of classes or attributes.
      scales: the attributes' units.
      to_encoder: whether encoders are given y, too.
      to_decoder: whether decoders are, or the prior alone.
    """

    kind: str
    size: int
    scales: Scales
    to_encoder: bool = True
    to_decoder: bool = True

    def code(self, y: Array | None) -> Array:
        """Returns y as networks are given it, [B, size].

        A label is one-hot, and zeros where it is unknown. Attributes are standardised, or stay as
        they are if all are between 0 and 1.
        """
        if y is None:
            raise ValueError("a conditional model needs y")
        if self.kind == "label":
            return jax.nn.one_hot(y, self.size)
        if self.scales == unit_scales(self.size):
            return y
        return (y - jnp.array(self.scales.mean)) / jnp.array(self.scales.std)

    def unknown(self, num: int) -> Array:
        """Returns the y of `num` examples with an unknown condition; its code is zeros."""
        if self.kind == "label":
            return jnp.full((num,), -1, jnp.int32)
        return jnp.tile(jnp.array(self.scales.mean), (num, 1))


def of_decoder(condition: Condition | None) -> Condition | None:
    """Returns the condition where decoders are given it, else None."""
    return condition if condition and condition.to_decoder else None


def code_of(condition: Condition | None, y: Array | None) -> Array | None:
    """Returns the code [B, size] of y, or None where there is no condition."""
    return condition.code(y) if condition else None


def with_planes(condition: Condition | None, x: Array, y: Array | None) -> Array:
    """Returns what an encoder is given for x [B, *places, C].

    Where it is given y too, every number of the code is one more channel, constant over x.
    """
    if condition is None or not condition.to_encoder:
        return x
    return with_code(x, condition.code(y), x.ndim - 2)


def condition_of(config: ml_collections.ConfigDict, data: Data) -> Condition | None:
    """Returns the condition that a config's `model` section names, or None for "none"."""
    if config.condition == "none":
        return None
    sizes = {"label": data.num_classes, "attributes": data.num_attributes}
    size = sizes[config.condition]
    scales = data.scales or unit_scales(size)
    return Condition(config.condition, size, scales, config.encoder_told, config.decoder_told)
