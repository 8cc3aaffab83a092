"""Reads arrays from MATLAB files of versions 4 to 7.

MATLAB users put examples on the last axis as often as on the first, MATLAB has no arrays of one
axis, and it keeps texts in cells: see `examples_first` and `_plain`.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vae.errors import InputError, readable
from vae.files import check_file, check_memory

logger = logging.getLogger(__name__)

_CHANNELS = (1, 3, 4)  # numbers of channels that images have
_BYTES = {"logical": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "single": 4}  # others 8


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays in a file by name, read from their headers.

    Raises:
      InputError: the file is no MATLAB file, or is damaged.
    """
    return {name: shape for name, (shape, _) in _headers(file).items()}


def load(file: Path, wanted: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Returns the arrays of a file whose names are `wanted`; sparse arrays are made dense.

    Raises:
      InputError: the file is no MATLAB file or is damaged, or its arrays do not fit into memory.
    """
    from scipy.io import loadmat

    headers = {name: header for name, header in _headers(file).items() if wanted(name)}
    # A small file can hold a large array, sparse or compressed.
    for name, (shape, kind) in headers.items():
        check_memory(_BYTES.get(kind, 8) * math.prod(shape), f"{name} of {readable(file)}")
    with _opened(file) as opened:
        found = loadmat(opened, variable_names=list(headers), spmatrix=False)
        return {name: _plain(found[name]) for name in headers}


def _headers(file: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    from scipy.io import whosmat

    with _opened(file) as opened:
        return {name: (tuple(shape), kind) for name, shape, kind in whosmat(opened)}


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    """Yields the opened file.

    Raises:
      InputError: the file cannot be read, for which scipy raises errors of many kinds.
    """
    check_file(file)
    try:
        with open(file, "rb") as opened:
            yield opened
    except NotImplementedError:
        raise InputError(
            f"{file} is a MATLAB file of version 7.3, which is HDF5: save it by "
            "save(..., '-v7'), or as .npz."
        ) from None
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(
            f"{file} is no MATLAB file or a damaged one ({reason}): save it again."
        ) from None


def _plain(array: Any) -> np.ndarray:
    """Returns sparse arrays as dense ones, and cells of text or padded lines as arrays of text."""
    from scipy.sparse import issparse

    if issparse(array):
        return array.toarray()
    if array.dtype == object:
        cells = [cell.item() if np.size(cell) == 1 else cell for cell in array.ravel()]
        if cells and all(isinstance(cell, str) for cell in cells):
            return np.array(cells)
    return np.char.rstrip(array) if array.dtype.kind == "U" else array


def examples_first(array: np.ndarray, labels: np.ndarray | None, what: str) -> np.ndarray:
    """Returns an array with its examples on the first axis, and logs it if they were on the last.

    With `labels`, the examples are on the last axis if only that is as long as the labels are.
    Without, they are on the last of four axes if the third has a number of channels and the last
    has not; and on the last of three axes if the first two are equal and it is not, or if it is
    the longest.
    """
    if array.ndim < 2:
        return array
    if labels is not None:
        last = len(array) != len(labels) == array.shape[-1]
    elif array.ndim == 4:
        last = array.shape[2] in _CHANNELS and array.shape[3] not in _CHANNELS
    else:
        height, width, *rest = array.shape
        last = bool(rest) and (height == width != rest[0] or rest[0] > max(height, width))
    if last:
        logger.info("%s: its %d examples lie along the last axis", what, array.shape[-1])
    return np.moveaxis(array, -1, 0) if last else array
