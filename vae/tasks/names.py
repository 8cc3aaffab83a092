"""Names of the files that tasks write, which tell what was asked for: none replaces another's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.run import Run

LONGEST = 150  # characters, beyond which a digest stands for the rest


def picture(run: Run, task: str, *parts: str, **settings: tuple[Any, Any]) -> Path:
    """Where a picture goes, `TASK_STEP_PARTS_SETTINGS.png` in the modality's folder of `run.out`.

    Args:
      run: the run.
      task: what the picture shows.
      *parts: of the name; empty ones are left out.
      **settings: each a value and the usual one, which is not named.
    """
    name = "_".join([task, f"{run.step:08d}", *filter(None, parts)]) + differing(**settings)
    return run.out / run.modality.NAME / f"{plain(name)}.png"


def differing(**settings: tuple[Any, Any]) -> str:
    """The settings that are not the usual ones, "_num3_keepSmiling-Hat"."""
    return "".join(
        f"_{k}{_text(value)}" for k, (value, usual) in settings.items() if value != usual
    )


def tag(names: Sequence[str], *arrays: np.ndarray | None) -> str:
    """What tells files made of a user's examples from those of others, "anna+2_81f0c3".

    Args:
      names: of the examples.
      *arrays: the examples, and what the model is told of them; a digest tells others apart.
    """
    hashed = hashlib.blake2b(digest_size=3)
    for array in arrays:
        hashed.update(b"" if array is None else np.ascontiguousarray(array))
    more = f"+{len(names) - 1}" if names[1:] else ""
    return plain(f"{names[0]}{more}_{hashed.hexdigest()}")


def plain(name: str) -> str:
    """A name of letters, digits and a few signs, not too long for a file system."""
    name = re.sub(r"[^\w.+=-]+", "-", name)
    if len(name) <= LONGEST:
        return name
    digest = hashlib.blake2b(name.encode(), digest_size=3).hexdigest()
    return f"{name[:LONGEST]}_{digest}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "-".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
