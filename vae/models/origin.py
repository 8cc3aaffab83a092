"""Where the latents of a network have their origin.

A decoder undoes any shift of the latents u that an encoder gives, so the mean of their aggregate
posterior q(u) = E_x[q(u | x)] is free as far as p(x | u) is concerned. The prior is not at liberty:
with z = u - o and o = E_q(u)[u]

    E_x[KL(q(u | x) || N(0, I))] = E_x[KL(q(z | x) || N(0, I))] + |o|^2 / 2

and where o is far from 0, draws from the prior are no latents that the decoder has ever seen.
Gradient descent leaves it far: in its first tens of steps Adam moves all weights of the encoder's
head for what all images have in common; afterwards encoder and decoder would have to move together,
step by step, while the gradient of the reconstruction, and its noise, are tens of times that of the
KL. So o is not learned. It is known, as the optimal scale of a likelihood is: a running average,
taken off what the encoder gives, and added again to what the decoder is given. No reconstruction
changes by it.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array

MOMENTUM = 0.9  # of the running average: it follows the latents within tens of steps


def start(size: int) -> dict[str, Array]:
    """The statistics of latents [..., size] before the first step."""
    return {"origin": jnp.zeros(size)}


def shifted(q: Any, statistics: dict[str, Array]) -> Any:
    """The density of z = u - o for one of u; q itself where the latents have no origin."""
    return q.shifted(-statistics["origin"]) if "origin" in statistics else q


def restored(z: Array, statistics: dict[str, Array]) -> Array:
    """u = z + o [..., size], what a decoder takes, for z."""
    return z + statistics.get("origin", 0.0)


def update(statistics: dict[str, Array], z: Array) -> dict[str, Array]:
    """The statistics as a batch's samples z [K, B, size] leave them."""
    if "origin" not in statistics:
        return statistics
    mean = jax.lax.stop_gradient(z).mean((0, 1))
    return statistics | {"origin": statistics["origin"] + (1 - MOMENTUM) * mean}
