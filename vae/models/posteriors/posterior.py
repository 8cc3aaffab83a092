"""The contract of a family of posteriors, with its defaults."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np

from vae.models import parts
from vae.probability.density import Variational

Array = jax.Array


class Posterior(Protocol):
    """A family that turns the encoder's outputs into a distribution q(z | x).

    Subclass it with a frozen dataclass to write your own. The fields are what it is made with: any
    of

        size        `model.latent_dim`
        activation  the networks' activation, a function

    and what is set as `model.posterior_settings`.

    Attributes:
      size: how many numbers z has.
      outputs: how many numbers the encoder gives for each example.
      space: where z is: "real" (R^size), "sphere" (unit vectors), "ball" (the Poincare ball) or
        "categorical" (one-hot blocks); the prior's must be the same.
      any_density: whether q answers `log_prob` at any z, not only at its own samples.
      density_passes: how many passes of a network that takes; with 0 the arrays of q are [B, ...],
        and the mutual information of x and z is measured.
      is_density: whether log q(z | x) exists; without it no figure is a bound.
      uses_joint: whether q is made of log p(x, z), too, by `moved`.
    """

    if TYPE_CHECKING:  # fields or properties; a property here would be the default of a field

        @property
        def size(self) -> int: ...
        @property
        def outputs(self) -> int: ...
    else:
        size: int
        outputs: int
    space: str = "real"
    any_density: bool = False
    density_passes: int = 0
    is_density: bool = True
    uses_joint: bool = False

    def init(self, *, key: Array) -> parts.Variables:
        """Returns the family's own initial variables, such as the weights of a flow."""
        return parts.nothing()

    def normalised(
        self, outputs: Array, variables: parts.Variables, *, train: bool, axis: str | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Returns the encoder's outputs as `distribution` takes them, and the family's statistics.

        A family that compares the examples of a training batch, or tracks something over training,
        does so here.

        Args:
          outputs: [B, outputs].
          variables: the family's own; `statistics` holds further ones, which are to be returned.
          train: whether these are the examples of a training batch.
          axis: the name of the mapped axis over which the batch is spread, or None.
        """
        return outputs, variables["statistics"]

    @abstractmethod
    def distribution(
        self, outputs: Array, variables: parts.Variables, *, train: bool
    ) -> Variational:
        """Returns q(z | x) for the encoder's outputs [B, outputs], which are `normalised`.

        Args:
          outputs: [B, outputs].
          variables: the family's own, with the statistics that `normalised` returned.
          train: whether a training step asks.
        """

    def moved(
        self, q: Variational, variables: parts.Variables, log_joint: Callable[[Array], Array]
    ) -> Variational:
        """Returns q(z | x) as log p(x, z) improves it, for a family that `uses_joint`.

        Args:
          q: as `distribution` gives it.
          variables: as `distribution` is given them.
          log_joint: z [K, B, size] of q to log p(x, z) [K, B], a pytree.
        """
        raise NotImplementedError

    @property
    def has_geodesics(self) -> bool:
        """Whether `geodesic` is known, for a space that is neither flat nor a sphere."""
        return type(self).geodesic is not Posterior.geodesic

    def geodesic(self, a: np.ndarray, b: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Returns the shortest way from a to b [N, size] at shares [T], [N, T, size]."""
        raise NotImplementedError
