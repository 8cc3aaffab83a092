"""What a family of priors is, with its defaults."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol

import jax

from vae.models import parts
from vae.probability.density import Density, Variational
from vae.probability.terms import Batch

Array = jax.Array


class Prior(Protocol):
    """A family of distributions p(z), learned or not.

    One of one's own is a frozen dataclass that is a subclass. Its fields are what it is made with:
    any of

        size       how many numbers z has
        condition  what the model is told of an example, or None, see `vae.models.condition`
        data       what is known of the data, see `vae.models.data`

    and what is set as `model.prior_settings`.

    Attributes:
      space: where z is: "real" (R^size), "sphere" (unit vectors) or "categorical" (one-hot
        blocks); the posterior's must be the same.
      uses_encoder: whether p(z) is made of posteriors of other examples.
    """

    space: str = "real"
    uses_encoder: bool = False

    def init(self, *, key: Array) -> parts.Variables:
        """The family's own variables.

        What is learned by gradient is in `params`, what is kept beside it in `statistics`.
        """
        return parts.nothing()

    @abstractmethod
    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> Density:
        """p(z) for a batch.

        Args:
          variables: of the family.
          batch: the examples whose latents are asked for; in sampling x is None and y [B] their
            labels.
          encode: gives q(z | x) of other examples, to a family that is made of posteriors.
          train: whether a step of training asks.
        """
