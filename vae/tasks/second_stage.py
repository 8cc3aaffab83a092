"""A VAE for the latents of another VAE (Dai & Wipf 2019, "Diagnosing and enhancing VAE models").

    p(z) = integral of p(u) p(z | u) over u,    p(u) = N(0, I),    p(z | u) = N(mean(u), s^2 I)

u has as many dimensions as z. The package's own VAE is used; to it z is one position of D channels.
"""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import numpy as np

from vae import models
from vae.config import base
from vae.models.data import Data
from vae.probability.distributions import split
from vae.probability.event import Event, Values
from vae.probability.objectives.variational import elbo
from vae.probability.terms import Batch

Array = jax.Array

WIDTHS = (256, 256)


class SecondStage(flax.struct.PyTreeNode):
    """The distribution p(z) of a `model` with these `variables`."""

    variables: Any
    model: Any = flax.struct.field(pytree_node=False)

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        u_keys, z_keys = split(keys)
        u = self.model.sample(self.variables, keys=u_keys)
        return self.model.decode(self.variables, u, keys=z_keys)[:, 0, 0]

    def tempered(self, temperature: Array) -> TemperedStage:
        """Returns the same distribution with the noise of u and of z scaled."""
        return TemperedStage(self, temperature)


class TemperedStage(flax.struct.PyTreeNode):
    """p(z) at a temperature t: u ~ N(0, t^2 I), z ~ N(mean(u), (t s)^2 I)."""

    p: SecondStage
    temperature: Array

    def sample(self, *, keys: Array) -> Array:
        """Draws z [B, D], one from each key [B]."""
        model, variables = self.p.model, self.p.variables
        u_keys, z_keys = split(keys)
        u = model.sample(variables, keys=u_keys, temperature=self.temperature)
        mean, drawn = model.decode(variables, u), model.decode(variables, u, keys=z_keys)
        return (mean + self.temperature * (drawn - mean))[:, 0, 0]


def start(dim: int, *, key: Array) -> SecondStage:
    """Returns p(z) before training, for z [B, dim] of about unit variance."""
    config = base().model
    config.encoder_widths = config.decoder_widths = WIDTHS
    config.latent_dim = dim
    config.likelihood, config.scale, config.scale_init = "gaussian", "learned", 1.0
    config.output_bias = "zeros"  # so that models of one size are equal, as a pytree's must be
    pixel = np.zeros((1, 1, dim), np.float32)
    event = Event(pixel.shape, Values("real"))
    facts = Data(event, pixel, num_classes=0, examples=lambda num: pixel)
    model = models.build(config, facts)
    return SecondStage(model.init(key=key), model)


def loss(p: SecondStage, z: Array, keys: Array) -> Array:
    """Returns the negative ELBO [B] of z [B, D], with noise from keys [B]."""
    batch = Batch(z[:, None, None])
    return elbo(p.model.terms(p.variables, batch, keys=keys[None], train=True))
