"""What generators and discriminators minimise.

A discriminator's logit says how sure it is that an example is real. The logit that minimises the
cross-entropy is log p_real - log p_fake (Goodfellow et al., "Generative adversarial nets", 2014,
proposition 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from vae.probability.objectives.batch import gather, own_part

Array = jax.Array


class GanLoss(NamedTuple):
    """The losses of a generator and a discriminator, elementwise functions of a logit.

    Attributes:
      generator: what the generator minimises on a fake.
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
    """Returns |d judge(x) / d x|^2 of each example, [B], for x [B, ...] and `judge` to [B].

    Half its mean over real examples is the penalty R1 (Mescheder et al., "Which training methods
    for GANs do actually converge?", 2018, eq. 9).
    """
    slope = jax.grad(lambda x: judge(x).sum())(x)
    return (slope.reshape(len(x), -1) ** 2).sum(-1)


def permuted_dimensions(z: Array, noise: Array, axis: str | None) -> Array:
    """Returns z [B, D] with each dimension permuted independently over the whole batch.

    This turns q(z) into the product of its marginals (Kim & Mnih, "Disentangling by factorising",
    2018, algorithm 1). Sorting `noise` [B, D] gives the permutations. The noise belongs to the
    examples, so the permutations are the same on any number of devices.
    """
    order = jnp.argsort(gather(noise, axis), axis=0)
    return own_part(jnp.take_along_axis(gather(z, axis), order, axis=0), len(z), axis)
