"""An experiment from its config to its result: load, train, evaluate, record."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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
from vae.training.state import evaluation_variables, initial_state, state_specs
from vae.training.step import make_step

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
    started = time.monotonic()
    workdir = Path(workdir)
    validate(config)
    _check_devices(config)
    _check_resume(config, workdir)
    result = directory.read_json(workdir / "result.json")
    if result and result["status"] == "completed" and result["step"] >= config.training.steps:
        logger.info("%s is complete at step %d.", workdir, result["step"])
        return result

    started -= result["seconds"] if result else 0.0  # what earlier calls on this run took

    dataset = data.load(config.data)
    check_likelihood(dataset.values, config)
    check_labels(dataset, config)
    model = models.build(config.model, _model_data(dataset, config))
    check_objective(config.objective, model, lambda: first_images(dataset, "train", 1, config))

    with processes.first_holds(directory.owned(workdir), InputError):
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
        with _recorded_failure(workdir, started):
            if processes.is_first():
                directory.write_json(workdir / "config.json", to_dict(config))
                record = directory.provenance(overrides or {}, facts)
                directory.write_json(workdir / "provenance.json", record)
            result = _train(config, workdir, dataset, model)
            result["seconds"] = time.monotonic() - started
            if processes.is_first():
                directory.write_json(workdir / "result.json", result)
            processes.meet("the result is written")
    return result if processes.is_first() else directory.read_json(workdir / "result.json")


def _train(
    config: ml_collections.ConfigDict, workdir: Path, dataset: Dataset, model: Any
) -> dict[str, Any]:
    mesh = devices.make_mesh()
    log = Log(workdir, tensorboard=config.log.tensorboard)
    checkpoints = Checkpoints(workdir / "checkpoints", max_to_keep=config.checkpoint.max_to_keep)
    with (
        contextlib.closing(log),
        contextlib.closing(checkpoints),
        _batches(config, dataset) as batches,
    ):
        program = _program(config, workdir, dataset, model, mesh, batches, log)
        outcome = loop.run(program, config, checkpoints, log)
        result = {
            "status": outcome.status,
            "step": outcome.step,
            "metrics": outcome.metrics,
            "params_sha256": digest(outcome.state.params),
        }
        if outcome.status == "completed":
            test = make_evaluator(
                model, dataset, "test", config, mesh, num_samples=config.evaluation.num_samples
            )
            figures = test.figures(devices.whole(evaluation_variables(outcome.state), mesh))
            log.scalars(outcome.step, figures)
            result["metrics"] |= figures
            result["protocol"] = test.protocol
    return result


def _model_data(dataset: Dataset, config: ml_collections.ConfigDict) -> Data:
    return Data(
        mean_image=dataset.mean_image(),
        scale=dataset.values.scale,
        levels=dataset.values.levels,
        num_classes=dataset.num_classes,
        num_attributes=len(dataset.attributes),
        images=lambda num: first_images(dataset, "train", num, config).x,
    )


def _batches(config: ml_collections.ConfigDict, dataset: Dataset) -> Batches:
    return Batches(
        dataset.train,
        batch_size=config.data.batch_size,
        seed=config.data.seed,
        threads=config.data.threads,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )


def _program(
    config: ml_collections.ConfigDict,
    workdir: Path,
    dataset: Dataset,
    model: Any,
    mesh: jax.sharding.Mesh,
    batches: Batches,
    log: Log,
) -> loop.Program:
    # On one device there is nothing to average, and a collective would copy the gradient.
    axis = devices.AXIS if mesh.size > 1 else None
    shapes = jax.eval_shape(lambda: initial_state(model, config))
    specs = state_specs(shapes, mesh, spread=config.training.shard_state)
    step = devices.map_shards(
        make_step(
            model,
            config,
            dataset.values,
            num_examples=len(dataset.train),
            axis=axis,
            specs=specs.params,
        ),
        mesh,
        in_specs=(specs, P(None, devices.AXIS), P()),
        out_specs=(specs, P()),
        donate=(0,),
    )
    table = devices.replicate(dataset.train.table(), mesh)

    @functools.cache  # made at the first validation: a run may have none
    def validation() -> Evaluator:
        return make_evaluator(model, dataset, "valid", config, mesh, num_samples=1)

    def batch(first: int) -> Any:
        steps = range(first, first + config.training.steps_per_call)
        parts = [batches.batch(step) for step in steps]
        stacked = jax.tree.map(lambda *x: np.stack(x), *parts)
        return devices.shard(stacked, mesh, P(None, devices.AXIS))

    return loop.Program(
        initialise=lambda: devices.run_once(lambda: initial_state(model, config), mesh, specs),
        step=lambda state, batch: step(state, batch, table),
        batch=batch,
        validate=lambda state: validation().figures(
            devices.whole(evaluation_variables(state), mesh), warn=False
        ),
        draw=_drawer(config, workdir, dataset, model, mesh, log),
    )


def _drawer(
    config: ml_collections.ConfigDict,
    workdir: Path,
    dataset: Dataset,
    model: Any,
    mesh: jax.sharding.Mesh,
    log: Log,
) -> Callable[[int, Any], None]:
    """Writes a grid of samples, and of reconstructions of the validation set, after a step."""
    compiled = Compiled(model)

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


def _check_devices(config: ml_collections.ConfigDict) -> None:
    number = jax.device_count()
    if jax.local_device_count() * jax.process_count() != number:
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
