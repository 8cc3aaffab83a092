"""Makes arrays solids: which are taken, what they become, and how they are resized.

    all 0 and 1, of any type                 binary
    other whole numbers from 0 to 255        levels
    other numbers                            real; those of a range other than [0, 1] are scaled to
                                             it, as the values of images are

All solids of a set have the same type: levels become real where some are real.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data.examples import Source, in_memory
from vae.data.labels import classes_of
from vae.data.splits import digests, order
from vae.errors import InputError
from vae.modalities.images.pixels import numbers, to_unit
from vae.probability.event import Event

Size = tuple[int, int, int]
Range = tuple[float, float] | tuple[()]


def size_of(config: ConfigDict) -> Size:
    """Returns `data.volume_size`, zeros where solids keep their own.

    Raises:
      InputError: some of the three are 0 and some are not.
    """
    depth, height, width = map(int, config.volume_size)
    if (min(depth, height, width) == 0) != (max(depth, height, width) == 0):
        raise InputError(
            f"data.volume_size = {tuple(config.volume_size)} is no size: give three numbers of "
            "voxels, or (0, 0, 0) to keep what solids have."
        )
    return depth, height, width


def range_of(like: Event | None) -> Range:
    """Returns the numbers that became 0 and 1 in a trained run's data; () where none were made."""
    if like is None or like.values.black is None or like.values.white is None:
        return ()
    return like.values.black, like.values.white


def as_solids(array: np.ndarray, what: str) -> np.ndarray:
    """Returns an array [N, D, H, W] or [N, D, H, W, C] of any numbers as [N, D, H, W, C].

    The type is uint8 for whole numbers from 0 to 255, and else float32.

    Raises:
      InputError: it has another shape, no numbers, or NaN.
    """
    if array.ndim not in (4, 5) or not array.size:
        raise InputError(
            f"{what} has the shape {array.shape}: give solids [N, D, H, W] or [N, D, H, W, C]."
        )
    if array.dtype.kind in "iu" and (array.min() < 0 or array.max() > 255):
        array = array.astype(np.float32)
    array = numbers(array, what)
    array = array.astype(np.uint8) if array.dtype == np.int32 else array
    return array if array.ndim == 5 else array[..., None]


def as_solid(array: np.ndarray, what: str) -> np.ndarray:
    """Returns the array [D, H, W] or [D, H, W, C] of a file as `as_solids` does, [D, H, W, C].

    Raises:
      InputError: as `as_solids`.
    """
    if array.ndim not in (3, 4) or not array.size:
        raise InputError(
            f"{what} has the shape {array.shape}: a file of one solid has [D, H, W] or "
            "[D, H, W, C]."
        )
    return as_solids(array[None], what)[0]


def dimensions(path: Path) -> int | None:
    """Returns how many dimensions the arrays at a path have; None where there are none.

    They are those of an .npy file, or of what `vae/data/arrays.py` reads.
    """
    if path.suffix != ".npy" or not path.is_file():
        return saved.dimensions(path)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False).ndim
    except (OSError, ValueError, EOFError):  # `read_npy` says why
        return None


def arrays_source(
    found: Mapping[str, saved.Arrays], what: str, size: Size, known: Range = ()
) -> Source:
    """Returns arrays as a source, which `what` names in messages.

    Args:
      found: the arrays of each base split.
      what: the data, for messages.
      size: what solids are resized to, see `size_of`.
      known: see `range_of`.

    Raises:
      InputError: arrays are no solids, or differ in shape.
    """
    solids = {name: as_solids(arrays.examples, arrays.where) for name, arrays in found.items()}
    first = next(iter(solids.values()))
    for name, array in solids.items():
        if array.shape[1:] != first.shape[1:]:
            raise InputError(
                f"{what}: the solids of {name} are {array.shape[1:]}, others {first.shape[1:]}: "
                "bring them to one shape."
            )
    given = {name: arrays.labels for name, arrays in found.items()}
    labels, keys, classes, number, attributes = classes_of(given, solids, what)
    # Sorted before they are resized, so that a split has the same examples at every size.
    rows = {name: order(digests(array, keys[name])) for name, array in solids.items()}
    ordered = {name: resized(array[rows[name]], size) for name, array in solids.items()}
    unit, values = to_unit(of_one_type(ordered), what, known)
    splits = {name: in_memory(x, labels[name][rows[name]]) for name, x in unit.items()}
    return Source(splits, values, number, f"solids of {what}", attributes, classes)


def of_one_type(solids: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the solids of all splits as uint8, or as float32 where some are."""
    dtype = np.result_type(*solids.values())
    return {name: array.astype(dtype, copy=False) for name, array in solids.items()}


def resized(solids: np.ndarray, size: Sequence[int]) -> np.ndarray:
    """Returns solids [..., D, H, W, C] brought to a size, in their type; (0, 0, 0) changes nothing.

    Values are means of their neighbours with linear weights, over as many as a new voxel covers;
    whole numbers are rounded, so that 0 and 1 stay such.
    """
    made = solids
    for axis, new in zip((-4, -3, -2), size, strict=True):
        if new and new != (old := made.shape[axis]):
            made = np.moveaxis(np.tensordot(made, _weights(old, new), ((axis,), (1,))), -1, axis)
    if made is not solids and solids.dtype == np.uint8:
        made = np.rint(made)
    return np.ascontiguousarray(made, solids.dtype)


def _weights(old: int, new: int) -> np.ndarray:
    """Returns the weights [new, old] float32 of old voxels in new ones along an axis."""
    step = old / new
    centres = (np.arange(new)[:, None] + 0.5) * step
    away = np.abs(np.arange(old) + 0.5 - centres) / max(step, 1)
    weights = np.maximum(1 - away, 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
