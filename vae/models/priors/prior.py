"""The contract of a family of priors, with its defaults."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Protocol, Self

import jax

from vae.errors import InputError
from vae.models import parts
from vae.probability.density import Density, Variational
from vae.probability.paths import Path
from vae.probability.solver import AT_ONCE, Solver
from vae.probability.terms import Batch

Array = jax.Array

PRIOR = 3  # names the noise of an estimate of log p(z), see `other_keys`


class Prior(Protocol):
    """A family of distributions p(z), learned or not.

    Subclass it with a frozen dataclass to write your own. The fields are what it is made with: any
    of

        size       how many numbers z has
        grid       the places of z where it has a place at each, channel by channel: z is then
                   [E, *grid], flattened; () where z is one vector
        condition  the model's condition, or None, see `vae.models.condition`
        data       the facts about the data, see `vae.models.data`

    and what is set as `model.prior_settings`.

    Attributes:
      space: where z is: "real" (R^size), "sphere" (unit vectors), "ball" (the Poincare ball) or
        "categorical" (one-hot blocks); the posterior's must be the same.
      uses_encoder: whether p(z) is made of the posteriors of other examples.
      exact: whether `estimate` of its densities is log p(z) itself, without noise.
      estimated: where it is not, what the figures then are, for the protocol of an evaluation.
      reads_condition: whether p(z) depends on the model's condition.
      in_time: whether p(z) follows the frames of x, and leaves out those that an example lacks.
      path: the path from noise at whose end p(z) is, as a `PathDensity`; None where there is none.
    """

    space: str = "real"
    uses_encoder: bool = False
    exact: bool = True
    estimated: str = "log p(z) is estimated: nll is -elbo"
    reads_condition: bool = False
    in_time: bool = False
    path: Path | None = None

    def init(self, *, key: Array) -> parts.Variables:
        """Returns the family's own initial variables.

        `params` are learned by gradient descent, `statistics` are kept beside them.
        """
        return parts.nothing()

    def tracked(self, variables: parts.Variables, z: Array) -> dict[str, Any]:
        """Returns the family's statistics after a training batch with latents z [K, B, size].

        They are averaged over the devices, so that they must be linear in what each device sees.
        """
        return variables["statistics"]

    def left_out(self, q: Variational, mask: Array | None) -> Variational:
        """Returns q(z | x) without the latents of what examples lack.

        Args:
          q: q(z | x) of B examples.
          mask: [B, *places] bool, the positions that there are; None where all are.
        """
        return q

    def with_solver(self, solver: Solver) -> Self:
        """Returns the same family, whose samples are found by `solver`.

        Raises:
          InputError: its samples are drawn at once.
        """
        raise InputError(AT_ONCE)

    @abstractmethod
    def distribution(
        self,
        variables: parts.Variables,
        batch: Batch,
        encode: Callable[[Batch], Variational],
        *,
        train: bool,
    ) -> Density:
        """Returns p(z) for a batch.

        Args:
          variables: the family's own.
          batch: the examples whose latents p(z) is for; in sampling x is None and y [B] is given.
          encode: returns q(z | x) of other examples, for a family that is made of posteriors.
          train: whether a training step asks.
        """
