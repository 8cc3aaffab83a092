"""Errors that say in one sentence why a checkpoint could not be written or read."""

from __future__ import annotations

import os
import re
from pathlib import Path

SHORTAGES = ("RESOURCE_EXHAUSTED", "Too many open files", "Cannot allocate memory")


class CheckpointError(Exception):
    """A checkpoint could not be written or read; the message says why."""


class DamagedCheckpoint(CheckpointError):
    """A checkpoint is not what was written."""


class Unreadable(CheckpointError):
    """A checkpoint cannot be read here and now, and was left unchanged."""


class OtherState(Unreadable):
    """A checkpoint holds other arrays than the state that this config has here."""


def verdict(step: int, folder: Path, error: Exception, *, described: bool) -> CheckpointError:
    """Returns why a checkpoint could not be restored: damaged only if all its files can be read.

    Args:
      step: the step of the checkpoint.
      folder: the checkpoint's folder.
      error: the error that restoring it raised.
      described: whether its arrays were described when it was written, and were compared.
    """

    def unlistable(reason: OSError) -> None:
        raise reason

    try:
        for path, _, names in os.walk(folder, onerror=unlistable):
            for file in (Path(path, name) for name in names):
                with open(file, "rb") as opened:
                    while opened.read(2**24):
                        pass
    except OSError as reason:
        return closed(step, reason.filename or folder, reason)
    if isinstance(error, MemoryError) or any(word in str(error) for word in SHORTAGES):
        return Unreadable(f"checkpoint {step} cannot be read here: {cause(error)}")
    if "tree structures do not match" in str(error) and not described:
        return other_state(step, "")
    return DamagedCheckpoint(f"checkpoint {step} cannot be read: {cause(error)}")


def other_state(step: int, differing: str) -> OtherState:
    """Returns an error that says which array shows a checkpoint to be of another model or data."""
    return OtherState(
        f"checkpoint {step} holds other arrays than this run has here{differing}; it was left as "
        "it is. Go on with the data, the version of this program and the settings of JAX (such as "
        "JAX_ENABLE_X64 and JAX_DEFAULT_PRNG_IMPL) that it was written with, or choose another "
        "--workdir"
    )


def closed(step: int, file: str | Path, error: OSError) -> Unreadable:
    """Returns an error that says which file of a checkpoint cannot be opened."""
    return Unreadable(
        f"checkpoint {step} cannot be read at the moment: {file}: {error.strerror}; it was left as "
        "it is"
    )


def cause(error: Exception) -> str:
    """Returns the innermost reason of a TensorStore error, which begins with all that led to it."""
    text = re.split(r" \[(?:tensorstore|os_error|source)", str(error).strip().split("\n")[0])[0]
    return text.split(": ")[-1]
