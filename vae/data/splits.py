"""Splits: the canonical order of a base split's examples, and slices of it.

A split is written `name` or `name[start:stop]`; bounds are in examples or per cent, and negative
ones count from the end: `train[:90%]`, `train[50000:]`, `test`, `train[-1000:]`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import InputError

# The names that a file or an array of a base split may have.
FILES = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
_SPLIT = re.compile(r"([\w.-]+)(?:\[(-?[0-9]{1,18}%?)?:(-?[0-9]{1,18}%?)?\])?")


def files_by_split(path: Path, suffix: str) -> dict[str, Path]:
    """Returns the files at `path`, a file or a directory, by base split; "" where none is named.

    A directory holds one file with the suffix, or files named after their splits: train.npz,
    valid.npz, test.npz.

    Raises:
      InputError: a directory has several files with other names.
    """
    if not path.is_dir():
        return {"": path}
    files = sorted(file for file in path.glob(f"*{suffix}") if file.is_file())
    if len(files) == 1:
        return {"": files[0]}
    named = {FILES[file.stem]: file for file in files if file.stem in FILES}
    if len(named) < len(files):
        raise InputError(
            f"{path} has {len(files)} {suffix} files: give one of them as data.path, "
            f"or name them train{suffix}, valid{suffix} and test{suffix}."
        )
    return named


def digest(data: bytes) -> bytes:
    """Returns the 16-byte hash by which examples are sorted."""
    return hashlib.blake2b(data, digest_size=16).digest()


def digests(values: np.ndarray, labels: np.ndarray | None = None) -> list[bytes]:
    """Returns a hash for each example, of its values [N, ...] and label [N] (-1: none).

    It is a hash of the raw bytes, not of the shape: 28x28 and 28x28x1 are the same example.
    """
    if not len(values):
        return []
    labels = np.zeros(len(values)) if labels is None else labels
    data = np.ascontiguousarray(values).view(np.uint8).ravel().data
    names = labels.astype("<i4").view(np.uint8).data
    size = len(data) // len(values)
    hashes = []
    for i in range(len(values)):
        state = hashlib.blake2b(data[i * size : (i + 1) * size], digest_size=16)
        state.update(names[4 * i : 4 * i + 4])
        hashes.append(state.digest())
    return hashes


def order(hashes: Sequence[Any]) -> np.ndarray:
    """Returns the indices that sort `hashes`, which are bytes or tuples that begin with them.

    Sorted by content, a set has the same order wherever it came from, and a slice of a set that was
    stored class by class is a random sample of it.
    """
    return np.array(sorted(range(len(hashes)), key=hashes.__getitem__))


def select(specs: Mapping[str, str], lengths: Mapping[str, int]) -> dict[str, tuple[str, range]]:
    """Resolves split strings against the lengths of the base splits.

    Args:
      specs: config key ("data.train") -> split string.
      lengths: name of a base split -> number of its examples.

    Returns:
      Config key -> the base split's name, and the range of its examples.

    Raises:
      InputError: a split is unknown, a slice is empty or has bounds outside its split, or two
        slices share examples.
    """
    selected = {key: _resolve(key, text, lengths) for key, text in specs.items()}
    _check_disjoint(specs, selected)
    return selected


def _resolve(key: str, text: str, lengths: Mapping[str, int]) -> tuple[str, range]:
    match = _SPLIT.fullmatch(text.replace(" ", ""))
    if not match:
        raise InputError(
            f'{key} = "{text}" is no split: write a name and a slice, like train[:90%].'
        )
    name, start, stop = match.groups()
    if name not in lengths:
        there = ", ".join(f"{k} ({n} examples)" for k, n in lengths.items())
        raise InputError(f'{key} = "{text}": there is no split {name}, only {there}.')
    length = lengths[name]
    chosen = range(
        0 if start is None else _bound(key, text, start, length),
        length if stop is None else _bound(key, text, stop, length),
    )
    if not chosen:
        raise InputError(
            f'{key} = "{text}" selects nothing of the {length} examples of {name}: '
            "give a slice with examples in it."
        )
    return name, chosen


def _bound(key: str, text: str, bound: str, length: int) -> int:
    """Returns the index that `bound` ("50000", "-10%") stands for."""
    magnitude = int(bound.strip("-%"))
    if bound.endswith("%"):
        magnitude = length * magnitude // 100 if magnitude <= 100 else length + 1
    if magnitude > length:
        raise InputError(
            f'{key} = "{text}" reaches beyond the {length} examples of the split: '
            "give bounds within it."
        )
    return length - magnitude if bound.startswith("-") else magnitude


def _check_disjoint(specs: Mapping[str, str], selected: Mapping[str, tuple[str, range]]) -> None:
    keys: Sequence[str] = list(selected)
    for i, first in enumerate(keys):
        for second in keys[i + 1 :]:
            (name, a), (other, b) = selected[first], selected[second]
            shared = min(a.stop, b.stop) - max(a.start, b.start)
            if name == other and shared > 0:
                raise InputError(
                    f'{first} = "{specs[first]}" and {second} = "{specs[second]}" share {shared} '
                    f"examples of {name}: give slices that do not overlap."
                )
