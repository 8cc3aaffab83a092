"""The network of a recurrent prior: from latents at one place of time to those at the next."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import SMALL

Array = jax.Array


class Step(nn.Module):
    """GRU layers: (memory, z [N, E]) to (memory, [N, 2 E]), the mean and log std of the next z.

    Attributes:
      widths: the widths of the layers.
    """

    widths: tuple[int, ...]

    def blank(self, number: int) -> tuple[Array, ...]:
        """Returns the memory before the first place, for so many rows."""
        return tuple(jnp.zeros((number, width)) for width in self.widths)

    @nn.compact
    def __call__(self, memory: tuple[Array, ...], z: Array) -> tuple[tuple[Array, ...], Array]:
        h, grown = z, []
        for layer, (width, state) in enumerate(zip(self.widths, memory, strict=True)):
            state, h = nn.GRUCell(width, name=f"layer_{layer}")(state, h)
            grown.append(state)
        return tuple(grown), nn.Dense(2 * z.shape[-1], kernel_init=SMALL, name="head")(h)
