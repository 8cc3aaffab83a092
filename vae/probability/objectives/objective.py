"""What a training objective is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from vae.probability.terms import Terms

Array = jax.Array


class Objective(NamedTuple):
    """A loss, and what it asks of a model.

    Attributes:
      loss: (terms, *, ...) to [B], see the package for what it may read by keyword.
      inference_loss: what the parameters of q(z | x) minimise instead, where the two differ.
      needs: what it asks of `terms.q`, by name; see `models/posteriors`.
      resampled: whether `backward_samples` may be drawn from its K, see `importance.resample`.
    """

    loss: Callable[..., Array]
    inference_loss: Callable[..., Array] | None = None
    needs: tuple[str, ...] = ()
    resampled: bool = False

    @property
    def reads(self) -> set[str]:
        """The keywords that its losses take."""
        losses = (self.loss, self.inference_loss)
        return {name for loss in losses if loss is not None for name in _keywords(loss)}


def reading(loss: Callable[..., Array], settings: Mapping[str, Any]) -> Callable[[Terms], Array]:
    """A loss as a function of `Terms` alone, with those of the settings that it reads."""
    return functools.partial(loss, **{name: settings[name] for name in _keywords(loss)})


def _keywords(loss: Callable[..., Array]) -> tuple[str, ...]:
    return tuple(inspect.signature(loss).parameters)[1:]
