"""A finished (or stopped) run, for use: `run = vae.load("runs/digits")`.

Images go in and come out as float32 [N, H, W, C] in the model's units, where the darkest value of
the data is 0 and the brightest 1.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from vae import modalities, models
from vae.compiled import Compiled
from vae.config import override
from vae.data.batches import HostBatch
from vae.data.examples import Dataset, Raw
from vae.data.identity import check_identity
from vae.data.labels import class_name
from vae.data.scales import Scales
from vae.errors import InputError, not_one_of
from vae.evaluation.likelihood import Estimate, has_density
from vae.evaluation.posterior import SWEEPS, Posterior, Report, why_not
from vae.files import user_path
from vae.modalities.images.pixels import as_x, on_levels
from vae.probability.distributions import example_keys
from vae.probability.event import Event
from vae.probability.terms import Batch
from vae.training import facts, kept
from vae.training.checkpoints import CheckpointError, Checkpoints, digest
from vae.training.devices import divisible, replicate
from vae.training.directory import read_config
from vae.training.state import State, evaluation_variables, initial_state

Array = jax.Array

BATCH = 256  # examples in one call


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained model with its configuration.

    Attributes:
      config: the resolved configuration.
      model: the model, a record of pure functions.
      variables: {"params", "statistics"}; the averaged weights where the run has them.
      event: what an example of its data is, with what a raw value means.
      step: number of updates.
      workdir: the run directory.
      out: the directory that tasks write into, the run directory unless another was given.
      attributes: names of the data's attributes; none where it has classes or no labels.
      scales: what the attributes' numbers mean.
      compiled: the model's functions, compiled.
      classes: names of the data's classes; none where these are their numbers.
      data: what provenance.json says of the data that it was trained on.
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

    @property
    def params(self) -> Any:
        """The weights, a tree of arrays."""
        return self.variables["params"]

    def dataset(self) -> Dataset:
        """Loads the data that it was trained on.

        Raises:
          InputError: they are not there, or others are there now.
        """
        dataset = modalities.load(self.config.data)
        check_identity(dataset, self.data, self.workdir)
        return dataset

    @functools.cached_property
    def source(self) -> str:
        """Names the weights and the data that something is fitted to, see `vae.training.kept`."""
        return f"{digest(self.variables)} {self.data.get('digest')}"

    def find(self, name: str, source: str) -> Path:
        """Where a file that is made once of this source lies: in the run directory, or in `out`."""
        there = self.workdir / name
        return there if kept.source_of(there) == source else self.out / name

    def sample(
        self,
        num: int,
        *,
        labels: np.ndarray | None = None,
        draw: bool = False,
        seed: int = 0,
        prior: Any = None,
        temperature: float | None = None,
    ) -> np.ndarray:
        """Images of latents drawn from the prior.

        Args:
          num: how many.
          labels: [num] classes of a conditional model, one after the other where None; or
            attributes [num, A].
          draw: draws x ~ p(x | z), with the likelihood's noise; else the mean of p(x | z), which it
            does not have where the decoder reads x: then it is always drawn.
          seed: of the draws; image i of a seed is the same whatever `num`.
          prior: what the latents are drawn from instead, as `vae.tasks.fit_prior` gives it.
          temperature: the prior's standard deviation is scaled by it, see `parts.tempered`; below 1
            images are more alike and cleaner.

        Returns:
          [num, H, W, C] float32.

        Raises:
          InputError: the labels are not the model's, or its prior has no temperature.
        """
        if num < 1:
            raise InputError(f"{num} samples cannot be drawn: ask for at least 1.")
        if temperature is not None and not 0 <= temperature < np.inf:
            raise InputError(f"temperature={temperature:g} must be finite and not negative.")
        keys = example_keys(jax.random.key(seed), np.arange(num))
        condition = self.model.condition
        if labels is None and condition and condition.kind == "label":
            labels = np.arange(num) % condition.size
        draw = draw or getattr(self.model, "causal", False)
        function = self.compiled.draw if draw else self.compiled.sample
        scale = None if temperature is None else np.float32(temperature)
        function = functools.partial(function, prior=prior, temperature=scale)
        return self._in_batches(function, (keys, self._labels(labels, num)))

    def encode(self, x: np.ndarray, labels: np.ndarray | None = None) -> Any:
        """q(z | x) of images [N, H, W, C], and labels [N] or attributes [N, A] if it takes any.

        A record of numpy arrays with the `mean` that `decode` takes; for a Gaussian [N, D], beside
        `log_std`.
        """
        self._check_encodes()
        return self._in_batches(
            self.compiled.encode, Batch(self._images(x), self._labels(labels, len(x)))
        )

    def decode(self, z: Any, labels: np.ndarray | None = None) -> np.ndarray:
        """The mean of p(x | z) for latents [N, D], as [N, H, W, C].

        Where the decoder reads x it is what follows from z alone: each value is the one nearest to
        its mean, given those before it.
        """
        z = jax.tree.map(lambda leaf: _numbers(leaf, "latents"), z)
        condition, keys = self.model.condition, jax.random.split(jax.random.key(0), 1)
        y = condition.unknown(1) if condition else None
        like = jax.eval_shape(lambda v: self.model.sample(v, y, keys=keys), self.variables)
        given, wanted = (jax.tree.map(lambda leaf: leaf.shape[1:], tree) for tree in (z, like))
        if given != wanted:
            raise InputError(f"latents of shape [N, *{given}] must be [N, *{wanted}].")
        if not (number := len(jax.tree.leaves(z)[0])):
            raise InputError("there are no latents: give at least one.")
        return self._in_batches(self.compiled.decode, (z, self._labels(labels, number)))

    def reconstruct(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """The mean of p(x | z) at the posterior's mean, for images [N, H, W, C]."""
        return self.decode(self.encode(x, labels).mean, labels)

    def log_likelihood(
        self,
        x: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        num_samples: int | None = None,
        seed: int = 0,
    ) -> np.ndarray:
        """The importance-weighted estimate of log p(x) in nats, for images [N, H, W, C], as [N].

        See `estimate`.
        """
        return self.estimate(x, labels, num_samples=num_samples, seed=seed).log_likelihood

    def estimate(
        self,
        x: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        num_samples: int | None = None,
        seed: int = 0,
    ) -> Estimate:
        """The ELBO, the importance-weighted log p(x) and their parts, for images [N, H, W, C].

        Args:
          x: images.
          labels: [N], or attributes [N, A], if the model takes any.
          num_samples: K; `evaluation.num_samples` of the config where None.
          seed: of the samples.

        Raises:
          InputError: the posterior is a point, from which nothing can be estimated, or there is
            none.
        """
        self._check_encodes()
        if not has_density(self.model):
            raise InputError("this model's q(z | x) has no density, so log p(x) has no estimate.")
        if num_samples is not None and num_samples < 1:
            raise InputError(f"num_samples={num_samples} must be at least 1.")
        x, labels = self._images(x), self._labels(labels, len(x))
        levels = self.model.event.values.levels
        if levels and self.model.likelihood.discrete:
            x = on_levels(x, levels)
        mesh = self.compiled.mesh
        estimator = self.compiled.estimator(
            num_samples or self.config.evaluation.num_samples, self.config.evaluation.max_bytes
        )
        batch_size = divisible(min(BATCH, len(x)), mesh)
        given = Raw(x, labels)
        batches = (
            HostBatch(
                index=np.arange(start, start + batch_size, dtype=np.int32),
                raw=jax.tree.map(
                    lambda column, start=start: _padded(
                        column[start : start + batch_size], batch_size
                    ),
                    given,
                ),
                counted=np.arange(start, start + batch_size) < len(x),
            )
            for start in range(0, len(x), batch_size)
        )
        variables = replicate(self.variables, mesh)
        return estimator(variables, {}, batches, key=jax.random.key(seed))

    def posterior(
        self,
        observation: Any,
        labels: np.ndarray | None = None,
        *,
        chains: int = 4,
        sweeps: int = SWEEPS,
        seed: int = 0,
        report: Report | None = None,
    ) -> Posterior:
        """What images may be of which only part is known, by sampling p(z | observed).

        Args:
          observation: of N images, a `Masked` or `Averaged` of `vae.probability.observations`.
          labels: [N], or attributes [N, A], if the model takes any.
          chains: M, how many possible images of each.
          sweeps: trajectories of each chain; the first half are left out of every figure.
          seed: of the chains; chain m of image n is the same whatever else there is.
          report: called now and then with sweeps done, sweeps in all, and the acceptance.

        Raises:
          InputError: the model has no density of real latents.
        """
        if reason := why_not(self.model):
            raise InputError(f"p(z | observed) has no samples, for the model of this run {reason}.")
        condition, number = self.model.condition, len(jax.tree.leaves(observation)[0])
        return self.compiled.sampler(self.variables)(
            self.variables,
            observation,
            self._labels(labels, number) if condition else None,
            chains=chains,
            sweeps=sweeps,
            key=jax.random.key(seed),
            report=report,
        )

    def _check_encodes(self) -> None:
        if not hasattr(self.model, "encode"):
            raise InputError(
                f"this run's model, model.name={self.config.model.name!r}, does not encode images: "
                "it can only be sampled from; model.name='vae' can be asked about images."
            )

    def _images(self, x: np.ndarray) -> np.ndarray:
        return as_x(x, self.event)

    def _labels(self, labels: np.ndarray | None, num: int) -> np.ndarray:
        condition = self.model.condition
        if not condition:
            return np.full(num, -1, np.int32)
        if condition.kind == "attributes":
            return self._attributes(labels, num)
        classes = condition.size
        lowest = -1 if getattr(self.model, "takes_unlabelled", False) else 0
        if labels is None and lowest == 0:
            raise InputError(f"this model is conditional: give labels from 0 to {classes - 1}.")
        labels = np.full(num, -1) if labels is None else np.asarray(labels)
        if labels.dtype.kind == "U" and labels.ndim == 1:
            labels = np.array(self.class_numbers(labels.tolist()))
        whole = labels.dtype.kind in "iuf" and (labels == np.rint(labels)).all()
        if not whole or labels.shape != (num,) or labels.min() < lowest or labels.max() >= classes:
            raise InputError(f"labels must be {num} whole numbers from {lowest} to {classes - 1}.")
        return labels.astype(np.int32)

    def class_numbers(self, labels: Sequence[int | str]) -> list[int]:
        """The classes of labels: a number is a class's, and text its name or else its number.

        Raises:
          InputError: there is no such class.
        """
        classes = range(self.model.condition.size if self.model.condition else 0)
        number = {str(i): i for i in classes} | {name: i for i, name in enumerate(self.classes)}
        found = [number.get(x) if isinstance(x, str) else int(x) for x in labels]
        for label, of in zip(labels, found, strict=True):
            if of not in classes:
                few = ", ".join(class_name(i, self.classes) for i in classes[:10])
                raise InputError(
                    f"there is no class {str(label)!r} in {self.workdir}; its {len(classes)} are "
                    f"{few}{', ...' if classes[10:] else ''}."
                )
        return found

    def _attributes(self, values: np.ndarray | None, num: int) -> np.ndarray:
        names = ", ".join(self.attributes)
        if values is None:
            raise InputError(f"this model is conditional: give the attributes {names}.")
        values = _numbers(values, "attributes")
        if values.shape != (num, len(self.attributes)):
            raise InputError(
                f"attributes must be [{num}, {len(self.attributes)}] numbers: {names}."
            )
        return values

    def _in_batches(self, function: Callable, inputs: Any) -> Any:
        """Applies a compiled function to leaves [N, ...], B examples at a time, in one shape."""
        number = len(jax.tree.leaves(inputs)[0])
        size = min(BATCH, number)
        parts = []
        for start in range(0, number, size):
            piece = slice(start, start + size)
            batch = jax.tree.map(lambda x, piece=piece: _padded(x[piece], size), inputs)
            parts.append(jax.device_get(function(self.variables, batch)))
        return jax.tree.map(lambda *x: np.concatenate(x)[:number], *parts)


