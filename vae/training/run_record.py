"""The record of a run: what it is, its results, and whether it may go on.

It is `config.json`, `provenance.json` and `result.json` of the run directory. The checkpoints and
the log are opened here, too, for as long as the directory is owned.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from vae import modalities
from vae.config import differences, flatten, own, resumable, to_dict
from vae.data.examples import Dataset
from vae.data.identity import check_identity
from vae.errors import InputError
from vae.networks import lite0_weights
from vae.training import directory, facts, loop, memory, processes, trackers
from vae.training.arrays import digest, parameters
from vae.training.checkpoint_errors import OtherState, Unreadable
from vae.training.checkpoints import Checkpoints
from vae.training.history import history
from vae.training.logs import Log
from vae.training.patience import METRIC, why_ended
from vae.training.provenance import provenance
from vae.training.state import State

logger = logging.getLogger(__name__)

# Keys that say where the run's inputs lie; a digest says whether they are the same.
PLACES = ("data.path", "data.manual_dir", "training.pretrained")


def completed(config: ml_collections.ConfigDict, workdir: Path) -> dict[str, Any] | None:
    """Returns the content of `result.json` if the run is complete and nothing else is asked.

    Something else is asked if the evaluation differs, if an input lies elsewhere now, or if a file
    of the record is damaged.
    """
    try:
        result = directory.read_result(workdir)
        described = facts.read(workdir)
    except directory.Damaged as error:
        logger.warning("%s It will be rewritten.", error)
        return None
    if not result or not described or result["status"] != "completed":
        return None
    reason = ""
    if (step := result["step"]) < config.training.steps:
        reason = why_ended(config, directory.read_metric(workdir, METRIC), step)
        if not reason:
            return None
    asked = ("evaluation.num_samples", "evaluation.seed", *PLACES)
    changed = [key for key in asked if key in _changes(config, workdir)]
    # The run may have been stopped after the config was written and before it was evaluated.
    protocol, now = result.get("protocol", {}), config.evaluation
    if "bound" not in protocol:
        numbers = [name for name in ("num_samples", "seed") if name in protocol]
        changed += [f"evaluation.{name}" for name in numbers if protocol[name] != now[name]]
    if not changed:
        _say_if_beyond(step, config, workdir)
        if reason:
            logger.info("%s ended at step %d by %s.", workdir, step, reason)
        return result
    logger.info("%s is complete and evaluated again: another %s.", workdir, changed[0])
    return None


def check_data(config: ml_collections.ConfigDict, workdirs: Sequence[Path]) -> None:
    """Refuses to answer with the metrics of complete runs if their data have changed.

    Raises:
      InputError: they have; data that can no longer be loaded only give a warning.
    """
    try:
        dataset = modalities.load(config.data, whole=False)
    except InputError as error:
        logger.warning("%s The data of %s were not checked.", error, workdirs[0])
        return
    for workdir in workdirs:
        check_identity(dataset, _earlier(workdir).get("data", {}), workdir)


def check_resume(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Refuses to resume another experiment in the same directory.

    Raises:
      InputError: the directory holds another experiment, or does not say which.
    """
    try:
        changes = _changes(config, workdir)
    except directory.Damaged as error:
        raise InputError(
            f"{error} It is unknown whether {workdir} holds this experiment; if it does, remove "
            "that file, and it will be rewritten."
        ) from None
    if refused := [f"{key}: {change}" for key, change in changes.items() if not resumable(key)]:
        raise InputError(
            f"{workdir} holds another experiment; choose another --workdir or take back what "
            f"differs: {'; '.join(refused)}."
        )


