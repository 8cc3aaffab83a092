"""Regularisers that keep a decoder smooth where z has no noise to do so.

(Ghosh et al., "From variational to deterministic autoencoders", 2020, section 3.1.)
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.probability.distributions import other_keys
from vae.probability.event import Event

Array = jax.Array


@dataclasses.dataclass(frozen=True)
class L2(Loss):
    """The sum of the decoder's squared weights, the same for every example."""

    weight: float

    names = ("regularizer",)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        total = sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(drawn.decoder))
        return Charge({"regularizer": self.weight * jnp.broadcast_to(total, drawn.keys.shape[1:])})


@dataclasses.dataclass(frozen=True)
class GradientPenalty(Loss):
    """The squared Frobenius norm of J = d mean / d z, averaged over the K samples.

    |J' v|^2 with a vector v of random signs for each sample is an unbiased estimate, since
    E[v v'] = I. It takes one more backward pass through the decoder, whatever the example's size.
    """

    weight: float

    names = ("regularizer",)

    def takes(self, event: Event, space: str) -> str | None:
        return parts.not_numbers(event)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        mean, pull_back = jax.vjp(drawn.mean, drawn.z)
        keys = other_keys(drawn.keys.reshape(-1))
        signs = jax.vmap(lambda key: jax.random.rademacher(key, mean.shape[2:], mean.dtype))(keys)
        (slope,) = pull_back(signs.reshape(mean.shape))
        squared = (parts.vectors(slope) ** 2).sum(-1).mean(0)
        return Charge({"regularizer": self.weight * squared})
