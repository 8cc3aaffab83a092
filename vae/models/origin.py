"""Where the latents of a network have their origin.

A decoder undoes any shift of the encoder's latents u, so p(x | u) leaves the mean of their
aggregate posterior q(u) = E_x[q(u | x)] free. The prior does not: with z = u - o and o = E_q(u)[u]

    E_x[KL(q(u | x) || N(0, I))] = E_x[KL(q(z | x) || N(0, I))] + |o|^2 / 2

and where o is far from 0, the decoder has never seen latents like those drawn from the prior.
Gradient descent leaves o far from 0. In its first tens of steps, Adam moves all weights of the
encoder's head by what all examples have in common. Afterwards encoder and decoder would have to
move together, step by step, while the gradient of the reconstruction, and its noise, are tens of
times that of the KL. With 64 latents on CelebA at 32x32, and Adam at 1e-3, |o|^2 / 2 was 0.03 nats
at the start, 17 after 30 steps, and between 9 and 11 from the 100th to the 2,000th; the gradient by
the bias of the means then had a norm of 4 from the KL, and of 50 to 400 from the reconstruction.

So o is not learned. Like the optimal scale of a likelihood, it is known: a running average, which
is subtracted from the encoder's latents and added again before the decoder. No reconstruction
changes. Ladders do not need it: the means of their priors are learned, and stay close to those of q
(within 0.2 nats for each group, on MNIST).

The same holds for each y of a conditional model. The encoder puts what y says into u as well, as a
shift that depends on y. The decoder finds it there and ignores the y beside it: another y with the
same z changes next to nothing. The few nats that this costs move gradient descent no faster than
those of o. So the origin depends on y, o(y) = E[u | y], and z keeps what a linear map cannot
predict from y (`regression.py`).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from vae.models import regression
from vae.models.condition import Condition
from vae.probability.density import Variational

Array = jax.Array

MOMENTUM = 0.9  # of the running average: it follows the latents within tens of steps


def start(size: int, condition: Condition | None = None) -> dict[str, Array]:
    """Returns the statistics of latents [..., size] before the first step."""
    moments = regression.start(condition, size) if condition else {}
    return {"origin": jnp.zeros(size)} | _named(moments)


def shifted(q: Variational, statistics: dict[str, Array], code: Array | None = None) -> Variational:
    """Returns the distribution of z = u - o from that of u, or q where there is no origin.

    Args:
      q: the distribution of u for B examples.
      statistics: the origin's.
      code: [B, C], the code of their condition, or None.
    """
    return q.shifted(-_origin(statistics, code)) if "origin" in statistics else q


def restored(z: Array, statistics: dict[str, Array], code: Array | None = None) -> Array:
    """Returns u = z + o [..., B, size], which a decoder takes, for z and the code [B, C] of y."""
    return z + _origin(statistics, code) if "origin" in statistics else z


def removed(u: Array, statistics: dict[str, Array], code: Array | None = None) -> Array:
    """Returns z = u - o [..., B, size], the inverse of `restored`."""
    return u - _origin(statistics, code) if "origin" in statistics else u


def update(statistics: dict[str, Array], z: Array, code: Array | None = None) -> dict[str, Array]:
    """Returns the statistics after a batch with samples z [K, B, size] and codes [B, C] of y."""
    if "origin" not in statistics:
        return statistics
    z = jax.lax.stop_gradient(z).mean(0)
    new = {"origin": statistics["origin"] + (1 - MOMENTUM) * z.mean(0)}
    if code is not None:
        u = z + _origin(statistics, code)
        new |= _named(regression.update(_moments(statistics), code, u))
    return statistics | new


def at_places(statistics: dict[str, Array], each: int, places: int) -> dict[str, Array]:
    """Returns the statistics of latents [each, places], flattened, from those of other places.

    The origin of a number is the same at all places: the mean over those that it was tracked at.
    """
    of_latents = ("origin", "origin_latents", "origin_products")

    def spread(tracked: Array) -> Array:
        mean = tracked.reshape(*tracked.shape[:-1], each, -1).mean(-1)
        return jnp.repeat(mean, places, axis=-1)

    return {name: spread(x) if name in of_latents else x for name, x in statistics.items()}


def _origin(statistics: dict[str, Array], code: Array | None) -> Array:
    """Returns o(y), [size] or [B, size]."""
    shift = 0.0 if code is None else regression.shift(_moments(statistics), code)
    return statistics["origin"] + shift


# The moments lie beside the origin, without a dict of their own, which older checkpoints lack.
def _named(moments: dict[str, Array]) -> dict[str, Array]:
    return {f"origin_{name}": x for name, x in moments.items()}


def _moments(statistics: dict[str, Array]) -> dict[str, Array]:
    return {name.removeprefix("origin_"): x for name, x in statistics.items() if name != "origin"}
