"""A run's weights in one safetensors file, which holds arrays and no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.errors import InputError
from vae.files import whole
from vae.training.arrays import arrays_of, dotted, is_key

FILE = "model.safetensors"
MISSING = "weights in safetensors need a package: pip install 'vae-experiments[export]'."


def write(workdir: Path, variables: dict[str, Any], about: dict[str, str]) -> Path:
    """Writes variables under their dotted names, as a whole or not at all, and returns the path.

    Args:
      workdir: the directory.
      variables: a tree of arrays.
      about: what the file says of itself; `step` is read again.
    """
    numpy = library()
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    arrays = {
        dotted(path): np.asarray(jax.random.key_data(x) if is_key(x) else x, order="C")
        for path, x in leaves
    }
    with whole(workdir / FILE) as file:
        file.write(numpy.save(arrays, metadata=about))
    return workdir / FILE


def read(workdir: Path, like: Any) -> tuple[Any, int]:
    """Returns the variables that were written, and the step that they are of.

    Args:
      workdir: the directory.
      like: the shapes and types of the variables.

    Raises:
      InputError: the file is damaged, or of another model.
    """
    numpy, path = library(), workdir / FILE
    import safetensors

    try:
        step = int(about(workdir)["step"])
        arrays = numpy.load_file(path)
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}): export the run again.") from None
    there, needed = arrays_of(arrays), arrays_of(like)
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    names = [dotted(path) for path, _ in leaves]
    for name in (*names, *arrays):
        if there.get(f"{name}") != needed.get(name):
            raise InputError(
                f"{path} is of another model: {name} is {there.get(name, 'missing')} there, and "
                f"{needed.get(name, 'missing')} by its config.json."
            )
    return jax.tree.unflatten(structure, [arrays[name] for name in names]), step


def about(workdir: Path) -> dict[str, str]:
    """Returns what a file of weights says of itself.

    Raises:
      InputError: the file is damaged.
    """
    library()
    import safetensors

    path = workdir / FILE
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            return dict(file.metadata() or {})
    except safetensors.SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}): export the run again.") from None


def library() -> Any:
    """Returns `safetensors.numpy`.

    Raises:
      InputError: the package is not installed.
    """
    try:
        import safetensors.numpy
    except ImportError:
        raise InputError(MISSING) from None
    return safetensors.numpy
