"""What a conditional model is told of an example."""

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
      size: how many classes or attributes there are.
      scales: of the attributes.
      to_encoder: whether encoders are given it, too.
    """

    kind: str
    size: int
    scales: Scales
    to_encoder: bool = True

    def code(self, y: Array) -> Array:
        """y as networks are given it, [B, size].

        Labels are one-hot, unknown ones zeros. Attributes are standardised; those between 0 and 1
        stay as they are.
        """
        if self.kind == "label":
            return jax.nn.one_hot(y, self.size)
        if self.scales == unit_scales(self.size):
            return y
        return (y - jnp.array(self.scales.mean)) / jnp.array(self.scales.std)

    def unknown(self, num: int) -> Array:
        """A y of `num` examples of which nothing is known; its code is zeros."""
        if self.kind == "label":
            return jnp.full((num,), -1, jnp.int32)
        return jnp.tile(jnp.array(self.scales.mean), (num, 1))


def code_of(condition: Condition | None, y: Array | None) -> Array | None:
    """The code [B, size] of y; None where there is no condition."""
    return condition.code(y) if condition else None


def with_planes(condition: Condition | None, x: Array, y: Array | None) -> Array:
    """What an encoder is given of x [B, *places, C].

    Where it is given y too, one constant channel for every number of its code follows those of x.
    """
    if condition is None or not condition.to_encoder:
        return x
    return with_code(x, condition.code(y), x.ndim - 2)


def condition_of(config: ml_collections.ConfigDict, data: Data) -> Condition | None:
    """What `condition` in a config's `model` section says that the model is told."""
    if config.condition == "none":
        return None
    sizes = {"label": data.num_classes, "attributes": data.num_attributes}
    size = sizes[config.condition]
    scales = data.scales or unit_scales(size)
    return Condition(config.condition, size, scales, config.encoder_told)
