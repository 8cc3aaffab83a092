"""Restores a checkpoint of a run for use, whole, on one device."""

from __future__ import annotations

import contextlib
from pathlib import Path

import jax

from vae.errors import InputError, not_one_of
from vae.training.checkpoint_errors import CheckpointError
from vae.training.checkpoints import Checkpoints
from vae.training.state import State


def restore(workdir: Path, step: int | str, shapes: State) -> State:
    """Returns the state after `step` updates, or of the "latest" or the "best" checkpoint.

    Args:
      workdir: the run directory.
      step: see `step_of`; "best" is the latest if none was validated.
      shapes: the shapes of the state.

    Raises:
      InputError: there is no such checkpoint, or it cannot be read.
    """
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


def step_of(step: int | str) -> int | str:
    """Returns a step, given as a number, its text, "latest" or "best".

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
