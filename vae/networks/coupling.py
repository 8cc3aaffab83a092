"""The network of a coupling layer (Dinh et al. 2017, "Density estimation using Real NVP")."""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import HE, SMALL

Array = jax.Array


class Coupling(nn.Module):
    """Coupling(known, features, widths)(z [..., D]) -> [..., D, features], float32.

    The outputs depend on z[..., :known] alone, and are 0 for these dimensions themselves. The head
    starts small, so that all outputs start near 0.
    """

    known: int
    features: int
    widths: tuple[int, ...]
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, z: Array) -> Array:
        others = z.shape[-1] - self.known
        h = z[..., : self.known]
        for width in self.widths:
            h = self.activation(nn.Dense(width, kernel_init=HE)(h))
        h = nn.Dense(others * self.features, kernel_init=SMALL, name="head")(h)
        h = h.reshape(*z.shape[:-1], others, self.features)
        return jnp.concatenate([jnp.zeros((*z.shape[:-1], self.known, self.features)), h], axis=-2)
