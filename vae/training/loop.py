"""The loop. Its order is always the same:

    restore or initialise; then
    batch -> step -> (every so often) log and check finite, evaluate, draw, save
    and finally wait for the checkpoint.

The state after n steps is saved as step n. At most two calls are in flight. The host waits for the
device only where something is logged, evaluated, drawn or saved.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Callable
from typing import Any

import jax
import ml_collections
import numpy as np
from clu import parameter_overview

from vae.training.checkpoints import Checkpoints
from vae.training.logs import Log, Progress
from vae.training.processes import stop_requests
from vae.training.state import RATES, State
from vae.training.step import Report

logger = logging.getLogger(__name__)

SHOWN = ("train/loss", "train/kl", "train/adversarial", "train/discriminator")  # of these, in line


@dataclasses.dataclass(frozen=True)
class Program:
    """What the loop drives.

    Attributes:
      initialise: makes the state before the first step, on the devices.
      step: (state, batch) -> (state, report), compiled; takes `training.steps_per_call` steps.
      batch: the batch of the call that begins at a step, on the devices.
      validate: figures of the validation set, by name.
      draw: writes pictures of the state after a step.
    """

    initialise: Callable[[], State]
    step: Callable[[State, Any], tuple[State, Report]]
    batch: Callable[[int], Any]
    validate: Callable[[State], dict[str, float]]
    draw: Callable[[int, State], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How the loop ended: `completed`, `preempted` or `diverged` (then `step` is where it did)."""

    status: str
    step: int
    state: State
    metrics: dict[str, float]


def run(
    program: Program, config: ml_collections.ConfigDict, checkpoints: Checkpoints, log: Log
) -> Outcome:
    """Trains from the newest whole checkpoint, or the start, to `training.steps`.

    Raises:
      CheckpointError: a checkpoint could not be written.
    """
    state = program.initialise()
    state = checkpoints.restore_latest(state) or state
    start = int(state.step)
    metrics = log.rewind(start)
    if start:
        logger.info("Going on from step %d.", start)
    else:
        logger.info(parameter_overview.get_parameter_overview(state.params, include_stats=False))
    progress = Progress(config.training.steps, start, config.data.batch_size)
    try:
        with stop_requests() as stop_requested:
            return _run(state, program, config, checkpoints, log, progress, metrics, stop_requested)
    finally:
        progress.close()


def _run(
    state: State,
    program: Program,
    config: ml_collections.ConfigDict,
    checkpoints: Checkpoints,
    log: Log,
    progress: Progress,
    metrics: dict[str, float],
    stop_requested: Callable[[], bool],
) -> Outcome:
    total = config.training.steps
    step = start = int(state.step)
    in_flight: collections.deque[Report] = collections.deque()

    def due(every: int) -> bool:
        return every > 0 and (step % every == 0 or step == total)

    while step < total:
        state, report = program.step(state, program.batch(step))
        step += config.training.steps_per_call
        if step == start + config.training.steps_per_call:
            progress.restart(step)  # the rate is of training, not of compilation
        in_flight.append(report)
        if len(in_flight) > 2:
            jax.block_until_ready(in_flight.popleft())
        stopping = stop_requested()

        if due(config.log.every_steps) or stopping:
            report = jax.device_get(report)
            if report.guard.diverged_at >= 0:
                if report.guard.retries:
                    return Outcome("diverged", int(report.guard.diverged_at), state, metrics)
                state = _go_back(program, config, checkpoints, int(report.guard.diverged_at))
                step = int(state.step)
                in_flight.clear()
                metrics = log.rewind(step)
                continue
        if due(config.log.every_steps):
            train = train_metrics(report)
            if train["train/skipped"]:
                logger.warning(
                    "%d updates were skipped: not finite, or above optimizer.skip_norm",
                    train["train/skipped"],
                )
            rates = progress.show(step, {k: train[k] for k in SHOWN if k in train})
            log.scalars(step, train | {f"train/{name}": rate for name, rate in rates.items()})
            metrics |= train
        if due(config.evaluation.every_steps):
            valid = program.validate(state)
            log.scalars(step, valid)
            logger.info(
                "step %d  %s",
                step,
                "  ".join(f"{k} {v:.5g}" for k, v in valid.items() if "stderr" not in k),
            )
            metrics |= valid
            progress.restart(step)
        if due(config.log.images_every_steps):
            program.draw(step, state)
            progress.restart(step)
        saving = due(config.checkpoint.every_steps) or stopping or step == total
        # A state amid a streak of skipped updates is not one to go back to.
        if saving and (step == total or not int(state.guard.streak)):
            checkpoints.save(step, state, metrics if due(config.evaluation.every_steps) else None)
        if stopping and step < total:
            checkpoints.wait()
            return Outcome("preempted", step, state, metrics)
    checkpoints.wait()
    return Outcome("completed", step, state, metrics)


def train_metrics(report: Report) -> dict[str, float]:
    """The averages of a report (nats per example), by name; NaN where no update was applied."""
    with np.errstate(invalid="ignore"):
        values = {name: float(value) for name, value in report.metrics.compute().items()}
    values |= {"learning_rate": float(report.learning_rate), "skipped": int(report.guard.skipped)}
    return {f"train/{name}": value for name, value in values.items()}


def _go_back(
    program: Program, config: ml_collections.ConfigDict, checkpoints: Checkpoints, diverged_at: int
) -> State:
    """The last good state, with a lower learning rate."""
    checkpoints.wait()
    good = program.initialise()
    good = checkpoints.restore_latest(good) or good
    training = config.training
    logger.warning(
        "Step %d was the last of %d in a row whose update was not finite; going back to step %d "
        "with the learning rate multiplied by %g.",
        diverged_at,
        training.max_nonfinite,
        int(good.step),
        training.retry_scale,
    )
    lower = {
        name: value * training.retry_scale for name, value in good.hyper.items() if name in RATES
    }
    return good.replace(
        hyper=good.hyper | lower,
        guard=good.guard.replace(retries=good.guard.retries + 1),
    )
