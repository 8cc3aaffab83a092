"""What a conditional model is told of an image."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections

from vae.errors import InputError
from vae.models.data import Data

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class Condition:
    """The y that networks and priors are given.

    Attributes:
      kind: "label", y [B] int32, -1 where unknown; or "attributes", y [B, size] float32 in [0, 1].
      size: how many classes or attributes there are.
    """

    kind: str
    size: int

    def code(self, y: Array) -> Array:
        """y as networks are given it, [B, size]: one-hot, of an unknown label zeros."""
        return jax.nn.one_hot(y, self.size) if self.kind == "label" else y

    def unknown(self, num: int) -> Array:
        """A y of `num` images of which nothing is known."""
        if self.kind == "label":
            return jnp.full((num,), -1, jnp.int32)
        return jnp.zeros((num, self.size))


def with_code(condition: Condition | None, z: Array, y: Array | None) -> Array:
    """Latents z [..., B, D] and behind each the code of its y, where there is a condition."""
    if condition is None:
        return z
    code = jnp.broadcast_to(condition.code(y), (*z.shape[:-1], condition.size))
    return jnp.concatenate([z, code], axis=-1)


def condition_of(config: ml_collections.ConfigDict, data: Data) -> Condition | None:
    """What `condition` in a config's `model` section says that the model is told.

    Raises:
      InputError: the data do not tell it.
    """
    if config.condition == "none":
        return None
    sizes = {"label": data.num_classes, "attributes": data.num_attributes}
    if not sizes[config.condition]:
        what = config.condition.rstrip("s")
        raise InputError(
            f"model.condition={config.condition!r} needs {what}s, but the data have none."
        )
    return Condition(config.condition, sizes[config.condition])
