"""An experiment from its config to its result: load, train, evaluate, record."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import ml_collections
import numpy as np
from jax.sharding import PartitionSpec as P

from vae import data, models
from vae.compiled import Compiled
from vae.config import differences, from_dict, resumable, to_dict, validate
from vae.data.batches import Batches
from vae.data.dataset import Dataset
from vae.data.labels import check_labels
from vae.data.transforms import check_likelihood, first_images
from vae.errors import InputError
from vae.evaluation.evaluator import Evaluator, make_evaluator
from vae.models.combinations import check_objective
from vae.models.data import Data
from vae.probability.terms import Batch
from vae.run import Run
from vae.tasks import pictures
from vae.training import devices, directory, loop, processes
from vae.training.checkpoints import Checkpoints, digest
from vae.training.logs import Log
from vae.training.state import State, evaluation_variables, initial_state, state_specs
from vae.training.step import Report, make_step

logger = logging.getLogger(__name__)


def train(
    config: ml_collections.ConfigDict,
    workdir: str | Path,
    *,
    overrides: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Trains and evaluates an experiment, or goes on where an earlier call stopped.

    Args:
      config: the experiment, from `vae.config.base()` or a file under `experiments/`.
      workdir: the run directory.
      overrides: what the command line changed, for the record.

    Returns:
      What `result.json` holds: `status` ("completed", "preempted", "diverged", "failed"), `step`,
      `seconds`, `metrics` (nats per example unless the name says otherwise), `params_sha256`.

    Raises:
      InputError: something given is wrong; nothing was written.
    """
    started, workdir = time.monotonic(), Path(workdir)
    mesh = devices.make_mesh()
    check(config, workdir, mesh)
    if result := completed(config, workdir):
        logger.info("%s is complete at step %d.", workdir, result["step"])
        return result
    experiment = prepare(config)
    with (
        recorded(experiment, workdir, overrides or {}, started=started) as record,
        experiment.batches() as batches,
    ):
        program = _program(experiment, workdir, mesh, batches, record.log)
        outcome = loop.run(program, config, record.checkpoints, record.log)
        if outcome.status != "completed":
            return record.finish(outcome)
        test = experiment.test(mesh)
        variables = devices.whole(evaluation_variables(outcome.state), mesh)
        figures = test.figures(test.estimate(variables))
        return record.finish(outcome, figures, test.protocol)


class Experiment(NamedTuple):
    """A config with the data and the model that it names."""

    config: ml_collections.ConfigDict
    dataset: Dataset
    model: Any

    def batches(self, seed: int | None = None) -> Batches:
        """The training batches; of another order than `data.seed`'s where a seed is given."""
        data = self.config.data
        return Batches(
            self.dataset.train,
            batch_size=data.batch_size,
            seed=data.seed if seed is None else seed,
            threads=data.threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )

    def step(
        self, mesh: jax.sharding.Mesh, specs: Any = devices.WHOLE
    ) -> Callable[[State, Any, Any], tuple[State, Report]]:
        """The training step of one device's shard, see `make_step`."""
        # On one device there is nothing to average, and a collective would copy the gradient.
        axis = devices.AXIS if mesh.shape[devices.AXIS] > 1 else None
        return make_step(
            self.model,
            self.config,
            self.dataset.values,
            num_examples=len(self.dataset.train),
            axis=axis,
            specs=specs,
        )

    def specs(self, mesh: jax.sharding.Mesh) -> State:
        """How the arrays of the state lie on the devices."""
        shapes = jax.eval_shape(lambda: initial_state(self.model, self.config))
        return state_specs(shapes, mesh, spread=self.config.training.shard_state)

    def valid(self, mesh: jax.sharding.Mesh, members: int = 0) -> Evaluator:
        """The evaluation of the validation set, see `make_evaluator`."""
        return make_evaluator(
            self.model, self.dataset, "valid", self.config, mesh, num_samples=1, members=members
        )

    def test(self, mesh: jax.sharding.Mesh, members: int = 0) -> Evaluator:
        """The evaluation of the test set, once, at the end."""
        number = self.config.evaluation.num_samples
        return make_evaluator(
            self.model, self.dataset, "test", self.config, mesh, num_samples=number, members=members
        )