class Record(NamedTuple):
    """A run directory that is being written."""

    workdir: Path
    started: float  # as if all calls for this run had been one
    log: Log
    checkpoints: Checkpoints

    def finish(
        self,
        outcome: loop.Outcome,
        figures: dict[str, float] | None = None,
        protocol: dict[str, Any] | None = None,
        details: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Writes `result.json`, with the test set's metrics, their protocol, and what it took.

        `details.json` has what the metrics are means of, see `vae/evaluation/details.py`.
        A run that has taken all its steps is `completed` if it has these metrics, `preempted`
        before, and `diverged` if they are not finite.
        """
        result: dict[str, Any] = {
            "status": outcome.status,
            "step": outcome.step,
            "metrics": outcome.metrics | (figures or {}),
            "params_sha256": digest(outcome.state.params),
        }
        if outcome.reason:
            result["reason"] = outcome.reason
        if outcome.status == "preempted" and not self.checkpoints.steps():
            result["step"] = 0  # amid skipped updates nothing is saved: it starts again
        if figures is not None:
            self.log.scalars(outcome.step, figures)
            result["protocol"] = protocol
        elif outcome.status == "completed":
            result["status"] = "preempted"
        if error := fault(outcome, result["metrics"]):
            result |= {"status": "diverged", "error": error}
        result["seconds"] = time.monotonic() - self.started
        result |= {"parameters": parameters(outcome.state.params), "memory": memory.peaks()}
        self.log.result = result = directory.finite(result)
        if processes.is_first():
            if details:
                directory.write_json(
                    self.workdir / directory.DETAILS, {"step": outcome.step} | details
                )
            directory.write_json(self.workdir / "result.json", result)
        return result


def fault(outcome: loop.Outcome, metrics: dict[str, float]) -> str | None:
    """Returns why a run that ended, other than by a stop, is of no use; None if it is sound."""
    if outcome.status == "diverged":
        return (
            f"the updates up to step {outcome.step} were not finite, at a lower rate either; lower "
            "optimizer.learning_rate"
        )
    if outcome.status == "preempted":
        return None
    if outcome.step and int(outcome.state.guard.skipped) >= outcome.step:
        return "no update was applied: none was finite, and its norm below optimizer.skip_norm"
    evaluated = {k: x for k, x in metrics.items() if k.startswith(("valid/", "test/"))}
    names = [name for name, x in evaluated.items() if not math.isfinite(x)]
    if names := [name for name in names if not name.endswith("_stderr")]:  # NaN of one example
        what = f"{', '.join(names)}: not finite"
        return f"{what}; lower optimizer.learning_rate, or look for extreme values in the data"
    return None


@contextlib.contextmanager
def recorded(
    config: ml_collections.ConfigDict,
    dataset: Dataset,
    workdir: Path,
    overrides: dict[str, Any],
    *,
    shapes: Callable[[], State],
    pretrained: Callable[[], Any],
    started: float,
    members: int = 1,
) -> Iterator[Record]:
    """Owns a run directory, and records the run in it and, if it fails, why.

    Args:
      config: the experiment.
      dataset: its data.
      workdir: the run directory.
      overrides: what the command line or a sweep changed.
      shapes: returns the shapes of the state, with which the checkpoints are compared.
      pretrained: reads the variables to start from; returns None if they are drawn.
      started: when this call began, by `time.monotonic`.
      members: how many runs are trained in one program, this one included.

    Raises:
      InputError: the directory is in use, holds another experiment, or cannot be written.
    """
    result: dict[str, Any] = {}
    with contextlib.suppress(directory.Damaged):
        result = directory.read_result(workdir) or {}
    started -= result.get("seconds", 0.0)
    with contextlib.ExitStack() as stack:
        stack.enter_context(processes.first_holds(directory.owned(workdir), InputError))
        earlier = _earlier(workdir)
        check_identity(dataset, earlier.get("data", {}), workdir)
        kept = stack.enter_context(_checkpoints(config, workdir, shapes))
        status, saved = result.get("status"), kept.steps()
        if status in ("completed", "preempted") and result["step"] and not saved:
            raise InputError(
                f"{workdir} was {status}, but its checkpoints are gone: choose another --workdir."
            )
        if saved and "digest" not in earlier.get("data", {}):
            logger.warning(
                "%s does not say what data it was trained on; these are assumed: %s.",
                *(workdir, dataset.description),
            )
        _say_if_beyond(max(saved, default=0), config, workdir)
        made_with = {"members": members, "history": history(config, workdir, earlier, saved)}
        if sha := _pretrained_sha256(config, workdir, earlier, pretrained):
            made_with["pretrained_sha256"] = sha
        if config.model.image_loss == "lite0":
            made_with["features_sha256"] = lite0_weights.digest()
        if parts := own.files(flatten(config).values()):
            made_with["parts"] = parts
        if saved:
            own.say_changed(earlier.get("parts", {}), workdir)
        processes.meet("read")  # all have read before the first one writes
        followers = trackers.begin(config, workdir)
        log = Log(workdir, tensorboard=config.log.tensorboard, trackers=followers)
        stack.enter_context(contextlib.closing(log))
        stack.enter_context(_recorded_failure(workdir, started, status, log))
        if processes.is_first():
            directory.write_json(workdir / "config.json", to_dict(config))
            made_by = provenance(overrides, facts.of(dataset))
            facts.write(made_by | made_with, dataset.event.codec, workdir)
        yield Record(workdir, started, log, kept)


def _earlier(workdir: Path) -> dict[str, Any]:
    """Returns provenance.json; empty if there is none, or it is damaged and will be rewritten."""
    with contextlib.suppress(directory.Damaged):
        return directory.read_json(workdir / "provenance.json", {"data": dict}) or {}
    return {}


def _pretrained_sha256(
    config: ml_collections.ConfigDict,
    workdir: Path,
    earlier: dict[str, Any],
    pretrained: Callable[[], Any],
) -> str | None:
    """Returns the digest of the weights that the run starts or has started from.

    Raises:
      InputError: they lie elsewhere now, and differ.
    """
    known = earlier.get("pretrained_sha256")
    if known and "training.pretrained" not in _changes(config, workdir):
        return known  # the other run may no longer exist
    variables = pretrained()
    found = digest(variables["params"]) if variables else None
    if earlier and found != known:
        raise InputError(
            f"{workdir} holds another experiment: it did not start from the weights that "
            f"training.pretrained={config.training.pretrained!r} names."
        )
    return found


@contextlib.contextmanager
def _checkpoints(
    config: ml_collections.ConfigDict, workdir: Path, shapes: Callable[[], State]
) -> Iterator[Checkpoints]:
    """Opens the checkpoints of a run, and checks that the newest whole one is this experiment's."""
    kept = Checkpoints(workdir / "checkpoints", max_to_keep=config.checkpoint.max_to_keep)
    with contextlib.closing(kept):
        try:
            if kept.steps():
                kept.check(shapes())
        except OtherState as error:
            raise InputError(f"{workdir}: {error}.") from None
        yield kept


def _changes(config: ml_collections.ConfigDict, workdir: Path) -> dict[str, str]:
    """Returns what differs from the config of the run in a directory, if it holds one."""
    earlier = directory.read_config(workdir)
    return differences(to_dict(earlier), to_dict(config)) if earlier else {}


def _say_if_beyond(step: int, config: ml_collections.ConfigDict, workdir: Path) -> None:
    if step > config.training.steps:
        logger.warning(
            "%s has taken %d steps already, more than training.steps=%d; its metrics are of step "
            "%d.",
            *(workdir, step, config.training.steps, step),
        )


@contextlib.contextmanager
def _recorded_failure(
    workdir: Path, started: float, status: str | None, log: Log
) -> Iterator[None]:
    """Writes a `result.json` when training fails, if the disk still takes one.

    Before a step is taken, the result of an earlier call (`status`) stays as it is.
    """
    try:
        yield
    except Unreadable:
        raise  # nothing was trained, and the earlier result stays as it is
    except BaseException as error:
        if status not in (None, "failed") and not log.going:
            raise
        result = {
            "status": "failed",
            "seconds": time.monotonic() - started,
            "error": f"{type(error).__name__}: {error}".removesuffix(": "),
        }
        log.result = result
        with contextlib.suppress(OSError):
            if processes.is_first():
                directory.write_json(workdir / "result.json", result)
        raise
