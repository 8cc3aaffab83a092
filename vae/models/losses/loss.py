"""The contract of a loss beside the likelihood: a regulariser, an adversary or an image loss."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

import jax

from vae.models import parts
from vae.models.losses.drawn import Charge, Drawn
from vae.probability.event import Event

Array = jax.Array


class Loss(Protocol):
    """A term that a model adds to its loss, beside the likelihood.

    Subclass it with a frozen dataclass to write your own, for `model.regularizer`,
    `model.adversary` or `model.image_loss`. The fields are what it is made with: any of

        event      the shape of an x and what its values mean, as the model is given them
        size       how many numbers z has, all its layers together
        condition  the model's condition, or None, see `vae.models.condition`

    and what is set as the key's settings, as `model.regularizer_settings`.

    Attributes:
      names: the names of the terms that it adds to the loss.
      part: the name of its entry in the model's variables, or None. A loss with variables is an
        adversary of the model, which takes part in training only.
      balance: of an adversary; above 0, the gradient of `Drawn.judged` is scaled to so many times
        that of all that compares the outputs with x.
    """

    names: tuple[str, ...]
    part: str | None = None
    balance: float = 0.0

    def takes(self, event: Event, space: str) -> str | None:
        """Returns why it does not take such examples or latents, or None where it does.

        The reason continues the sentence 'model.KEY="name" ...'. `space` is where z is, one of
        `vae.probability.density.SPACES`.
        """
        return None

    def init(self, *, key: Array) -> parts.Variables:
        """Returns the initial variables of its `part`."""
        return parts.nothing()

    @abstractmethod
    def charge(self, variables: parts.Variables, drawn: Drawn) -> Charge:
        """Returns the loss on a batch; its statistics depend on the variables alone."""
