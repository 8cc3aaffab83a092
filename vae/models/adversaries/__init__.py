"""Adversaries: discriminators that a VAE, or a GAN, is trained against.

An adversary is a frozen record with

    losses          the names of what it adds to the loss
    init(*, key)    its own variables, the entry "discriminator" of the model's
    play(variables, batch, z, p, decode, *, keys, axis) -> Play

where `variables` are its own, z [K, B, D] are samples of q(z | x), p the prior, `decode` takes such
z to mean images [K, B, H, W, C], `keys` [K, B] are for what it draws and `axis` names the mapped
axis over which the batch is spread, or None. It plays in training only.

A new adversary is a file here and a row in the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_collections

from vae.models import parts
from vae.models.adversaries.discriminator import Discriminator
from vae.models.adversaries.factors import Factors
from vae.models.adversaries.images import Images
from vae.models.adversaries.latents import Latents
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.networks.discriminators import GridDiscriminator, VectorDiscriminator
from vae.probability.adversarial import GAN_LOSSES


def _module(kind: type, config: ml_collections.ConfigDict) -> Any:
    return kind(tuple(config.discriminator_widths), config.dtype)


def _discriminator(kind: type, config: ml_collections.ConfigDict) -> Discriminator:
    return Discriminator(
        module=_module(kind, config),
        loss=GAN_LOSSES[config.gan_loss],
        weight=config.adversarial_weight,
        r1_weight=config.r1_weight,
        spectral_norm=config.spectral_norm,
    )


def _images(config: ml_collections.ConfigDict, size: int, data: Data) -> Images:
    discriminator = _discriminator(GridDiscriminator, config)
    parts.check_rank(
        discriminator.module, data.event.places, "model.adversary='images'", "choose 'latents'"
    )
    return Images(
        discriminator=discriminator,
        event=data.event,
        condition=condition_of(config, data),
        similarity=config.similarity,
    )


def _factors(config: ml_collections.ConfigDict, size: int, data: Data) -> Factors:
    return Factors(_module(VectorDiscriminator, config), size, config.adversarial_weight)


ADVERSARIES: dict[str, Callable[..., Any]] = {
    "none": lambda config, size, data: None,
    "images": _images,
    "latents": lambda config, size, data: Latents(
        _discriminator(VectorDiscriminator, config), size
    ),
    "factors": _factors,
}
