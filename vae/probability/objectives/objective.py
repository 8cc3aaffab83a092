"""What a training objective is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from vae.errors import InputError
from vae.probability.terms import Terms

Array = jax.Array


class Objective(NamedTuple):
    """A loss, and what it asks of a model.

    Attributes:
      loss: (terms, *, ...) to [B]; the package says what it may take by keyword.
      inference_loss: what the parameters of q(z | x) minimise instead, where the two differ.
      needs: names of what it needs of `terms.q`, see `density.py`.
      resampled: whether `backward_samples` of the K may be drawn, see `importance.resample`.
      weighs: whether it exponentiates the log importance weights, which log p(z) must be exact for.
      learns: names of the parts that it trains, where it leaves the others as they are.
    """

    loss: Callable[..., Array]
    inference_loss: Callable[..., Array] | None = None
    needs: tuple[str, ...] = ()
    resampled: bool = False
    weighs: bool = False
    learns: tuple[str, ...] = ()

    @property
    def reads(self) -> set[str]:
        """Returns the keywords that its losses take."""
        losses = (self.loss, self.inference_loss)
        return {name for loss in losses if loss is not None for name in _keywords(loss)}


def reading(loss: Callable[..., Array], settings: Mapping[str, Any]) -> Callable[[Terms], Array]:
    """Returns a loss as a function of `Terms` alone, with the settings that it reads.

    Raises:
      InputError: it reads something that there is not, and has no default for it.
    """
    parameters = inspect.signature(loss).parameters
    read = {name: settings[name] for name in _keywords(loss) if name in settings}
    for name in _keywords(loss):
        if name not in read and parameters[name].default is inspect.Parameter.empty:
            raise InputError(
                f"objective.name asks for {name!r}, which is none of "
                f"{', '.join(sorted(settings))}: give it as objective.settings.{name}, or a "
                "default."
            )
    return functools.partial(loss, **read)


def _keywords(loss: Callable[..., Array]) -> tuple[str, ...]:
    return tuple(inspect.signature(loss).parameters)[1:]
