"""Files of latents: those of a data set, for a second stage of any kind, and what that made.

An .npz file. `z` is [N, *grid, E], places before channels, or [N, D] where a run's z is one vector.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from vae.config.values import shown
from vae.errors import InputError
from vae.files import check_file, named, user_path, whole


def in_places(z: np.ndarray, grid: Sequence[int]) -> np.ndarray:
    """Returns latents [N, *grid, E] from vectors [N, D], as they are where the grid is ()."""
    return np.moveaxis(z.reshape(len(z), -1, *grid), 1, -1) if len(grid) else z


def as_vectors(z: np.ndarray) -> np.ndarray:
    """Returns latents as a run takes them, [N, D], from [N, *grid, E]."""
    return np.moveaxis(z, -1, 1).reshape(len(z), -1)


def write(path: Path, pieces: Iterable[Mapping[str, np.ndarray]], facts: Mapping[str, Any]) -> None:
    """Writes an .npz file of arrays that come in pieces, as a whole or not at all.

    No array is in memory as a whole, so that there may be more rows than memory holds.

    Args:
      path: the file.
      pieces: the next rows of every array, by name.
      facts: further arrays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Any]] = {}  # by name: a file, the number of rows, and the last ones
    with contextlib.ExitStack() as stack:
        for piece in pieces:
            for name, some in piece.items():
                with named(path):
                    if name not in rows:
                        kept: IO = stack.enter_context(tempfile.TemporaryFile(dir=path.parent))
                        rows[name] = [kept, 0, some]
                    rows[name][0].write(np.ascontiguousarray(some).tobytes())
                rows[name][1:] = rows[name][1] + len(some), some
        with whole(path) as file, zipfile.ZipFile(file, "w") as archive:
            for name, (kept, number, some) in rows.items():
                header = np.lib.format.header_data_from_array_1_0(some)
                header |= {"shape": (number, *some.shape[1:]), "fortran_order": False}
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    kept.seek(0)
                    shutil.copyfileobj(kept, member)
            for name, fact in facts.items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asarray(fact), allow_pickle=False)


def read(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of a file, `z` among them.

    Raises:
      InputError: there is no such file, or it is no .npz file with latents z of numbers and, where
        it has a tile, one whole number.
    """
    path = user_path(path)
    check_file(path)
    try:
        with np.load(path) as found:
            arrays = {name: found[name] for name in found.files}
    except FileNotFoundError:
        raise InputError(f"--latents={path} does not exist: give what `encode` wrote.") from None
    except Exception:  # a damaged archive fails in a dozen ways
        raise InputError(f"--latents={path} cannot be read: give an .npz file.") from None
    if "z" not in arrays or arrays["z"].ndim < 2 or arrays["z"].dtype.kind not in "iuf":
        there = ", ".join(arrays) or "nothing"
        raise InputError(
            f"--latents={path} must have an array z of numbers, [N, D] or [N, *grid, E]: it has "
            f"{there}."
        )
    if not len(arrays["z"]):
        raise InputError(f"--latents={path} has no examples: its z is {list(arrays['z'].shape)}.")
    tile = arrays.get("tile", np.array(1))
    if tile.size != 1 or tile.dtype.kind not in "iu" or tile.item() < 1:
        raise InputError(
            f"--latents={path} must have one whole number of positions as its tile, not "
            f"{shown(tile.tolist())}."
        )
    return arrays
