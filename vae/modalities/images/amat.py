"""Reads the .amat files of statically binarised MNIST (Larochelle and Murray, 2011).

An example is a vector of pixels, 0 or 1. The original files are text with one example a line; some
copies are MATLAB v5 files of the same name with the array `X` inside.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from vae.data import matlab
from vae.data.examples import Source
from vae.errors import InputError, readable
from vae.files import check_memory
from vae.modalities.images.decoding import Fit
from vae.modalities.images.pixels import array_source
from vae.probability.event import BINARY


def find(path: Path) -> dict[str, Path]:
    """Returns the .amat files at `path`, a file or a directory, by base split.

    The split is that of train, valid and test which the file's name contains, else train.

    Raises:
      InputError: two files are of one split.
    """
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.glob("*.amat") if file.is_file())
    found: dict[str, Path] = {}
    for file in files:
        name = next((s for s in ("train", "valid", "test") if s in file.stem.lower()), "train")
        if name in found:
            raise InputError(
                f"{found[name]} and {file} are both the split {name}: keep one of them."
            )
        found[name] = file
    return {name: found[name] for name in ("train", "valid", "test") if name in found}


def read(path: Path, fit: Fit) -> Source:
    """Returns the base splits named by the files, unlabelled and binary.

    Raises:
      InputError: a file holds anything but square images of 0 and 1.
    """
    splits = {name: (_square(_read(file), file), None) for name, file in find(path).items()}
    if len({images.shape[1:] for images, _ in splits.values()}) > 1:
        raise InputError(f"{path}: the files differ in the size of an example: use one set's.")
    return array_source(splits, fit, f"binary images of {path}", BINARY)


def _square(rows: np.ndarray, file: Path) -> np.ndarray:
    """Returns rows [N, S * S] as images [N, S, S, 1]."""
    count, size = rows.shape
    if (side := math.isqrt(size)) ** 2 != size:
        raise InputError(
            f"{file} has {size} values a line, which are no square image: save other images as "
            ".npz, and a table as .csv."
        )
    return rows.reshape(count, side, side, 1)


def _read(file: Path) -> np.ndarray:
    check_memory(2 * file.stat().st_size, readable(file))
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}).") from error
    array = _matlab(file) if data.startswith(b"MATLAB 5.0") else _text(data, file)
    if not array.size:
        raise InputError(f"{file} holds no examples: fetch it again.")
    return array


def _matlab(file: Path) -> np.ndarray:
    found = matlab.load(file, lambda name: name == "X")
    if "X" not in found:
        raise InputError(f'{file} has no array "X": save the examples [N, D] as X.')
    array = found["X"]
    if array.dtype.kind not in "iufb" or array.ndim != 2 or not ((array == 0) | (array == 1)).all():
        raise InputError(f"{file}: X is not an array [N, D] of 0 and 1.")
    return array.astype(np.uint8)


def _text(data: bytes, file: Path) -> np.ndarray:
    # Fifty times the speed of a general parser: every value is one byte among white space.
    columns = len(data.partition(b"\n")[0].split())
    values = np.frombuffer(data, np.uint8)
    digit = values > ord(" ")
    bits = values[digit] - ord("0")
    single = not (digit[1:] & digit[:-1]).any()
    if not columns or not single or (bits.size and bits.max() > 1) or bits.size % columns:
        raise InputError(
            f"{file} is neither a MATLAB file nor lines of 0 and 1 of one length: fetch it again."
        )
    return bits.reshape(-1, columns)
