"""Checkpoints: asynchronous, never half a state, verified when restored.

Orbax commits a checkpoint as a whole, but restores a flipped bit without a word; so a digest of the
arrays is saved beside them and compared after reading. This is the one file that knows Orbax.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as policies

from vae.training.devices import fetch
from vae.training.processes import agreed

BEST = "valid/elbo"


class CheckpointError(Exception):
    """A checkpoint could not be written or read; the message says why."""


def digest(tree: Any) -> str:
    """SHA-256 over the paths, types, shapes and bytes of a tree of arrays."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        array = np.ascontiguousarray(fetch(leaf))
        sha.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        sha.update(array.data)
    return sha.hexdigest()


class OtherState(CheckpointError):
    """A checkpoint holds other arrays than a state of this config has now."""


class Checkpoints:
    """The checkpoints of one run directory: the latest few, and the best by validation ELBO."""

    def __init__(
        self, directory: str | os.PathLike, *, max_to_keep: int = 1, read_only: bool = False
    ) -> None:
        latest = policies.LatestN(max_to_keep)
        best = policies.BestN(get_metric_fn=_score, n=1, keep_checkpoints_without_metrics=False)
        self._manager = ocp.CheckpointManager(
            os.path.abspath(directory),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=policies.AnyPreservationPolicy([latest, best]),
                best_fn=_score,  # has the metrics written, and answers best_step
                cleanup_tmp_directories=not read_only,
                read_only=read_only,
            ),
        )

    def save(self, step: int, state: Any, metrics: dict[str, float] | None = None) -> None:
        """Starts to save the state after `step` steps; returns once the arrays are copied.

        Raises:
          CheckpointError: this or the checkpoint before could not be written (a full disk).
        """
        score = None if not metrics or BEST not in metrics else {BEST: float(metrics[BEST])}
        args = ocp.args.Composite(
            state=ocp.args.StandardSave(state), digest=ocp.args.JsonSave({"sha256": digest(state)})
        )
        try:
            self._manager.save(step, args=args, metrics=score, force=True)
        except Exception as error:
            raise CheckpointError(
                f"checkpoint {step} could not be written: {_cause(error)}"
            ) from error

    def wait(self) -> None:
        """Waits until what was saved is committed.

        Raises:
          CheckpointError: it could not be written.
        """
        try:
            self._manager.wait_until_finished()
        except Exception as error:
            raise CheckpointError(f"a checkpoint could not be written: {_cause(error)}") from error

    def steps(self) -> list[int]:
        """Steps of the committed checkpoints, oldest first."""
        return sorted(self._manager.all_steps())

    def best_step(self) -> int | None:
        """Step of the best checkpoint by validation ELBO, None where none was validated."""
        return self._manager.best_step()

    def restore(self, step: int, like: Any) -> Any:
        """Reads one checkpoint into arrays of the shapes, types and layouts of `like`.

        Hyperparameters that have become traced since it was written are those of `like`.

        Raises:
          CheckpointError: it cannot be read, or is not what was written.
          OtherState: it was written by another version of the program, or for another model.
        """
        try:
            newer = {name: like.hyper[name] for name in like.hyper.keys() - self._hyper(step)}
            known = {name: x for name, x in like.hyper.items() if name not in newer}
            args = ocp.args.Composite(
                state=ocp.args.StandardRestore(like.replace(hyper=known)),
                digest=ocp.args.JsonRestore(),
            )
            restored = self._manager.restore(step, args=args)
        except Exception as error:
            # Orbax says so in words alone.
            if "tree structures do not match" in str(error):
                raise OtherState(
                    f"checkpoint {step} is of another version of this program or another model, "
                    "and was left as it is; choose another --workdir"
                ) from error
            raise CheckpointError(f"checkpoint {step} cannot be read: {_cause(error)}") from error
        if digest(restored.state) != restored.digest["sha256"]:
            raise CheckpointError(f"checkpoint {step} is not what was written (digests differ)")
        return restored.state.replace(hyper=restored.state.hyper | newer)

    def _hyper(self, step: int) -> set[str]:
        """The names in `State.hyper` of a checkpoint."""
        folder = self._manager.directory / str(step) / "state"
        return set(ocp.StandardCheckpointHandler().metadata(folder).tree["hyper"])

    def restore_latest(self, like: Any) -> Any | None:
        """Reads the newest checkpoint that is whole, and removes newer ones that are not.

        Raises:
          OtherState: see `restore`.
        """
        for step in reversed(self.steps()):
            try:
                with agreed(CheckpointError):
                    return self.restore(step, like)
            except OtherState:
                raise
            except CheckpointError as error:
                logging.warning("%s; going back to the one before", error)
                self._manager.delete(step)
        return None

    def close(self) -> None:
        self._manager.close()


def _score(metrics: dict[str, float]) -> float:
    return metrics[BEST]


def _cause(error: Exception) -> str:
    """The innermost reason in what TensorStore says, which begins with all that led to it."""
    text = re.split(r" \[(?:tensorstore|os_error|source)", str(error).strip().split("\n")[0])[0]
    return text.split(": ")[-1]
