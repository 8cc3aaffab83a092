"""The loop, whose order is always the same:

    restore or initialise; then
    batch -> step -> (every so often) log and check finite, evaluate, draw, save
    and finally wait for the checkpoint.

A state is saved every `checkpoint.every_steps`, and whenever a validation is the best so far. The
state after n steps is saved as step n. At most two calls are in flight. The host waits for the
device only to log, evaluate, draw or save.

The order is a generator, `order`, of requests to whoever holds the state: `run` here, for one run,
and `vae/population/population.py` for many that are trained in one program.
"""

from __future__ import annotations

import collections
import dataclasses
import logging
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol

import jax
import ml_collections
import numpy as np

from vae import terminal
from vae.training.arrays import sizes
from vae.training.checkpoints import Checkpoints
from vae.training.logs import Log, Progress
from vae.training.patience import why_ended
from vae.training.state import RATES, State
from vae.training.step import Report

logger = logging.getLogger(__name__)

SHOWN = ("train/loss", "train/kl", "train/adversarial", "train/discriminator")  # in this order


class Train(NamedTuple):
    """Take the steps of one call, from `step` on; the answer is whether to stop."""

    step: int


class Read(NamedTuple):
    """Read the `Report` after the steps taken; the answer is on the host."""


class Validate(NamedTuple):
    """Evaluate the validation set; the answer is its metrics, by name."""


class Draw(NamedTuple):
    """Write pictures of the state after `step`."""

    step: int


class Save(NamedTuple):
    """Save the state after `step`, or only if it is the best so far.

    `metrics` are the validation set's, if it was just evaluated.
    """

    step: int
    metrics: dict[str, float] | None
    if_best: bool


class GoBack(NamedTuple):
    """Go back to the last good state, with lower rates; the answer is its step."""

    diverged_at: int


class End(NamedTuple):
    """How a run ended: `completed`, `preempted` or `diverged` (then `step` is where it did).

    `reason` is why it completed before `training.steps`, a sentence.
    """

    status: str
    step: int
    metrics: dict[str, float]
    reason: str = ""


Request = Train | Read | Validate | Draw | Save | GoBack


class Shown(Protocol):
    """What shows a run's progress, see `logs.Progress`."""

    def at(self, step: int, /) -> None: ...

    def logged(self, step: int, figures: dict[str, float]) -> dict[str, float]: ...

    def validated(self, figures: dict[str, float]) -> None: ...


def order(
    config: ml_collections.ConfigDict, start: int, log: Log, progress: Shown
) -> Generator[Request, Any, End]:
    """Yields the requests of a run from the step `start` on to whoever holds the state."""
    total, per_call = config.training.steps, config.training.steps_per_call
    reason, last = why_ended(config, log.elbos, start), False
    metrics, step = log.rewind(start, start if reason else total), start

    def due(every: int) -> bool:
        return every > 0 and (step % every == 0 or last)

    while step < total and not reason:
        stopping = yield Train(step)
        log.going = True
        step += per_call
        last = step == total
        logged = due(config.log.every_steps)
        if not logged:
            progress.at(step)
        report: Any = (yield Read()) if logged or stopping else None
        if report and report.guard.diverged_at >= 0:
            if report.guard.retries:
                return End("diverged", int(report.guard.diverged_at), metrics)
            step = yield GoBack(int(report.guard.diverged_at))
            metrics = log.rewind(step, total)
            continue
        if logged:
            train = train_metrics(report)
            if train["train/skipped"]:
                logger.warning(
                    "%d updates were skipped: not finite, or above optimizer.skip_norm",
                    train["train/skipped"],
                )
            rates = progress.logged(step, {k: train[k] for k in SHOWN if k in train})
            log.scalars(step, train | rates)
            metrics |= train
        if due(config.evaluation.every_steps):
            valid = yield Validate()
            log.scalars(step, valid)
            progress.validated(valid)
            metrics |= valid
            reason = "" if last else why_ended(config, log.elbos, step)
            last = last or bool(reason)
        if due(config.log.images_every_steps):
            yield Draw(step)
        validated = due(config.evaluation.every_steps)
        saved = due(config.checkpoint.every_steps) or stopping or last
        if saved or (validated and config.checkpoint.every_steps):
            report = report or (yield Read())
            # Never go back to a state amid a streak of skipped updates.
            if last or not report.guard.streak:
                yield Save(step, metrics if validated else None, if_best=not saved)
        if stopping and not last:
            return End("preempted", step, metrics)
    return End("completed", step, metrics, reason)


