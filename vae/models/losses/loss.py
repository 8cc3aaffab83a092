"""What is lost beside the likelihood: regularisers, adversaries and losses of an image."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

import jax

from vae.models import parts
from vae.models.losses.drawn import Charge, Drawn
from vae.probability.event import Event

Array = jax.Array


class Loss(Protocol):
    """What a model is charged with on a batch, beside its likelihood.

    One of one's own, for `model.regularizer`, `model.adversary` or `model.image_loss`, is a frozen
    dataclass that is a subclass. Its fields are what it is made with: any of

        event      the shape of an x and what its values mean, as the model is given them
        size       how many numbers z has, of all its layers together
        condition  what the model is told of an example, or None, see `vae.models.condition`

    and what is set as the key's settings, as `model.regularizer_settings`.

    Attributes:
      names: of what it adds to the loss.
      part: the entry of the model's variables that is its own, or None. A loss with variables plays
        a game against the model, and in training only.
    """

    names: tuple[str, ...]
    part: str | None = None

    def takes(self, event: Event, space: str) -> str | None:
        """Why it cannot be of such examples, or of latents in such a space; None where it can.

        It goes on from 'model.KEY="name" ...'; the spaces are those of `vae.probability.density`.
        """
        return None

    def init(self, *, key: Array) -> parts.Variables:
        """The initial variables of its `part`."""
        return parts.nothing()

    @abstractmethod
    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        """What is lost on a batch; the statistics follow from the variables alone."""
