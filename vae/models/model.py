"""The contract of a model, with its defaults: it ties networks to the mathematics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, Self

import jax
import numpy as np

from vae.errors import InputError
from vae.models.condition import Condition
from vae.models.one_by_one import AT_ONCE, Decoding
from vae.models.parts import Variables
from vae.models.posteriors import Posterior
from vae.models.priors import Prior
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.solver import AT_ONCE as SOLVED_AT_ONCE
from vae.probability.solver import Solver
from vae.probability.terms import Batch, Terms

Array = jax.Array


class Model(Protocol):
    """A model of x, as evaluation, sampling and every task know it.

    A model is a frozen record. Its only arrays are those that its parameters start from; what it
    learns is in its variables. z is whatever its latents are: a vector, or a tree of arrays.

    Subclass it to write your own, with a classmethod `build` or with fields. They are given any of

        config  the section `model` of the config
        data    the facts about the data, see `vae.models.data`
        event   the shape of an x and what its values mean

    and what is set as `model.settings`.

    Attributes:
      event: the shape of an x and what its values mean.
      likelihood: p(x | z), or what decoded examples are shown by.
      condition: what y is, or None for a model without one.
      posterior: the family of q(z | x), where z is one vector and q has a family.
      prior: the family of p(z), where z is one vector and p has a family; in a ladder that of the
        topmost group, or None where it is the usual one.
      inference: the names of the parts that q is made of.
      loss_names: the names of the further losses that `terms` has in training.
      certain: whether q has all its mass at one z, so that one sample is enough.
      causal: whether the decoder reads x. p(x | z) then has no mean: without keys, `decode` chooses
        each value as the one nearest to its mean given those before it.
      any_length: whether x may have fewer positions along its first axis than the event, and what
        is said of an example does not depend on how many are missing.
      takes_unlabelled: whether a label may be -1, unknown.
      sample_bytes: about how many bytes `terms` holds for one sample of one example beside the
        decoder's outputs, where that is much.
    """

    posterior: Posterior | None = None
    inference: tuple[str, ...] = ()
    certain: bool = False
    takes_unlabelled: bool = False

    if TYPE_CHECKING:  # fields or properties; a property here would be the default of a field

        @property
        def event(self) -> Event: ...
        @property
        def likelihood(self) -> Likelihood: ...
        @property
        def condition(self) -> Condition | None:
            return None

        @property
        def prior(self) -> Prior | None:
            return None

        @property
        def loss_names(self) -> tuple[str, ...]:
            return ()

        @property
        def causal(self) -> bool:
            return False

        @property
        def any_length(self) -> bool:
            return False

        @property
        def sample_bytes(self) -> int:
            return 0
    else:
        event: Event
        likelihood: Likelihood
        condition, prior, loss_names = None, None, ()
        causal, any_length, sample_bytes = False, False, 0

    @property
    def encodes(self) -> bool:
        """Whether it has a q(z | x). A model without one, as a GAN, has no p(x), only losses."""
        return type(self).encode is not Model.encode

    @property
    def is_density(self) -> bool:
        """Whether q(z | x) is a density, so that estimates are bounds on log p(x)."""
        return self.encodes and (self.posterior is None or self.posterior.is_density)

    @property
    def has_joint(self) -> bool:
        """Whether z is made of real numbers, and `joint` knows their density everywhere."""
        return type(self).joint is not Model.joint

    @property
    def conditional(self) -> Model:
        """The model given its condition: itself, unless it infers y from x."""
        return self

    @abstractmethod
    def init(self, *, key: Array) -> Variables:
        """Returns the initial variables by collection and part, see `vae.models.parts`."""

    @abstractmethod
    def terms(
        self,
        variables: Variables,
        batch: Batch,
        *,
        keys: Array,
        train: bool = False,
        axis: str | None = None,
    ) -> Terms:
        """Returns the parts of log p(x, z) - log q(z | x).

        Args:
          variables: the model's.
          batch: B examples.
          keys: [K, B], one for each sample.
          train: whether a training step asks.
          axis: the name of the mapped axis over which a training batch is spread, or None.
        """

    def encode(self, variables: Variables, batch: Batch) -> Any:
        """Returns q(z | x), whose `mean` is a z with leaves [B, ...]."""
        raise NotImplementedError

    @abstractmethod
    def sample(
        self,
        variables: Variables,
        y: Array | None = None,
        *,
        keys: Array,
        temperature: Array | None = None,
    ) -> Any:
        """Draws z ~ p(z), leaves [B, ...], one from each key [B]; see `parts.tempered`."""

    @abstractmethod
    def decode(
        self, variables: Variables, z: Any, y: Array | None = None, *, keys: Array | None = None
    ) -> Array:
        """Returns x as p(x | z) is shown, [B, *places, C]; draws from it with keys [B]."""

    def with_decoding(self, decoding: Decoding) -> Self:
        """Returns the same model, whose `decode` takes each value of x by `decoding`.

        With keys it draws by it; beam search needs none.

        Raises:
          InputError: its decoder does not find the values of x one by one.
        """
        raise InputError(AT_ONCE)

    def with_solver(self, solver: Solver) -> Self:
        """Returns the same model, whose `sample` follows the path of its prior by `solver`.

        Raises:
          InputError: its prior has no path.
        """
        raise InputError(SOLVED_AT_ONCE)

    def joint(
        self, variables: Variables, z: Any, y: Array | None = None, x: Array | None = None
    ) -> tuple[Array, Array]:
        """Returns log p(z) [N] and the outputs of p(x | z) [N, *places, P] at any z.

        x [N, *places, C] is what a `causal` decoder reads; no other is given it.
        """
        raise NotImplementedError

    def measure(self, variables: Variables, batch: Batch, *, keys: Array) -> dict[str, Array]:
        """Returns what an evaluation measures beside the terms, arrays [B, ...], from keys [B]."""
        return {}

    def figures(self, measured: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Returns figures by name from what was measured on a split."""
        return {}
