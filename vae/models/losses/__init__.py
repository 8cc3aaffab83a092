"""Losses beside the likelihood: regularisers, adversaries and image losses.

A model has a tuple of them, and `charge` adds them up. A loss is a class in a file here and a row
in `vae/config/axes/likelihoods.py`.
"""

from __future__ import annotations

from typing import Any

import jax
import ml_collections

from vae.config.build import build
from vae.errors import InputError
from vae.models import parts
from vae.models.condition import Condition
from vae.models.losses.balance import balanced
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
    """Returns the losses that a config's `model` section names.

    Args:
      config: the section.
      event: the shape of an x and what its values mean.
      condition: the model's condition, or None.
      space: where z is, see `vae.probability.density.SPACES`.
      size: how many numbers z has, all its layers together.

    Raises:
      InputError: one of them does not take such data or latents.
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
    """Returns the names of the terms that they add to the loss."""
    return tuple(name for loss in losses for name in loss.names)


def init(losses: tuple[Loss, ...], *, key: Array) -> dict[str, parts.Variables]:
    """Returns the initial variables of the losses that have some, by part; `key` is the model's."""
    key = jax.random.fold_in(key, 4)  # a model splits its own key into 0 to 3
    return {loss.part: loss.init(key=key) for loss in losses if loss.part}


def judged(losses: tuple[Loss, ...], outputs: Array, axis: str | None) -> tuple[Array, Array]:
    """Returns the decoder's outputs for what compares them with x, and for an adversary."""
    weights = [loss.balance for loss in losses if loss.balance]
    return balanced(outputs, weights[0], axis) if weights else (outputs, outputs)


def charge(losses: tuple[Loss, ...], variables: parts.Variables, drawn: Drawn) -> Charge:
    """Returns the sum of all charges: losses by name, and statistics by part."""
    lost: dict[str, Array] = {}
    statistics: dict[str, Any] = {}
    log_px = None
    for loss in losses:
        if not loss.part:
            lost |= loss.charge(parts.nothing(), drawn).losses
        else:
            one = loss.charge(parts.part(variables, loss.part), drawn)
            lost |= one.losses
            statistics[loss.part] = one.statistics
            log_px = log_px if one.log_px is None else one.log_px
    return Charge(lost, statistics, log_px)
