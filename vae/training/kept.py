"""Trees of arrays in a file of their own: models fitted to a run, so that each is fitted once.

A file names its source, the weights and data that it was made from, and is read for no other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.files import whole

_SOURCE = "source"


def write(path: Path, tree: Any, source: str) -> None:
    """Writes the leaves of a tree, as a whole or not at all, and makes the folder.

    Args:
      path: an .npz file.
      tree: a tree of arrays.
      source: names the weights and data that they were made from.
    """
    arrays: dict[str, Any] = {_SOURCE: np.array(source)}
    with whole(path) as file:
        np.savez(file, *jax.tree.leaves(tree), **arrays)


def source_of(path: Path) -> str | None:
    """Returns the source that was written; None if there is no file or it is damaged."""
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            return str(arrays[_SOURCE])
    except Exception:  # a damaged archive fails in a dozen ways; its content is made again
        return None


def place(run: Any, name: str, source: str) -> Path:
    """Returns the path of a file made from this source: in `run.workdir`, or else in `run.out`."""
    there = run.workdir / name
    return there if source_of(there) == source else run.out / name


def read(path: Path, like: Any, source: str) -> Any:
    """Returns the tree that was written; None if there is no file, or it is damaged or does not
    match."""
    if source_of(path) != source:
        return None
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            leaves = [jnp.asarray(arrays[name]) for name in arrays.files if name != _SOURCE]
    except Exception:  # see above
        return None
    wanted, treedef = jax.tree.flatten(like)
    if [leaf.shape for leaf in leaves] != [leaf.shape for leaf in wanted]:
        return None
    return jax.tree.unflatten(treedef, leaves)