def load(
    workdir: str | Path,
    *,
    step: int | str = "latest",
    out: str | Path | None = None,
    places: Mapping[str, str] | None = None,
) -> Run:
    """Loads a run from its directory.

    Args:
      workdir: the run directory.
      step: of the checkpoint; "latest", or "best" by validation ELBO, the latest where none was
        measured.
      out: the directory that tasks write into; the run directory where None.
      places: where its data are now, by the keys that say so: `data.path`, `data.manual_dir`.

    Raises:
      InputError: there is no run, or no such checkpoint.
    """
    workdir, step = user_path(workdir), _step(step)
    config, known = read_config(workdir), facts.read(workdir)
    if config is None or known is None:
        raise InputError(f"{workdir} holds no run: config.json or provenance.json is missing.")
    override(config, places or {})
    model = models.build(config.model, known.model(config.data))
    state = _restore(workdir, step, jax.eval_shape(lambda: initial_state(model, config)))
    return Run(
        config=config,
        model=model,
        variables=evaluation_variables(state),
        event=known.event,
        step=int(state.step),
        workdir=workdir,
        out=user_path(out or workdir),
        attributes=known.attributes,
        scales=known.scales,
        compiled=Compiled(model),
        classes=known.classes,
        data=known.record,
    )


def _step(step: int | str) -> int | str:
    """A step, "latest" or "best".

    Raises:
      InputError: it is none of them.
    """
    names = ("latest", "best")
    if step in names or isinstance(step, int):
        return step
    try:
        return int(step)
    except ValueError:
        what = f"step={step}, a checkpoint,"
        raise InputError(not_one_of(what, str(step), (*names, "a number of steps"))) from None


