"""Checkpoints: asynchronous, never half a state, verified when restored, never removed unread.

Orbax commits a checkpoint as a whole, but restores a flipped bit silently. A record of the arrays
(their digest, names, types and shapes) is therefore saved beside them and compared when they are
read. It separates two cases. A checkpoint that is proven damaged is set aside: its folder is
renamed. One that cannot be read here and now (in another environment, or because files cannot be
opened) is left unchanged, and an error says why. This is the one file that knows Orbax.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from vae.training.arrays import (
    NOTHING,
    arrays_of,
    check_of,
    digest,
    dotted,
    filled,
    is_key,
    type_of,
    without,
)
from vae.training.checkpoint_errors import (
    CheckpointError,
    DamagedCheckpoint,
    Unreadable,
    cause,
    closed,
    other_state,
    verdict,
)
from vae.training.devices import fetch
from vae.training.plain_path import plain
from vae.training.processes import agreed, is_first, meet

logger = logging.getLogger(__name__)
# Through absl, Orbax comments on the options that it is given, and prints the traceback of a
# failure that is also raised, and reported here in one line.
logging.getLogger("absl").addFilter(lambda record: f"orbax{os.sep}" not in record.pathname)

BEST = "valid/elbo"
# Fields of a state that have grown, with the names in them that an older checkpoint may lack:
# hyperparameters that have become traced, and the mean of the latents.
_NEWER = {"hyper": "hyper.", "statistics": "statistics.posterior.origin"}


class Checkpoints:
    """The checkpoints of one run directory: the latest few, and the best by validation ELBO.

    Raises:
      Unreadable: the directory cannot be read.
    """

    def __init__(
        self, directory: str | os.PathLike, *, max_to_keep: int = 1, read_only: bool = False
    ) -> None:
        self._directory = Path(os.path.abspath(directory))
        self._max_to_keep, self._read_only = max_to_keep, read_only
        with contextlib.ExitStack() as stack:
            try:
                if not read_only:
                    self._directory.mkdir(parents=True, exist_ok=True)
                path = stack.enter_context(plain(self._directory))
                self._manager = ocp.CheckpointManager(
                    path,
                    options=ocp.CheckpointManagerOptions(
                        preservation_policy=_Keep(self._kept),
                        cleanup_tmp_directories=not read_only,
                        read_only=read_only,
                    ),
                )
            except OSError as error:
                raise Unreadable(f"{directory} cannot be used: {error.strerror}") from None
            self._resources = stack.pop_all()
        self._scores: dict[int, float] = {}  # of the checkpoints that were validated
        self._unknown: set[int] = set()  # checkpoints that do not say whether they were
        for step in self.steps():
            self._read_score(step)
        self._proven = bool(self.steps())  # that what is written in this directory can be read

    def save(
        self,
        step: int,
        state: Any,
        metrics: dict[str, float] | None = None,
        *,
        if_best: bool = False,
    ) -> None:
        """Starts to save the state after `step` steps; returns once the arrays are copied.

        The first checkpoint of a directory is read again before this returns.

        Args:
          step: the number of updates.
          state: a tree of arrays.
          metrics: the metrics of the validation set, if the state was just validated.
          if_best: saves it only if its validation ELBO is finite and the highest so far.

        Raises:
          CheckpointError: this checkpoint or the one before could not be written (a full disk), or
            the first one could not be read again.
        """
        score = (metrics or {}).get(BEST, math.nan)
        earlier = self.best_step()
        best = -math.inf if earlier is None else self._scores[earlier]
        if if_best and not (math.isfinite(score) and score > best):
            return
        scores = {BEST: float(score)} if math.isfinite(score) else {}
        # One copy on the host: from devices Orbax copies all again, and cuts arrays by a program
        # for each shape. Several processes write their own parts.
        if jax.process_count() == 1:
            state = jax.device_get(state)
        record = {"sha256": digest(state), "arrays": arrays_of(state), "metrics": scores}
        if scores:
            self._scores[step] = scores[BEST]
        record["check"] = check_of(record)
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), digest=ocp.args.JsonSave(record)
        )
        try:
            self._manager.save(step, args=args, force=True)
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {step} could not be written: {cause(error)}"
            ) from error
        if not self._proven:
            self._read_back(step, state)

    def _read_back(self, step: int, state: Any) -> None:
        """Checks that the first checkpoint can be read, into the host's memory."""
        self.wait()
        host = jax.tree.map(lambda x: x if is_key(x) else np.empty(x.shape, x.dtype), state)
        with agreed(CheckpointError):
            try:
                self.restore(step, host)
            except CheckpointError as error:
                raise CheckpointError(
                    f"what is written to {self._directory} cannot be read again ({error}); choose "
                    "another --workdir"
                ) from error
        self._proven = True

    def wait(self) -> None:
        """Waits until all saved checkpoints are committed.

        Raises:
          CheckpointError: one could not be written.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise CheckpointError(f"a checkpoint could not be written: {cause(error)}") from error

    def steps(self) -> list[int]:
        """Returns the steps of the committed checkpoints, oldest first."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """Returns the step of the best checkpoint by validation ELBO; None if none has one."""
        return self._best(self.steps())

    def restore(self, step: int, like: Any) -> Any:
        """Reads one checkpoint into arrays of the shapes, types and layouts of `like`.

        Arrays that are newer than the checkpoint (`_NEWER`) are taken from `like`.

        Raises:
          DamagedCheckpoint: its content is not what was written.
          OtherState: it was written in another environment, by another version of the program, or
            for another model or data of another shape.
          Unreadable: its files cannot be read at the moment.
        """
        record = self._record(step)
        known = self._compared(step, record, like)
        args = ocp.args.Composite(state=ocp.args.StandardRestore(known))
        folder, described = self._directory / str(step), "arrays" in record
        try:
            state = self._manager.restore(step, args=args).state
        except Exception as error:
            raise verdict(step, folder, error, described=described) from error
        if digest(state) != record["sha256"]:
            raise DamagedCheckpoint(f"checkpoint {step} is not what was written (digests differ)")
        if (own := int(fetch(state.step))) != step:  # its folder was copied or renamed
            raise DamagedCheckpoint(
                f"checkpoint {step} is not of its step: its state is that of step {own}"
            )
        grown = {name: filled(getattr(state, name), getattr(like, name)) for name in _NEWER}
        return state.replace(**grown)

    def check(self, like: Any) -> None:
        """Refuses a directory whose newest checkpoint `restore_latest` would refuse, unread.

        Raises:
          Unreadable: see `restore`.
        """
        for step in reversed(self.steps()):
            with contextlib.suppress(DamagedCheckpoint):
                self._compared(step, self._record(step), like)
                return

    def _compared(self, step: int, record: dict[str, Any], like: Any) -> Any:
        """Returns `like` without the arrays that are newer than a checkpoint."""
        old = "arrays" not in record  # written before the arrays were described
        there = self._metadata(step, like) if old else record["arrays"]
        newer = {
            name
            for field, names in _NEWER.items()
            for name in arrays_of({field: getattr(like, field)}).keys() - there.keys()
            if name.startswith(names)
        }
        known = like.replace(**{f: without(getattr(like, f), newer, f) for f in _NEWER})
        here = arrays_of(known)
        if old:  # an old record does not tell an empty branch from a missing one
            there |= {name: text for name, text in here.items() if text == NOTHING}
        for name in sorted(there.keys() | here.keys()):
            if there.get(name) != here.get(name):
                named = [arrays.get(name, "missing") for arrays in (there, here)]
                raise other_state(step, f": {name} is {named[0]} there and {named[1]} here")
        return known

    def restore_latest(self, like: Any) -> Any | None:
        """Reads the newest whole checkpoint, and sets newer ones aside that are damaged.

        Raises:
          Unreadable: see `restore`.
        """
        for step in reversed(self.steps()):
            state, failure = None, None
            try:
                state = self.restore(step, like)
            except CheckpointError as error:
                failure = error
            try:
                for kind in (Unreadable, DamagedCheckpoint):  # all raise what one process met
                    with agreed(kind):
                        if isinstance(failure, kind):
                            raise failure
                return state
            except DamagedCheckpoint as error:
                logger.warning("%s; going back to the one before", error)
                if not self._read_only:
                    self._set_aside(step)
        return None

    def _set_aside(self, step: int) -> None:
        """Renames the folder of a damaged checkpoint, so that another of its step can be saved."""
        folder = self._directory / str(step)
        names = (f"{step}.damaged{number}" for number in ("", *range(2, 1000)))
        name = next(name for name in names if not (self._directory / name).exists())
        with agreed(CheckpointError):
            try:
                if is_first():
                    folder.rename(self._directory / name)
            except OSError as error:
                raise CheckpointError(f"{folder} cannot be renamed: {error.strerror}") from None
        meet(f"{step} set aside")
        logger.warning("checkpoint %d is kept as %s", step, self._directory / name)
        self._manager.reload()
        self._scores.pop(step, None)
        self._unknown.discard(step)

    def close(self) -> None:
        self._manager.close()
        self._resources.close()

    def _record(self, step: int) -> dict[str, Any]:
        """Returns the record that was written beside the arrays of a checkpoint."""
        content = self._content(step, "digest/metadata")
        with contextlib.suppress(ValueError, AttributeError, KeyError, TypeError):
            record = json.loads(content)
            if record.keys() == {"sha256"} or record["check"] == check_of(record):
                return record
        raise DamagedCheckpoint(f"checkpoint {step} is damaged: its digest is not what was written")

    def _content(self, step: int, name: str) -> bytes:
        file = self._directory / str(step) / name
        try:
            return file.read_bytes()
        except FileNotFoundError:
            raise DamagedCheckpoint(f"checkpoint {step} is damaged: {name} is missing") from None
        except OSError as error:
            raise closed(step, file, error) from None

    def _read_score(self, step: int) -> None:
        """Finds the validation ELBO of a checkpoint, if it has one that is a number."""
        try:
            record = self._record(step)
            score = record.get("metrics", {}).get(BEST)
            old = self._directory / str(step) / "metrics"  # where earlier versions wrote it
            if "arrays" not in record and old.is_dir():
                score = json.loads(self._content(step, "metrics/metrics"))[BEST]
            if score is not None and math.isfinite(score):
                self._scores[step] = score
        except (CheckpointError, ValueError, KeyError, TypeError):
            self._unknown.add(step)

    def _metadata(self, step: int, like: Any) -> dict[str, str]:
        """Returns an old checkpoint's arrays as `arrays_of` describes them, without empty ones."""
        try:
            folder = self._manager.directory / str(step) / "state"
            tree = ocp.StandardCheckpointHandler().metadata(folder).tree
        except Exception as error:
            raise verdict(step, self._directory / str(step), error, described=False) from error
        # This metadata does not tell string keys from numbers.
        found = {dotted(path): x for path, x in jax.tree_util.tree_leaves_with_path(tree)}
        there = {name: type_of(x) for name, x in found.items()}
        for path, x in jax.tree_util.tree_leaves_with_path(like):
            if (name := dotted(path)) in there and is_key(x):
                data = jax.eval_shape(jax.random.key_data, x)
                there[name] = type_of(x) if found[name].shape == data.shape else "another PRNG"
        return there

    def _kept(self, steps: Sequence[int]) -> set[int | None]:
        """Returns which of these checkpoints stay when another one is written."""
        return {*sorted(steps)[-self._max_to_keep :], self._best(steps), *self._unknown}

    def _best(self, steps: Sequence[int]) -> int | None:
        scores = {step: self._scores[step] for step in steps if step in self._scores}
        return max(scores, key=lambda step: (scores[step], step), default=None)


class _Keep(policies.PreservationPolicy):
    """Tells Orbax which checkpoints stay when another one is written."""

    def __init__(self, kept: Callable[[Sequence[int]], set[int | None]]) -> None:
        self._kept = kept

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        kept = self._kept([checkpoint.step for checkpoint in checkpoints])
        return [checkpoint.step in kept for checkpoint in checkpoints]
