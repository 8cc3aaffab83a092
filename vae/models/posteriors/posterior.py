"""What a family of posteriors is, with its defaults."""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

import jax

from vae.models import parts
from vae.probability.density import Variational

Array = jax.Array


class Posterior(Protocol):
    """A family that turns what the encoder puts out into a distribution q(z | x).

    One of one's own is a frozen dataclass that is a subclass. Its fields are what it is made with:
    any of

        size        `model.latent_dim`
        activation  that of the networks, a function

    and what is set as `model.posterior_settings`.

    Attributes:
      size: how many numbers z has.
      outputs: how many numbers the encoder gives for each example.
      space: where z is: "real" (R^size), "sphere" (unit vectors) or "categorical" (one-hot
        blocks); the prior's must be the same.
      any_density: whether q answers `log_prob` at any z, not only at its own samples.
      is_density: False of a family without log q(z | x), whose figures are no bounds.
    """

    size: int
    outputs: int
    space: str = "real"
    any_density: bool = False
    is_density: bool = True

    def init(self, *, key: Array) -> parts.Variables:
        """The family's own variables, as the weights of a flow."""
        return parts.nothing()

    @abstractmethod
    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> Variational:
        """q(z | x) of what the encoder gives, [B, outputs]."""