def _restore(workdir: Path, step: int | str, shapes: State) -> State:
    directory = workdir / "checkpoints"
    if not directory.is_dir():
        raise InputError(f"{workdir} holds no checkpoint yet.")
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), shapes)
    try:
        with contextlib.closing(Checkpoints(directory, read_only=True)) as checkpoints:
            steps, best = checkpoints.steps(), checkpoints.best_step()
            if step == "latest" or (step == "best" and best is None):
                state = checkpoints.restore_latest(like)
                if state is None:
                    raise InputError(f"{workdir} holds no whole checkpoint yet.")
                return state
            wanted = best if step == "best" else step
            if wanted not in steps:
                raise InputError(f"{workdir} has no checkpoint {step!r}; there are {steps}.")
            return checkpoints.restore(wanted, like)
    except CheckpointError as error:
        raise InputError(f"{workdir}: {error}.") from None


def _numbers(given: Any, what: str) -> np.ndarray:
    """Finite float32 of what is given from Python.

    Raises:
      InputError: it is none.
    """
    given = np.asarray(given)
    if given.dtype.kind not in "iufb" or not np.isfinite(given).all():
        raise InputError(f"{what} must be finite numbers, and these are not all.")
    return given.astype(np.float32)


def _padded(x: Any, size: int) -> Any:
    if len(x) == size:
        return x
    return jnp.concatenate([x, jnp.repeat(x[-1:], size - len(x), axis=0)])