@dataclasses.dataclass(frozen=True)
class Program:
    """What a run is made of.

    Attributes:
      like: what a checkpoint is restored into.
      initialise: makes the state before the first step, on the devices.
      step: (state, batch) -> (state, report), compiled; takes `training.steps_per_call` steps.
      batch: returns the batch of the call that begins at a step, on the devices.
      validate: returns the metrics of the validation set, by name.
      draw: writes pictures of the state after a step.
    """

    like: Callable[[], State]
    initialise: Callable[[], State]
    step: Callable[[State, Any], tuple[State, Report]]
    batch: Callable[[int], Any]
    validate: Callable[[State], dict[str, float]]
    draw: Callable[[int, State], None]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended, see `End`, and its last state."""

    status: str
    step: int
    state: State
    metrics: dict[str, float]
    reason: str = ""


def run(
    program: Program,
    config: ml_collections.ConfigDict,
    checkpoints: Checkpoints,
    log: Log,
    stop_requested: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Trains from the newest whole checkpoint, or from the start, to `training.steps`.

    After each call of the step `stop_requested` says whether to save and end.

    Raises:
      CheckpointError: a checkpoint could not be written.
    """
    with terminal.Progress("preparing the weights"):
        # Shapes are traced, which takes as long as the tracing of the initial weights.
        saved = checkpoints.restore_latest(program.like()) if checkpoints.steps() else None
        state = saved or program.initialise()
        start = int(state.step)
    if start:
        logger.info("Going on from step %d.", start)
    else:
        logger.info(sizes(state.params))
    flight, report = Flight(), None
    take = terminal.first("compiling the step", program.step, lambda _, batch: batch.positions)
    with Progress(config, start) as progress:
        requests = order(config, start, log, progress)
        answer: Any = None
        while True:
            try:
                request = requests.send(answer)
            except StopIteration as stop:
                checkpoints.wait()
                status, step, metrics, reason = stop.value
                if reason:
                    logger.info("Training ends at step %d by %s.", step, reason)
                return Outcome(status, step, state, metrics, reason)
            answer = None
            match request:
                case Train(step):
                    state, report = take(state, program.batch(step))
                    flight.add(report)
                    answer = stop_requested()
                case Read():
                    answer = jax.device_get(report)
                case Validate():
                    answer = program.validate(state)
                case Draw(step):
                    program.draw(step, state)
                case Save(step, metrics, if_best):
                    checkpoints.save(step, state, metrics, if_best=if_best)
                case GoBack(diverged_at):
                    state = last_good(
                        program.like(), program.initialise, checkpoints, config, diverged_at
                    )
                    answer = int(state.step)


class Flight:
    """The calls whose results the devices still owe: at most two."""

    def __init__(self) -> None:
        self._reports: collections.deque[Any] = collections.deque()

    def add(self, report: Any) -> None:
        """Counts a call; waits for the oldest if there are three."""
        self._reports.append(report)
        if len(self._reports) > 2:
            jax.block_until_ready(self._reports.popleft())


def train_metrics(report: Report) -> dict[str, float]:
    """Returns a report's averages (nats per example), by name; NaN if no update was applied."""
    with np.errstate(invalid="ignore"):
        values = {name: float(value) for name, value in report.metrics.compute().items()}
    values |= {"learning_rate": float(report.learning_rate), "skipped": int(report.guard.skipped)}
    return {f"train/{name}": value for name, value in values.items()}


def last_good(
    like: State,
    initialise: Callable[[], State],
    checkpoints: Checkpoints,
    config: ml_collections.ConfigDict,
    diverged_at: int,
) -> State:
    """Returns the last good state, with a lower learning rate."""
    checkpoints.wait()
    good = checkpoints.restore_latest(like) or initialise()
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
