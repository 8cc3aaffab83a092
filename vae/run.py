"""A trained model in use: `run = vae.load("runs/digits")`.

Examples go in and come out as float32 [N, *places, C] in the model's units (for images, the darkest
value of the data is 0 and the brightest 1), and tokens as int32. Missing positions are NaN, and -1
in tokens.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from vae import modalities
from vae.compiled import Compiled
from vae.data import given
from vae.data.batches import apply_in_batches, given_batches
from vae.data.examples import Dataset, Raw
from vae.data.identity import check_identity
from vae.data.lengths import lengths_of
from vae.data.prepare import on_levels
from vae.data.scales import Scales
from vae.errors import InputError, whole_number
from vae.evaluation.likelihood import Estimate
from vae.evaluation.posterior import Posterior, why_not
from vae.models.one_by_one import Decoding
from vae.models.resized import of_places
from vae.probability.distributions import example_keys
from vae.probability.event import Event
from vae.probability.observations import number_observed
from vae.probability.solver import Solver
from vae.training.arrays import digest, sizes
from vae.training.devices import divisible, replicate

BATCH = 256  # examples in one call


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained model.

    Attributes:
      config: the resolved configuration.
      model: the model, a record of pure functions.
      variables: {"params", "statistics"}; the averaged weights if the run has them.
      event: what an example of its data is, with what a raw value means.
      step: number of updates.
      workdir: the run directory.
      out: the directory that tasks write into, the run directory unless another was given.
      attributes: names of the data's attributes; empty if it has classes or no labels.
      scales: what the attributes' numbers mean.
      compiled: the model's functions, compiled.
      classes: names of the data's classes; empty if these are just numbers.
      data: the record in provenance.json of the data that it was trained on.
    """

    config: ml_collections.ConfigDict
    model: Any
    variables: dict[str, Any]
    event: Event
    step: int
    workdir: Path
    out: Path
    attributes: tuple[str, ...]
    scales: Scales
    compiled: Compiled
    classes: tuple[str, ...] = ()
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        """Returns what it is and where, in two lines."""
        data, shape = self.config.data, "x".join(map(str, self.event.shape))
        what = f"{self.config.model.name} of {data.path or data.name}, {shape}"
        where = f"step {self.step:,} of {self.workdir}"
        return f"Run({what}, {where}\n    {sizes(self.params)})"

    @property
    def modality(self) -> Any:
        """Returns the package that reads and shows its data, see `vae.modalities`."""
        return modalities.named(self.data.get("modality", "images"))  # absent in older runs

    @property
    def params(self) -> Any:
        """Returns the weights, a tree of arrays."""
        return self.variables["params"]

    def dataset(self) -> Dataset:
        """Returns the data that it was trained on; each example is read when it is asked for.

        Raises:
          InputError: they are missing, or have changed.
        """
        return self._dataset

    @functools.cached_property
    def _dataset(self) -> Dataset:
        dataset = modalities.load(self.config.data, like=self.event, whole=False)
        check_identity(dataset, self.data, self.workdir)
        return dataclasses.replace(dataset, scales=self.scales)

    @functools.cached_property
    def source(self) -> str:
        """Returns a name of the weights and data that something is fitted to, see `kept`."""
        return f"{digest(self.variables)} {self.data.get('digest')}"

    def sample(
        self,
        num: int,
        *,
        labels: Any = None,
        draw: bool = False,
        seed: int = 0,
        prior: Any = None,
        temperature: float | None = None,
        decoding: Decoding | None = None,
        solver: Solver | None = None,
    ) -> np.ndarray:
        """Returns examples [num, *places, C] float32, decoded from draws of the prior.

        Args:
          num: the number of examples.
          labels: for a conditional model: classes [num], if None each class in turn; attributes
            [num, A]; or classes of several fields, {"digit": 7}, or a list of such sets, used in
            turn, in which a field that is not named runs through its classes.
          draw: draws x ~ p(x | z), with the likelihood's noise, instead of the mean of p(x | z). A
            decoder that reads x has no such mean, so x is always drawn.
          seed: seed of the draws; example i of a seed is the same whatever `num`.
          prior: a distribution to draw latents from instead, from `vae.tasks.fit_prior`.
          temperature: scales the prior's standard deviation; below 1 samples are more alike.
          decoding: how a decoder that reads x takes its values, see `vae.Decoding`.
          solver: how the path of a prior that has one is followed, see `vae.Solver`.

        Raises:
          InputError: the labels are not the model's, its prior has no temperature or no path, or
            its decoder no `decoding`.
        """
        num = whole_number(num, "num", 1)
        scale = None if temperature is None else given.temperature(temperature)
        keys = example_keys(given.key(seed), np.arange(num))
        labels = self._labels(labels, num, in_turn=True)
        compiled = self.compiled.decoding(decoding).solver(solver)
        function = compiled.draw if draw or self.model.causal else compiled.sample
        function = functools.partial(function, prior=prior, temperature=scale)
        return self._in_batches("sampling", function, (keys, labels))

    def encode(self, x: np.ndarray, labels: Any = None) -> Any:
        """Returns q(z | x) of x [N, *places, C] and, if needed, of its condition.

        `labels` are classes [N]; attributes [N, A]; or classes of several fields, as {"digit": 7,
        "speaker": "jackson"} for all or a list of such sets.

        It has numpy arrays: the `mean` [N, D] that `decode` takes, and `log_std` for a Gaussian.
        """
        self._check_encodes()
        inputs = Raw(self.modality.check(x, self.event), self._labels(labels, len(x)))
        lengths = self._lengths(inputs.values)
        return self._in_batches("encoding", self.compiled.encode, inputs, lengths)

    def decode(
        self,
        z: Any,
        labels: Any = None,
        *,
        decoding: Decoding | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Returns the mean of p(x | z) for latents [N, D], as [N, *places, C].

        If the decoder reads x, each value is the one nearest to its mean given those before it, and
        a token is the most probable one; or they are taken by `decoding`, drawn from the seed. A
        decoder that is not told the condition needs no labels.
        """
        z = given.latents(z, self.compiled.latents(self.variables))
        num = len(jax.tree.leaves(z)[0])
        keys = decoding and example_keys(given.key(seed), np.arange(num))
        condition = self.model.condition
        if labels is None and condition and not condition.to_decoder:
            y = np.asarray(condition.unknown(num))
        else:
            y = self._labels(labels, num)
        return self._in_batches("decoding", self.compiled.decoding(decoding).decode, (z, y, keys))

    def reconstruct(
        self,
        x: np.ndarray,
        labels: Any = None,
        *,
        decoding: Decoding | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Returns x [N, *places, C], encoded and decoded; see `decode`.

        Positions that are missing in x are missing in it, too, unless tokens say where it ends.
        """
        z, values = self.encode(x, labels).mean, self.event.values
        made = self.decode(z, labels, decoding=decoding, seed=seed)
        if not values.missing or values.end is not None:
            return made
        return values.marked(made, values.there(self.modality.check(x, self.event)))

    def resized(self, places: tuple[int, ...]) -> Run:
        """Returns the same run for examples of other places, see `vae/models/resized.py`.

        Raises:
          InputError: its networks are for examples of one size only.
        """
        compiled = self.compiled.resized(places)
        variables = of_places(self.model, self.variables, places)
        event = dataclasses.replace(self.event, shape=(*places, self.event.channels))
        return dataclasses.replace(
            self, model=compiled.model, variables=variables, event=event, compiled=compiled
        )

    def log_likelihood(
        self,
        x: np.ndarray,
        labels: Any = None,
        *,
        num_samples: int | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """Returns the importance-weighted log p(x) [N], in nats, of x; see `estimate`."""
        return self.estimate(x, labels, num_samples=num_samples, seed=seed).log_likelihood

    def estimate(
        self,
        x: np.ndarray,
        labels: Any = None,
        *,
        num_samples: int | None = None,
        seed: int = 0,
    ) -> Estimate:
        """Returns the ELBO, the importance-weighted log p(x) and their parts, for x.

        Args:
          x: examples [N, *places, C].
          labels: as for `encode`, if the model takes any.
          num_samples: K; `evaluation.num_samples` of the config if None.
          seed: seed of the samples.

        Raises:
          InputError: the posterior is a point, so nothing can be estimated, or there is none.
        """
        self._check_encodes()
        if not self.model.is_density:
            raise InputError(
                "this model's q(z | x) has no density, so log p(x) cannot be estimated."
            )
        samples = self.config.evaluation.num_samples if num_samples is None else num_samples
        samples = whole_number(samples, "num_samples", 1)
        x, labels = self.modality.check(x, self.event), self._labels(labels, len(x))
        values = self.model.event.values
        if values.levels and values.kind != "tokens" and self.model.likelihood.discrete:
            x = on_levels(x, values.levels)
        return self.estimate_checked(Raw(x, labels), num_samples=samples, seed=seed)

    def estimate_checked(self, examples: Raw, *, num_samples: int, seed: int) -> Estimate:
        """Returns `estimate` of examples as a model takes them, be it any x that it draws."""
        mesh = self.compiled.mesh
        estimator = self.compiled.estimator(
            num_samples=num_samples, max_bytes=self.config.evaluation.max_bytes
        )
        size = divisible(min(BATCH, len(examples.values)), mesh)
        batches = given_batches(examples, size, self._lengths(examples.values))
        number = math.ceil(len(examples.values) / size)
        variables, key = replicate(self.variables, mesh), given.key(seed)
        return estimator(variables, {}, batches, key=key, num_batches=number)

    def posterior(
        self,
        observation: Any,
        labels: Any = None,
        *,
        chains: int = 4,
        sweeps: int | None = None,
        seed: int = 0,
    ) -> Posterior:
        """Samples p(z | observed): what partly known examples may be.

        Args:
          observation: a `Masked`, `Noisy` or `Averaged` of `vae.probability.observations`, of N
            examples.
          labels: as for `encode`, if the model takes any.
          chains: M, the number of possible examples for each.
          sweeps: trajectories of each chain, of which no result uses the first half; 200 if None.
            Where the prior is the end of a path, the number of steps along it; 50 if None.
          seed: seed of the chains; chain m of example n is the same whatever else there is.

        Raises:
          InputError: the model has no density of real latents, or the observation does not fit.
        """
        if reason := why_not(self.model):
            raise InputError(f"p(z | observed) cannot be sampled: the model of this run {reason}.")
        num = number_observed(observation, self.event)
        return self.compiled.sampler(self.variables)(
            self.variables,
            observation,
            self._labels(labels, num) if self.model.condition else None,
            chains=whole_number(chains, "chains", 1),
            sweeps=None if sweeps is None else whole_number(sweeps, "sweeps", 1),
            key=given.key(seed),
        )

    def _check_encodes(self) -> None:
        if not self.model.encodes:
            raise InputError(
                f"this run's model, model.name={self.config.model.name!r}, does not encode "
                "examples: it can only be sampled from; model.name='vae' can be asked about them."
            )

    def class_numbers(self, labels: Sequence[int | str]) -> list[int]:
        """Returns the class numbers of labels, numbers or names, see `given.class_numbers`."""
        size = self.model.condition.size if self.model.condition else 0
        return given.class_numbers(labels, size=size, names=self.classes, workdir=self.workdir)

    def _labels(self, labels: Any, num: int, *, in_turn: bool = False) -> np.ndarray:
        return given.labels_of(
            self.model.condition,
            labels,
            num,
            names=self.attributes or self.classes,
            unlabelled=self.model.takes_unlabelled,
            workdir=self.workdir,
            in_turn=in_turn,
        )

    def _lengths(self, x: np.ndarray) -> np.ndarray | None:
        return lengths_of(x) if self.event.ragged and self.model.any_length else None

    def _in_batches(
        self,
        doing: str,
        function: Callable[..., Any],
        inputs: Any,
        lengths: np.ndarray | None = None,
    ) -> Any:
        function = functools.partial(function, self.variables)
        return apply_in_batches(function, inputs, BATCH, doing, lengths)
