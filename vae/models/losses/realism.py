"""A discriminator of examples beside a model that reconstructs them: VAE-GAN, VQ-GAN.

(Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016.) The fakes are
reconstructions and samples from the prior, and only the decoder is trained to make them pass. With
latents that are codes, whose prior is fitted to the encoder's codes, the fakes are reconstructions
alone (Esser et al., "Taming transformers for high-resolution image synthesis", 2021, section 3.1).
With the learned similarity, training replaces the likelihood of the values by that of the
discriminator's features f, without a gradient for the discriminator:

    log p(x | z) = log N(f(x); f(mean of p(x | z)), I)                             (their eq. 7)

Both are in units of the root mean square of f(x): only batch normalisation, which this
discriminator lacks, would give features a scale at which the variance 1 means something. Larsen et
al. train the decoder on gamma times this plus the GAN's loss, and the encoder on this with weight
1. For an optimiser that does not depend on scale, such as Adam, that is the adversarial loss with
the weight 1 / gamma.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections

from vae.models import parts
from vae.models.condition import Condition, code_of
from vae.models.losses.discriminator import NAMES, PART, Discriminator
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.networks.discriminators import GridDiscriminator
from vae.probability.distributions import normal_log_prob, other_keys
from vae.probability.event import Event

Array = jax.Array

TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class Realism(Loss):
    """Tells real examples from the decoder's.

    Attributes:
      discriminator: takes examples.
      event: the shape of an x and what its values mean.
      condition: the condition that it is given, or None.
      similarity: whether its features replace the values in the likelihood.
      balance: see `Loss`.
    """

    discriminator: Discriminator
    event: Event
    condition: Condition | None
    similarity: bool
    balance: float = 0.0

    names = NAMES
    part = PART

    @classmethod
    def build(
        cls,
        config: ml_collections.ConfigDict,
        event: Event,
        condition: Condition | None,
        similarity: bool,
    ) -> Realism:
        discriminator = Discriminator.build(config, GridDiscriminator)
        return cls(discriminator, event, condition, similarity)

    def takes(self, event: Event, space: str) -> str | None:
        if reason := parts.not_of_rank(self.discriminator.module, event.places):
            return f"{reason}; choose 'latents' or 'none'."
        return parts.not_numbers(event)

    def init(self, *, key: Array) -> parts.Variables:
        code = self.condition.code(self.condition.unknown(1)) if self.condition else None
        return self.discriminator.init(jnp.zeros((1, *self.event.shape)), code, key=key)

    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        ready, code = self.discriminator.ready(variables), code_of(self.condition, drawn.batch.y)
        x, latents = drawn.batch.x, [drawn.z]
        if drawn.draw is not None:
            prior = drawn.draw(other_keys(drawn.keys)[0])
            latents.append(jax.tree.map(lambda leaf: leaf[None], prior))
        # The compiler sees that these reconstructions are the likelihood's and decodes them once.
        fakes = [drawn.mean(jax.lax.stop_gradient(z)) for z in latents]
        losses = self.discriminator.contest(ready, x, fakes, code)
        log_px = None
        if self.similarity:
            frozen = jax.lax.stop_gradient(ready)

            def features(x: Array) -> Array:
                return self.discriminator.judge(frozen, x, code)[0]

            wanted, reached = features(x), jax.vmap(features)(drawn.mean(drawn.z))
            unit = jax.lax.rsqrt((wanted**2).mean(-1, keepdims=True) + TINY)
            log_px = normal_log_prob(unit * wanted, unit * reached, 0.0).sum(-1)
        return Charge(losses, ready["statistics"], log_px)
