"""A numpy archive: examples with or without labels, in one split or several. See `KEYS`.

What its arrays may be is the modality's to say: images have three or four dimensions, a table two.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.splits import FILES, files_by_split
from vae.errors import InputError, readable
from vae.files import check_file, check_memory

_EXAMPLES, _LABELS, _NAMES = ("images", "x", "data"), ("labels", "y"), "names"
KEYS = "images, x or data (with labels or y), or train_images, x_train, test_labels, y_test, ..."


class Arrays(NamedTuple):
    """What an archive has of one base split.

    Attributes:
      examples: [N, ...], as it was saved.
      labels: [N] or [N, 1] of any kind, or None.
      names: [C] text, of the channels, or None; one array for all splits of an archive.
      where: the file and the array, for messages.
    """

    examples: np.ndarray
    labels: np.ndarray | None
    names: np.ndarray | None
    where: str


def dimensions(path: Path) -> int | None:
    """How many dimensions the array of examples at a path has, read from its header alone.

    None where there are no such arrays, or the header cannot be read, which `read` explains.
    """
    try:
        for file in files_by_split(path, ".npz").values():
            check_file(file)
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    place = _place(name.removesuffix(".npy"))
                    if place and place[1] == "examples":
                        with archive.open(name) as member:
                            return len(_shape(member))
    except Exception:  # numpy, zipfile and zlib raise many kinds for a damaged file
        return None
    return None


def _shape(member: zipfile.ZipExtFile) -> tuple[int, ...]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(member)[0]
    return np.lib.format.read_array_header_2_0(member)[0]


def read(path: Path) -> dict[str, Arrays]:
    """Returns the base splits of an archive, a file or a directory; one without splits is `train`.

    Raises InputError for a damaged archive, and for missing or doubled names.
    """
    splits: dict[str, Arrays] = {}
    for split, file in files_by_split(path, ".npz").items():
        arrays, names = _load(file)
        found = _by_split(arrays, split, readable(file))
        if not found:
            raise InputError(
                f"{file} has no examples, only {', '.join(names) or 'nothing'}: name them {KEYS}."
            )
        splits |= found
    return {name: splits[name] for name in ("train", "valid", "test") if name in splits}


def of_arrays(arrays: Mapping[str, np.ndarray], what: str) -> dict[str, Arrays]:
    """Returns the base splits of arrays by their names, as an archive has them.

    Raises InputError for missing or doubled names; `what` says where they are from.
    """
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    known = {name: arrays[name] for name in arrays if name == _NAMES or _place(name)}
    found = _by_split(known, "", what)
    if not found:
        raise InputError(
            f"{what} gives no examples, only {', '.join(arrays) or 'nothing'}: name them {KEYS}."
        )
    return {name: found[name] for name in ("train", "valid", "test") if name in found}


def _load(file: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the arrays whose names are known, and the names of all."""
    check_file(file)
    try:
        with open(file, "rb") as opened:
            if opened.read(2) != b"PK":  # as every zip begins, a damaged one, too
                raise InputError(f"{file} is no .npz file: make one with numpy.savez.")
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
            names = [name for name in archive.files if name == _NAMES or _place(name)]
            sizes = {info.filename: info.file_size for info in archive.zip.infolist()}
            unpacked = sum(sizes.get(f"{name}.npy", 0) for name in names)
            check_memory(unpacked, f"The arrays of {readable(file)}")
            arrays = {name: archive[name] for name in names}
            files = archive.files
    except InputError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for a damaged file
        reason = str(error).split("\n")[0]
        raise InputError(f"{file} cannot be read as .npz ({reason}): save it again.") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InputError(f"{file}: {name} is no array: save it with numpy.savez.")
    return arrays, files


def _place(name: str) -> tuple[str, str] | None:
    """Returns the (split or "", examples or labels) that an array's name says."""
    lower = name.lower()
    words = "|".join((*_EXAMPLES, *_LABELS))
    splits = "|".join(FILES)
    match = re.fullmatch(rf"(?:({splits})_)?({words})(?:_({splits}))?", lower)
    if not match or (match[1] and match[3]):
        return None
    split = match[1] or match[3]
    return FILES[split] if split else "", "examples" if match[2] in _EXAMPLES else "labels"


def _by_split(arrays: dict[str, np.ndarray], split: str, what: str) -> dict[str, Arrays]:
    names = arrays.get(_NAMES)
    placed: dict[tuple[str, str], str] = {}
    for name in (name for name in arrays if name != _NAMES):
        place = _place(name)
        if place in placed:
            raise InputError(f"{what}: {placed[place]} and {name} say the same: keep one of them.")
        placed[place] = name
    found = {}
    for (part, kind), name in placed.items():
        if kind == "examples":
            label_name = placed.get((part, "labels"))
            labels = arrays[label_name] if label_name else None
            where = f"{what}: {name}"
            found[split or part or "train"] = Arrays(arrays[name], labels, names, where)
    return found
