"""What a model loses beside the likelihood: regularisers, adversaries and losses of an image.

A model has a tuple of them and charges itself with all by `charge`. A loss is a frozen record with

    names             of what it adds to the loss
    part              the entry of the model's variables that is its own, "discriminator", or None.
                      One with variables plays a game against the model, and in training only
    takes(event, space)
                      why it cannot be of such examples or of latents in such a space (of
                      `parts.SPACES`), None where it can: it goes on from 'model.KEY="name" ...'
    init(*, key)      its variables; only where it has some
    charge(variables, drawn) -> Charge
                      what is lost on a batch, see `drawn.py`; its statistics follow from its
                      variables alone

A new one is a class in a file here and a row in one of the tables.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import ml_collections

from vae.errors import InputError
from vae.models import parts
from vae.models.condition import condition_of
from vae.models.data import Data
from vae.models.losses.discriminator import Discriminator
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.factors import Factors
from vae.models.losses.latents import Latents
from vae.models.losses.perceptual import ImageLoss, ms_ssim, perceptual
from vae.models.losses.realism import Realism
from vae.models.losses.regularizers import L2, GradientPenalty
from vae.networks.discriminators import GridDiscriminator, VectorDiscriminator
from vae.probability.adversarial import GAN_LOSSES

Array = jax.Array
Make = Callable[[ml_collections.ConfigDict, Data, int], Any]


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


def realism(config: ml_collections.ConfigDict, data: Data, size: int) -> Realism:
    """The adversary of examples of a config's `model` section."""
    return Realism(
        discriminator=_discriminator(GridDiscriminator, config),
        event=data.event,
        condition=condition_of(config, data),
        similarity=config.similarity,
    )


def _latents(config: ml_collections.ConfigDict, data: Data, size: int) -> Latents:
    return Latents(_discriminator(VectorDiscriminator, config), size)


def _factors(config: ml_collections.ConfigDict, data: Data, size: int) -> Factors:
    return Factors(_module(VectorDiscriminator, config), size, config.adversarial_weight)


def _image_loss(each: Callable[[Array, Array], Array]) -> Make:
    return lambda config, data, size: ImageLoss(each, config.image_loss_weight)


# The choices of each key of the section `model`: a function of config, data, numbers in z each.
REGULARIZERS: dict[str, Make | None] = {
    "none": None,
    "l2": lambda config, data, size: L2(config.regularizer_weight),
    "gradient_penalty": lambda config, data, size: GradientPenalty(config.regularizer_weight),
}
ADVERSARIES: dict[str, Make | None] = {
    "none": None,
    "images": realism,  # as it is called in every config, whatever the examples are
    "latents": _latents,
    "factors": _factors,
}
IMAGE_LOSSES: dict[str, Make | None] = {
    "none": None,
    "ms_ssim": _image_loss(ms_ssim),
    "perceptual": _image_loss(perceptual),
}
LOSSES = {"regularizer": REGULARIZERS, "adversary": ADVERSARIES, "image_loss": IMAGE_LOSSES}


def losses_of(
    config: ml_collections.ConfigDict, data: Data, *, space: str, size: int
) -> tuple[Any, ...]:
    """The losses of a config's `model` section, of latents of `size` numbers in a space.

    Raises:
      InputError: one of them cannot be of such data or latents.
    """
    chosen = []
    for key, table in LOSSES.items():
        if (make := table[config[key]]) is None:
            continue
        chosen.append(make(config, data, size))
        if reason := chosen[-1].takes(data.event, space):
            raise InputError(f"model.{key}={config[key]!r} {reason}")
    return tuple(chosen)


def names(losses: tuple[Any, ...]) -> tuple[str, ...]:
    """What they add to the loss."""
    return tuple(name for loss in losses for name in loss.names)


def init(losses: tuple[Any, ...], *, key: Array) -> dict[str, parts.Variables]:
    """The initial variables of those that have some, by part; `key` is that of the model."""
    key = jax.random.fold_in(key, 4)  # beside the parts that a model draws from its key
    return {loss.part: loss.init(key=key) for loss in losses if loss.part}


def charge(
    losses: tuple[Any, ...], variables: parts.Variables, drawn: Drawn, *, train: bool
) -> Charge:
    """What a model loses by all of them, by name, and the statistics by part."""
    lost, statistics, log_px = {}, {}, None
    for loss in losses:
        if not loss.part:
            lost |= loss.charge(parts.nothing(), drawn).losses
        elif train:
            one = loss.charge(parts.part(variables, loss.part), drawn)
            lost |= one.losses
            statistics[loss.part] = one.statistics
            log_px = log_px if one.log_px is None else one.log_px
    return Charge(lost, statistics, log_px)
