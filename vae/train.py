"""A run from its config to its result: load, train, evaluate, record."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.sharding import PartitionSpec as P

from vae import terminal
from vae.compiled import Compiled
from vae.data.batches import Batches, stack
from vae.data.labels import called
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.details import details
from vae.evaluation.evaluator import Evaluator, Stopped
from vae.experiment import Experiment, prepare
from vae.files import user_path
from vae.probability.terms import Batch
from vae.report import report
from vae.rules.config import check_config
from vae.run import Run
from vae.training import devices, loop, processes
from vae.training.logs import Log
from vae.training.profiling import profiled
from vae.training.run_record import Record, check_data, check_resume, completed, recorded
from vae.training.state import State, evaluation_variables
from vae.training.step import Report

logger = logging.getLogger(__name__)


def train(
    config: ml_collections.ConfigDict,
    workdir: str | Path,
    *,
    overrides: dict[str, Any] | None = None,
    profile: bool = False,
) -> dict[str, Any]:
    """Trains and evaluates an experiment, or resumes where an earlier call stopped.

    Args:
      config: the experiment, from `vae.config.base()` or a file under `experiments/`.
      workdir: the run directory.
      overrides: what the command line changed, for the record.
      profile: writes a trace of a few steps into the run directory, see `training.profiling`.

    Returns:
      The content of `result.json`: `status` ("completed", "preempted", "diverged", "failed"),
      `step`, `seconds`, `metrics` (nats per example unless the name says otherwise; None for what
      is not finite), `params_sha256`, `error`, a sentence, if it diverged or failed, and `reason`,
      a sentence, if it completed before `training.steps`.

    Raises:
      InputError: an argument is wrong; nothing was written.
      KeyboardInterrupt: by Ctrl-C, after the trained state has been saved and recorded.
    """
    started, workdir = time.monotonic(), user_path(workdir)
    mesh = devices.make_mesh()
    check(config, workdir, mesh)
    if result := completed(config, workdir):
        check_data(config, [workdir])
        untraced = ", so that there are no steps to trace" if profile else ""
        logger.info("%s is complete at step %d%s.", workdir, result["step"], untraced)
        return result
    logger.info("The run directory is %s.", workdir)
    experiment = prepare(config, started=any((workdir / "checkpoints").glob("[0-9]*")))
    with (
        processes.stop_requests() as stop_requested,
        recorded(
            config,
            experiment.dataset,
            workdir,
            overrides or {},
            shapes=experiment.shapes,
            pretrained=experiment.pretrained,
            started=started,
        ) as record,
        experiment.batches() as batches,
        profiled(workdir) if profile else contextlib.nullcontext() as traced,
    ):
        program = make_program(experiment, workdir, mesh, batches, record.log)
        if traced:
            program = dataclasses.replace(program, step=traced(program.step))
        outcome = loop.run(program, config, record.checkpoints, record.log, stop_requested)
        result = _finished(experiment, record, outcome, mesh, stop_requested)
    report.write_if_possible(workdir)
    return result


def _finished(
    experiment: Experiment,
    record: Record,
    outcome: loop.Outcome,
    mesh: jax.sharding.Mesh,
    stop_requested: Callable[[], bool],
) -> dict[str, Any]:
    """Evaluates the test set of a run that has taken all its steps, and records how it ended."""
    if outcome.status != "completed":
        return record.finish(outcome)
    test = experiment.test(mesh)
    variables = devices.whole(evaluation_variables(outcome.state), mesh)
    try:
        estimate = test.estimate(variables, stop_requested)
    except Stopped:
        return record.finish(outcome)
    found = details(estimate, experiment.dataset.test)
    return record.finish(outcome, test.figures(estimate), test.protocol, found)


def check(config: ml_collections.ConfigDict, workdir: Path, mesh: jax.sharding.Mesh) -> None:
    """Refuses an experiment that is visibly wrong before the data are loaded.

    Raises:
      InputError: a value is wrong, or the run directory holds another experiment.
    """
    check_config(config)
    _check_devices(config, mesh.shape[devices.AXIS])
    check_resume(config, workdir)


def _check_devices(config: ml_collections.ConfigDict, number: int) -> None:
    if jax.local_device_count() * jax.process_count() != jax.device_count():
        raise InputError(
            "the processes have different numbers of devices; give each the same number."
        )
    if (config.data.batch_size // config.training.accumulate) % number:
        micro = " / training.accumulate" if config.training.accumulate > 1 else ""
        raise InputError(
            f"data.batch_size={config.data.batch_size}{micro} must be a multiple of the "
            f"number of devices, {number}."
        )


def make_program(
    experiment: Experiment, workdir: Path, mesh: jax.sharding.Mesh, batches: Batches, log: Log
) -> loop.Program:
    """Returns what the loop needs for one run."""
    config, dataset = experiment.config, experiment.dataset
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
        like=lambda: experiment.like(mesh, specs),
        initialise=lambda: experiment.initial_state(mesh, specs),
        step=lambda state, batch: step(state, batch, table),
        batch=batch,
        validate=validate,
        draw=drawer(experiment, workdir, mesh, log),
    )


def make_mapped_step(
    experiment: Experiment, mesh: jax.sharding.Mesh, specs: State | P
) -> Callable[[State, Any, Any], tuple[State, Report]]:
    """Returns the compiled step on all devices, (state, batch, table) -> (state, report)."""
    of_params = specs.params if isinstance(specs, State) else specs
    return devices.map_shards(
        experiment.step(mesh, of_params),
        mesh,
        in_specs=(specs, P(None, devices.AXIS), P()),
        out_specs=(specs, P()),
        donate=(0,),
    )


def call_batch(batches: Batches, config: ml_collections.ConfigDict, first: int) -> Any:
    """Returns the batches of the call that begins at step `first`, [S, b, ...] on the host."""
    steps = range(first, first + config.training.steps_per_call)
    return stack([batches.batch(step) for step in steps])


def drawer(
    experiment: Experiment,
    workdir: Path,
    mesh: jax.sharding.Mesh,
    log: Log,
    compiled: Compiled | None = None,
) -> Callable[[int, Any], None]:
    """Returns a function that writes pictures of samples and reconstructions after a step."""
    config, dataset, model, _ = experiment
    compiled = compiled or Compiled(model)

    @functools.cache  # read and prepared at the first picture, not at the start
    def originals() -> Batch:
        return first_examples(dataset, "valid", config.log.num_images, config)

    def draw(step: int, state: Any) -> None:
        with terminal.Progress("drawing pictures"):
            write(step, state)

    def write(step: int, state: Any) -> None:
        variables = devices.local(evaluation_variables(state), mesh)
        if not processes.is_first():
            return
        run = Run(
            config=config,
            model=model,
            variables=variables,
            event=dataset.event,
            step=step,
            workdir=workdir,
            out=workdir,
            attributes=dataset.attributes,
            scales=dataset.scales,
            compiled=compiled,
            classes=dataset.classes,
            data={"modality": dataset.modality},
        )
        x, y, *_ = originals()
        told, modality = model.condition.kind if model.condition else "", run.modality
        classes = np.arange(len(x)) % max(dataset.num_classes, 1) if told == "label" else None
        samples = run.sample(len(x), labels=y if told == "attributes" else classes)
        how = "x drawn from p(x | z)" if model.causal else "shown as the mean of p(x | z)"
        title = f"Samples, step {step:,}: z drawn from the prior, {how}"
        captions = called(classes, dataset.classes)
        data = x if modality.COMPARES else None
        sheet = modality.sheet(samples, run.event, title, data=data, captions=captions)
        shown = {"samples": sheet}
        if model.encodes:
            made = run.reconstruct(x, y)
            title = f"Validation examples and their reconstructions, step {step:,}"
            shown["reconstructions"] = modality.sheet(x, run.event, title, beside=made)
        for name, sheet in shown.items():
            sheet.save(workdir / modality.NAME / f"{name}_{step:08d}.png")
            log.sheet(step, name, sheet)

    return draw
