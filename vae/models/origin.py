"""Where the latents of a network have their origin.

A decoder undoes any shift of the latents u that an encoder gives, so the mean of their aggregate
posterior q(u) = E_x[q(u | x)] is free as far as p(x | u) is concerned. The prior is not at liberty:
with z = u - o and o = E_q(u)[u]

    E_x[KL(q(u | x) || N(0, I))] = E_x[KL(q(z | x) || N(0, I))] + |o|^2 / 2

and where o is far from 0, draws from the prior are no latents that the decoder has ever seen.
Gradient descent leaves it far: in its first tens of steps Adam moves all weights of the encoder's
head for what all examples have in common; afterwards encoder and decoder would have to move
together, step by step, while the gradient of the reconstruction, and its noise, are tens of times
that of the KL. With 64 latents on CelebA at 32x32, and Adam at 1e-3, |o|^2 / 2 was 0.03 nats at the
start, 17 after 30 steps, and between 9 and 11 from the 100th to the 2,000th; the gradient by the
bias of the means then had a norm of 4 from the KL, and of 50 to 400 from the reconstruction.

So o is not learned. It is known, as the optimal scale of a likelihood is: a running average, taken
off what the encoder gives, and added again to what the decoder is given. No reconstruction changes
by it. Ladders do without: the means of their priors are learned, and stay beside those of q (within
0.2 nats for each group, on MNIST).

The same holds for each y of a conditional model. What y says an encoder puts into u as well, as a
shift with y, and the decoder, which finds it there, ignores the y beside it: another y with the
same z changes next to nothing. The few nats that it costs move gradient descent no faster than
those of o. So the origin depends on y, o(y) = E[u | y], and z is left with what y does not say, as
far as a linear map can tell (`regression.py`).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from vae.models import regression
from vae.models.condition import Condition

Array = jax.Array

MOMENTUM = 0.9  # of the running average: it follows the latents within tens of steps


def start(size: int, condition: Condition | None = None) -> dict[str, Array]:
    """The statistics of latents [..., size] before the first step."""
    moments = regression.start(condition, size) if condition else {}
    return {"origin": jnp.zeros(size)} | _named(moments)


def shifted(q: Any, statistics: dict[str, Array], code: Array | None = None) -> Any:
    """The density of z = u - o for one of u; q itself where the latents have no origin.

    Args:
      q: the density, of B examples.
      statistics: of the origin.
      code: [B, C] the code of what the model is told of them, if it is conditional.
    """
    return q.shifted(-_origin(statistics, code)) if "origin" in statistics else q


def restored(z: Array, statistics: dict[str, Array], code: Array | None = None) -> Array:
    """u = z + o [..., B, size], what a decoder takes, for z, and the code [B, C] of its y."""
    return z + _origin(statistics, code) if "origin" in statistics else z


def update(statistics: dict[str, Array], z: Array, code: Array | None = None) -> dict[str, Array]:
    """The statistics as a batch leaves them, of samples z [K, B, size] and codes [B, C] of y."""
    if "origin" not in statistics:
        return statistics
    z = jax.lax.stop_gradient(z).mean(0)
    new = {"origin": statistics["origin"] + (1 - MOMENTUM) * z.mean(0)}
    if code is not None:
        u = z + _origin(statistics, code)
        new |= _named(regression.update(_moments(statistics), code, u))
    return statistics | new


def _origin(statistics: dict[str, Array], code: Array | None) -> Array:
    """o(y), [size] or [B, size]."""
    shift = 0.0 if code is None else regression.shift(_moments(statistics), code)
    return statistics["origin"] + shift


# The moments lie beside the origin, in no dict of their own: an older checkpoint lacks them all.
def _named(moments: dict[str, Array]) -> dict[str, Array]:
    return {f"origin_{name}": x for name, x in moments.items()}


def _moments(statistics: dict[str, Array]) -> dict[str, Array]:
    return {name.removeprefix("origin_"): x for name, x in statistics.items() if name != "origin"}
