"""Names of the files that tasks write. They say what was asked for, so that none is replaced."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import readable
from vae.run import Run

SETS = r"h5ad|mtx|mtx\.gz|npz|mat|csv"  # of files whose examples have names of their own
LONGEST = 150  # bytes: a digest stands for the rest of a longer name


def picture(run: Run, task: str, *parts: str, **settings: tuple[Any, Any]) -> Path:
    """Returns the path of a picture, TASK_STEP_PARTS_SETTINGS.png in a folder of `run.out`.

    The folder is that of the modality.

    Args:
      run: the run.
      task: what the picture shows.
      *parts: parts of the name; empty ones are left out.
      **settings: for each a value and the default, which is left out.
    """
    name = "_".join([task, f"{run.step:08d}", *filter(None, parts)]) + differing(**settings)
    return run.out / run.modality.NAME / f"{plain(name)}.png"


def differing(**settings: tuple[Any, Any]) -> str:
    """Returns the settings that differ from their defaults, as "_num3_keepSmiling-Hat"."""
    return "".join(
        f"_{k}{_text(value)}" for k, (value, usual) in settings.items() if value != usual
    )


def tag(names: Sequence[str], *arrays: np.ndarray | None) -> str:
    """Returns a tag that tells files made from a user's examples from others, "anna_81f0c3".

    Several files are "anna_and_2_more_81f0c3"; several examples of one file have its name alone.

    Args:
      names: the names of the examples.
      *arrays: the examples and their condition, which go into the digest.
    """
    hashed = hashlib.blake2b(digest_size=3)
    for array in arrays:
        hashed.update(b"" if array is None else np.asarray(array).tobytes())
    others = len(set(names)) - 1
    more = f"_and_{others}_more" if others else ""
    return plain(f"{names[0]}{more}_{hashed.hexdigest()}")


def short(name: str) -> str:
    """Returns an example's name without its folder and its file's ending, "own line 4"."""
    if found := re.fullmatch(rf"(?:.*/)?([^/]+?)\.(?:\w+ (\w+ \d+)|(?:{SETS}) (.+))", name, re.S):
        return readable(" ".join(filter(None, found.groups())))
    return readable(re.sub(r"(?<=.)\.\w*[^\W\d]\w*$", "", Path(name).name))  # ".1" is no ending


def plain(name: str) -> str:
    """Returns a name made of letters, digits and a few signs, short enough for a file system."""
    name = re.sub(r"[^\w.+=-]+", "-", name)
    encoded = name.encode()
    if len(encoded) <= LONGEST:
        return name
    digest = hashlib.blake2b(encoded, digest_size=3).hexdigest()
    return f"{encoded[:LONGEST].decode(errors='ignore')}_{digest}"


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "-".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)