def check(config: ml_collections.ConfigDict, workdir: Path, mesh: jax.sharding.Mesh) -> None:
    """Refuses what can be seen to be wrong before the data are loaded.

    Raises:
      InputError: a value is wrong, or the run directory holds another experiment.
    """
    validate(config)
    _check_devices(config, mesh.shape[devices.AXIS])
    _check_resume(config, workdir)


def completed(config: ml_collections.ConfigDict, workdir: Path) -> dict[str, Any] | None:
    """What `result.json` holds, where the run has taken all its steps."""
    result = directory.read_json(workdir / "result.json")
    if result and result["status"] == "completed" and result["step"] >= config.training.steps:
        return result
    return None


def prepare(config: ml_collections.ConfigDict) -> Experiment:
    """Loads the data and builds the model.

    Raises:
      InputError: a file is missing or wrong, or data, model and objective do not go together.
    """
    dataset = data.load(config.data)
    check_likelihood(dataset.values, config)
    check_labels(dataset, config)
    model = models.build(config.model, _model_data(dataset, config))
    check_objective(config.objective, model, lambda: first_images(dataset, "train", 1, config))
    return Experiment(config, dataset, model)


class Record(NamedTuple):
    """A run directory that is being written."""

    workdir: Path
    started: float  # as if all calls on this run had been one
    log: Log
    checkpoints: Checkpoints

    def finish(
        self,
        outcome: loop.Outcome,
        figures: dict[str, float] | None = None,
        protocol: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Writes `result.json`; with the test set's figures and their protocol if completed."""
        result = {
            "status": outcome.status,
            "step": outcome.step,
            "metrics": outcome.metrics | (figures or {}),
            "params_sha256": digest(outcome.state.params),
        }
        if figures is not None:
            self.log.scalars(outcome.step, figures)
            result["protocol"] = protocol
        result["seconds"] = time.monotonic() - self.started
        if processes.is_first():
            directory.write_json(self.workdir / "result.json", result)
        return result


@contextlib.contextmanager
def recorded(
    experiment: Experiment,
    workdir: Path,
    overrides: dict[str, Any],
    *,
    started: float,
    members: int = 1,
) -> Iterator[Record]:
    """Owns a run directory, and writes into it what is run and, where that fails, why.

    `members` is how many runs are trained in one program, this among them.
    """
    config, dataset = experiment.config, experiment.dataset
    earlier = directory.read_json(workdir / "result.json")
    started -= earlier["seconds"] if earlier else 0.0
    facts = {
        "image_shape": list(dataset.image_shape),
        "values": dataclasses.asdict(dataset.values),
        "num_classes": dataset.num_classes,
        "attributes": list(dataset.attributes),
        "train": len(dataset.train),
        "valid": len(dataset.valid),
        "test": len(dataset.test),
        "description": dataset.description,
    }
    with (
        processes.first_holds(directory.owned(workdir), InputError),
        _recorded_failure(workdir, started),
    ):
        if processes.is_first():
            directory.write_json(workdir / "config.json", to_dict(config))
            provenance = directory.provenance(overrides, facts) | {"members": members}
            directory.write_json(workdir / "provenance.json", provenance)
        log = Log(workdir, tensorboard=config.log.tensorboard)
        kept = Checkpoints(workdir / "checkpoints", max_to_keep=config.checkpoint.max_to_keep)
        with contextlib.closing(log), contextlib.closing(kept):
            yield Record(workdir, started, log, kept)


def _model_data(dataset: Dataset, config: ml_collections.ConfigDict) -> Data:
    return Data(
        mean_image=dataset.mean_image(),
        scale=dataset.values.scale,
        levels=dataset.values.levels,
        num_classes=dataset.num_classes,
        num_attributes=len(dataset.attributes),
        images=lambda num: first_images(dataset, "train", num, config).x,
    )


def _program(
    experiment: Experiment, workdir: Path, mesh: jax.sharding.Mesh, batches: Batches, log: Log
) -> loop.Program:
    config, dataset, model = experiment
    specs = experiment.specs(mesh)
    step = make_mapped_step(experiment, mesh, specs)
    table = devices.replicate(dataset.train.table(), mesh)

    @functools.cache  # made at the first validation: a run may have none
    def validation() -> Evaluator:
        return experiment.valid(mesh)

    def validate(state: State) -> dict[str, float]:
        valid = validation()
        variables = devices.whole(evaluation_variables(state), mesh)
        return valid.figures(valid.estimate(variables), warn=False)

    def batch(first: int) -> Any:
        return devices.shard(call_batch(batches, config, first), mesh, P(None, devices.AXIS))

    return loop.Program(
        initialise=lambda: devices.run_once(lambda: initial_state(model, config), mesh, specs),
        step=lambda state, batch: step(state, batch, table),
        batch=batch,
        validate=validate,
        draw=drawer(experiment, workdir, mesh, log),
    )


def make_mapped_step(
    experiment: Experiment, mesh: jax.sharding.Mesh, specs: State
) -> Callable[[State, Any, Any], tuple[State, Report]]:
    """The compiled step on all devices, (state, batch, table) -> (state, report)."""
    return devices.map_shards(
        experiment.step(mesh, specs.params),
        mesh,
        in_specs=(specs, P(None, devices.AXIS), P()),
        out_specs=(specs, P()),
        donate=(0,),
    )


def call_batch(batches: Batches, config: ml_collections.ConfigDict, first: int) -> Any:
    """What the call that begins at the step `first` sees, leaves [S, b, ...] on the host."""
    parts = [batches.batch(step) for step in range(first, first + config.training.steps_per_call)]
    return jax.tree.map(lambda *x: np.stack(x), *parts)


def drawer(
    experiment: Experiment,
    workdir: Path,
    mesh: jax.sharding.Mesh,
    log: Log,
    compiled: Compiled | None = None,
) -> Callable[[int, Any], None]:
    """Writes a grid of samples, and of reconstructions of the validation set, after a step."""
    config, dataset, model = experiment
    compiled = compiled or Compiled(model)

    @functools.cache  # read and prepared at the first picture, not at the start
    def originals() -> Batch:
        return first_images(dataset, "valid", config.log.num_images, config)

    def draw(step: int, state: Any) -> None:
        variables = devices.local(evaluation_variables(state), mesh)
        if not processes.is_first():
            return
        run = Run(
            config=config,
            model=model,
            variables=variables,
            values=dataset.values,
            step=step,
            workdir=workdir,
            attributes=dataset.attributes,
            compiled=compiled,
        )
        images, labels, _ = originals()
        wanted = labels if config.model.condition == "attributes" else None
        sheets = {"samples": pictures.grid(run.sample(len(images), labels=wanted))}
        if hasattr(model, "encode"):
            reconstructions = run.reconstruct(images, labels)
            sheets["reconstructions"] = pictures.pairs(images, reconstructions)
        for name, sheet in sheets.items():
            pictures.save(sheet, workdir / "images" / f"{name}_{step:08d}.png")
            log.image(step, name, sheet)

    return draw


def _check_devices(config: ml_collections.ConfigDict, number: int) -> None:
    if jax.local_device_count() * jax.process_count() != jax.device_count():
        raise InputError("the processes have different numbers of devices; give each as many.")
    if (config.data.batch_size // config.training.accumulate) % number:
        micro = " / training.accumulate" if config.training.accumulate > 1 else ""
        raise InputError(
            f"data.batch_size={config.data.batch_size}{micro} must be a multiple of the "
            f"number of devices, {number}."
        )


def _check_resume(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Refuses to go on with another experiment in the same directory."""
    earlier = directory.read_json(workdir / "config.json")
    if earlier is None:
        return
    differing = differences(to_dict(from_dict(earlier)), to_dict(config))
    refused = [f"{key}: {change}" for key, change in differing.items() if not resumable(key)]
    if refused:
        raise InputError(
            f"{workdir} holds another experiment; choose another --workdir or take back what "
            f"differs: {'; '.join(refused)}."
        )


@contextlib.contextmanager
def _recorded_failure(workdir: Path, started: float) -> Iterator[None]:
    """Leaves a `result.json` behind when training fails, if the disk still takes one."""
    try:
        yield
    except BaseException as error:
        result = {
            "status": "failed",
            "seconds": time.monotonic() - started,
            "error": f"{type(error).__name__}: {error}",
        }
        with contextlib.suppress(OSError):
            if processes.is_first():
                directory.write_json(workdir / "result.json", result)
        raise
