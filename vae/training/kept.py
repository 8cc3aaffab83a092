"""Trees of arrays in a file of their own: what is fitted to a run, so that it is fitted once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.training.directory import whole


def write(path: Path, tree: Any) -> None:
    """Writes the leaves of a tree, as a whole or not at all, making the folder."""
    with whole(path) as file:
        np.savez(file, *jax.tree.leaves(tree))


def read(path: Path, like: Any) -> Any:
    """The tree that was written; None where there is none, it is damaged, or of another tree."""
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            leaves = [jnp.asarray(arrays[name]) for name in arrays.files]
    except Exception:  # a damaged archive fails in a dozen ways; what it held is made again
        return None
    wanted, treedef = jax.tree.flatten(like)
    if [leaf.shape for leaf in leaves] != [leaf.shape for leaf in wanted]:
        return None
    return jax.tree.unflatten(treedef, leaves)
