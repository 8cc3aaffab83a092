"""What generators and discriminators minimise.

A discriminator's logit says how sure it is that what it is shown is real. Where it is at its best
under the cross-entropy it is log p_real - log p_fake (Goodfellow et al., "Generative adversarial
nets", 2014, proposition 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vae.probability.objectives.batch import gather, own_part

Array = jax.Array


class GanLoss(NamedTuple):
    """Functions of a logit, elementwise.

    Attributes:
      generator: what the maker of a fake minimises.
      real, fake: what the discriminator minimises.
    """

    generator: Callable[[Array], Array]
    real: Callable[[Array], Array]
    fake: Callable[[Array], Array]


# -log D for the generator, the cross-entropy for the discriminator (Goodfellow et al. 2014).
NON_SATURATING = GanLoss(
    generator=lambda logit: jax.nn.softplus(-logit),
    real=lambda logit: jax.nn.softplus(-logit),
    fake=jax.nn.softplus,
)
# Lim & Ye, "Geometric GAN", 2017; Miyato et al. 2018, eq. 16 and 17.
HINGE = GanLoss(
    generator=lambda logit: -logit,
    real=lambda logit: jax.nn.relu(1 - logit),
    fake=lambda logit: jax.nn.relu(1 + logit),
)


def squared_slope(judge: Callable[[Array], Array], x: Array) -> Array:
    """|d judge(x) / d x|^2 of each example, [B], for x [B, ...] and `judge` to [B].

    Half its mean over real examples is the penalty R1 (Mescheder et al., "Which training methods
    for GANs do actually converge?", 2018, eq. 9).
    """
    slope = jax.grad(lambda x: judge(x).sum())(x)
    return (slope.reshape(len(x), -1) ** 2).sum(-1)


def permuted_dimensions(z: Array, noise: Array, axis: str | None) -> Array:
    """z [B, D] with every dimension permuted on its own over the whole batch, as [B, D].

    So q(z) becomes the product of its marginals (Kim & Mnih, "Disentangling by factorising", 2018,
    algorithm 1). The permutations are the orders of the numbers in `noise` [B, D], which belong to
    the examples: they are the same on any number of devices.
    """
    order = jnp.argsort(gather(noise, axis), axis=0)
    return own_part(jnp.take_along_axis(gather(z, axis), order, axis=0), len(z), axis)
