"""What a model loses beside the likelihood: regularisers, adversaries and losses of an image.

A model has a tuple of them and charges itself with all by `charge`. A loss is a class in a file
here and a row in `vae/config/axes/likelihoods.py`.
"""

from __future__ import annotations

import jax
import ml_collections

from vae.config.build import build
from vae.errors import InputError
from vae.models import parts
from vae.models.condition import Condition
from vae.models.losses.drawn import Charge, Drawn
from vae.models.losses.loss import Loss
from vae.probability.event import Event

Array = jax.Array


def losses_of(
    config: ml_collections.ConfigDict,
    event: Event,
    condition: Condition | None,
    *,
    space: str,
    size: int,
) -> tuple[Loss, ...]:
    """The losses of a config's `model` section, of latents of `size` numbers in a space.

    Raises:
      InputError: one of them cannot be of such data or latents.
    """
    chosen = []
    for key in ("regularizer", "adversary", "image_loss"):
        loss = build("model", config, key, Loss, event=event, condition=condition, size=size)
        if loss is None:
            continue
        if reason := loss.takes(event, space):
            raise InputError(f"model.{key}={config[key]!r} {reason}")
        chosen.append(loss)
    return tuple(chosen)


def names(losses: tuple[Loss, ...]) -> tuple[str, ...]:
    """What they add to the loss."""
    return tuple(name for loss in losses for name in loss.names)


def init(losses: tuple[Loss, ...], *, key: Array) -> dict[str, parts.Variables]:
    """The initial variables of those that have some, by part; `key` is that of the model."""
    key = jax.random.fold_in(key, 4)  # beside the parts that a model draws from its key
    return {loss.part: loss.init(key=key) for loss in losses if loss.part}


def charge(
    losses: tuple[Loss, ...], variables: parts.Variables, drawn: Drawn, *, train: bool
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
