"""What a model is, with its defaults: what ties networks to the mathematics."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import numpy as np

from vae.models.condition import Condition
from vae.models.parts import Variables
from vae.models.posteriors import Posterior
from vae.models.priors import Prior
from vae.probability.event import Event
from vae.probability.likelihoods import Likelihood
from vae.probability.terms import Batch, Terms

Array = jax.Array


class Model(Protocol):
    """A model of x; evaluation, sampling and every task know no other.

    Every model is a frozen record without arrays, those that its parameters start from aside; what
    it learns is in its variables. z is whatever its latents are: a vector, or a tree of arrays.

    One of one's own is a subclass with a classmethod `build`, or with fields, which are given any
    of

        config  the section `model` of the config
        data    what is known of the data, see `vae.models.data`
        event   that of the data

    and what is set as `model.settings`.

    Attributes:
      event: the shape of an x, and what its values mean.
      likelihood: p(x | z), or that which x is shown by.
      condition: what y is; None for a model that takes none.
      posterior, prior: the families of q(z | x) and p(z), where z is one vector and has these.
      inference: the names of the parts in the variables that q is made of.
      loss_names: of the further losses of `terms` in training.
      certain: whether q has all its mass at one z, so that one sample tells all.
      causal: whether the decoder reads x, so that p(x | z) has no mean: what is decoded without
        keys is, of each value, the one nearest to its mean given those before it.
      takes_unlabelled: whether a label may be -1, unknown.
      sample_bytes: about what `terms` holds of one sample of one example beside the decoder's
        outputs, where that is much more.
    """

    event: Event
    likelihood: Likelihood
    condition: Condition | None = None
    posterior: Posterior | None = None
    prior: Prior | None = None
    inference: tuple[str, ...] = ()
    loss_names: tuple[str, ...] = ()
    certain: bool = False
    causal: bool = False
    takes_unlabelled: bool = False
    sample_bytes: int = 0

    @property
    def encodes(self) -> bool:
        """Whether it has a q(z | x); one without, as a GAN, has no p(x), and losses alone."""
        return type(self).encode is not Model.encode

    @property
    def is_density(self) -> bool:
        """Whether q(z | x) is a density, so that what is estimated is a bound on log p(x)."""
        return self.encodes and (self.posterior is None or self.posterior.is_density)

    @property
    def has_joint(self) -> bool:
        """Whether z are real numbers, whose density `joint` knows at any of them."""
        return type(self).joint is not Model.joint

    @property
    def conditional(self) -> Model:
        """The model with the condition as given: itself, unless it tells y from x."""
        return self

    @abstractmethod
    def init(self, *, key: Array) -> Variables:
        """The initial variables, by collection and part, see `vae.models.parts`."""

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
        """The parts of log p(x, z) - log q(z | x).

        Args:
          variables: of the model.
          batch: of B examples.
          keys: [K, B], one for each sample.
          train: whether a step of training asks.
          axis: names the mapped axis over which a training batch is spread, or is None.
        """

    def encode(self, variables: Variables, batch: Batch) -> Any:
        """q(z | x), whose `mean` is a z with leaves [B, ...]."""
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
        """z ~ p(z), leaves [B, ...], one from each key [B]; see `parts.tempered`."""

    @abstractmethod
    def decode(
        self, variables: Variables, z: Any, y: Array | None = None, *, keys: Array | None = None
    ) -> Array:
        """x as p(x | z) is shown, [B, *places, C]; with keys [B], draws."""

    def joint(self, variables: Variables, z: Any, y: Array | None = None) -> tuple[Array, Array]:
        """log p(z) [N], and the likelihood's outputs [N, *places, P] of p(x | z), at any z."""
        raise NotImplementedError

    def measure(self, variables: Variables, batch: Batch, *, keys: Array) -> dict[str, Array]:
        """What an evaluation measures beside the terms, arrays [B, ...] from keys [B]."""
        return {}

    def figures(self, measured: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Figures by name, of what was measured of a split."""
        return {}
