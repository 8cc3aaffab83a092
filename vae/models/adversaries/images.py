"""A discriminator of images beside a VAE: VAE-GAN.

(Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016.) The fakes are
reconstructions and samples from the prior, and only the decoder is trained to make them pass. With
the learned similarity the likelihood of the pixels is replaced, in training, by that of the
discriminator's features f, of which the discriminator learns nothing:

    log p(x | z) = log N(f(x); f(mean image of z), I)                             (their eq. 7)

Both are in units of the root mean square of f(x), since nothing but batch normalisation, which the
discriminator here is without, gives features a scale at which the variance 1 has a meaning.
Their decoder descends gamma times this and the GAN's loss, their encoder this with weight 1. For an
optimiser that knows no scale, as Adam, that is the adversarial loss with the weight 1 / gamma.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from vae.models import parts
from vae.models.adversaries.discriminator import LOSSES, Discriminator
from vae.models.adversaries.play import Play
from vae.models.condition import Condition
from vae.probability.distributions import normal_log_prob
from vae.probability.event import Event
from vae.probability.terms import Batch

Array = jax.Array

TINY = 1e-12


@dataclasses.dataclass(frozen=True)
class Images:
    """Real images against those of the decoder.

    Attributes:
      discriminator: of images.
      event: what an x is.
      condition: the y that it is given, or None.
      similarity: whether its features replace the pixels.
    """

    discriminator: Discriminator
    event: Event
    condition: Condition | None
    similarity: bool

    losses = LOSSES

    def init(self, *, key: Array) -> parts.Variables:
        code = self.code(self.condition.unknown(1)) if self.condition else None
        return self.discriminator.init(jnp.zeros((1, *self.event.shape)), code, key=key)

    def code(self, y: Array | None) -> Array | None:
        """y as the discriminator is given it."""
        return self.condition.code(y) if self.condition else None

    def play(
        self,
        variables: parts.Variables,
        batch: Batch,
        z: Array,
        p: Any,
        decode: Callable[[Array], Array],
        *,
        keys: Array,
        axis: str | None,
    ) -> Play:
        ready, code = self.discriminator.ready(variables), self.code(batch.y)
        prior = p.sample(keys=keys[0])[None]
        # The compiler sees that the reconstructions are those of the likelihood: they are decoded
        # once.
        fakes = [decode(jax.lax.stop_gradient(latents)) for latents in (z, prior)]
        losses = self.discriminator.contest(ready, batch.x, fakes, code)
        log_px = None
        if self.similarity:
            frozen = jax.lax.stop_gradient(ready)

            def features(x: Array) -> Array:
                return self.discriminator.judge(frozen, x, code)[0]

            wanted, reached = features(batch.x), jax.vmap(features)(decode(z))
            unit = jax.lax.rsqrt((wanted**2).mean(-1, keepdims=True) + TINY)
            log_px = normal_log_prob(unit * wanted, unit * reached, 0.0).sum(-1)
        return Play(losses, ready["statistics"], log_px)
