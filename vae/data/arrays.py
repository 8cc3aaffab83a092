"""Examples saved as arrays, with or without labels, in one split or several; `KEYS` names them.

In place of labels there may be `factors` [N, A], what is known of each example in numbers, and
`factor_names` [A]: these are read as attributes.

The arrays are in a numpy archive (.npz), a MATLAB file (.mat) or a directory of such files; an .npy
file holds one. The modality says what shapes they may have: images have three or four dimensions, a
table two.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data import attributes, matlab
from vae.data.given import as_array
from vae.data.splits import FILES, files_by_split
from vae.errors import InputError, readable
from vae.files import check_file, check_memory

SUFFIXES = (".npz", ".mat")
_KINDS = {"examples": ("images", "x", "data"), "labels": ("labels", "y"), "factors": ("factors",)}
_NAMES, _FACTOR_NAMES = "names", "factor_names"
KEYS = (
    "images, x or data (with labels, y or factors), or train_images, x_train, test_labels, y_test, "
    "..."
)


class Arrays(NamedTuple):
    """The arrays of one base split.

    Attributes:
      examples: [N, ...], as saved.
      labels: [N] or [N, 1] of any type; the attributes that factors are; or None.
      names: [C] text, the names of the channels, or None; all splits of an archive share them.
      where: the file and the name of the array, for messages.
    """

    examples: np.ndarray
    labels: np.ndarray | attributes.Table | None
    names: np.ndarray | None
    where: str


def suffix_of(path: Path) -> str | None:
    """Returns which of SUFFIXES a file has, or the files of a directory have; None for neither.

    The .mat files of a directory are ignored where it also has .npz files.
    """
    if path.is_dir():
        return next((suffix for suffix in SUFFIXES if has_files(path, suffix)), None)
    return path.suffix if path.suffix in SUFFIXES else None


def has_files(directory: Path, suffix: str) -> bool:
    """Returns whether a directory has files with a suffix."""
    return any(path.is_file() for path in directory.glob(f"*{suffix}"))


def dimensions(path: Path) -> int | None:
    """Returns how many dimensions the examples at a path have, from the array's header alone.

    Returns None where there are no such arrays, or the header cannot be read: `read` says why.
    """
    if not (suffix := suffix_of(path)):
        return None
    try:
        for file in files_by_split(path, suffix).values():
            check_file(file)
            shapes = matlab.shapes(file).items() if suffix == ".mat" else _shapes(file)
            for name, shape in shapes:
                if (place := _place(name)) and place[1] == "examples":
                    return len(shape)
    except Exception:  # numpy, zipfile, zlib and scipy raise many kinds for a damaged file
        return None
    return None


def _shapes(file: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                version = np.lib.format.read_magic(member)
                read = np.lib.format.read_array_header_1_0
                if version != (1, 0):
                    read = np.lib.format.read_array_header_2_0
                yield name.removesuffix(".npy"), read(member)[0]


def read(path: Path) -> dict[str, Arrays]:
    """Returns the base splits of a file or a directory of arrays; without splits all is `train`.

    Raises:
      InputError: a file is damaged, or names are missing or given twice.
    """
    splits: dict[str, Arrays] = {}
    suffix = suffix_of(path) or SUFFIXES[0]
    for split, file in files_by_split(path, suffix).items():
        arrays, names = _load_mat(file) if suffix == ".mat" else _load_npz(file)
        found = _by_split(arrays, split, readable(file))
        if not found:
            raise InputError(
                f"{file} has no examples, only {', '.join(names) or 'nothing'}: name them {KEYS}."
            )
        splits |= found
    if suffix == ".mat":
        splits = {name: _turned(arrays) for name, arrays in splits.items()}
    return {name: splits[name] for name in ("train", "valid", "test") if name in splits}


def read_npy(path: Path) -> dict[str, Arrays]:
    """Returns the array of an .npy file as the split train.

    Raises:
      InputError: the file cannot be read.
    """
    check_file(path)
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        check_memory(found.nbytes, f"The array of {path}")
        array = np.array(found)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{path} cannot be read as .npy ({reason}): save it again.") from None
    return {"train": Arrays(array, None, None, str(path))}


def of_arrays(arrays: Mapping[str, np.ndarray], what: str) -> dict[str, Arrays]:
    """Returns the base splits of arrays with names as in an archive.

    Args:
      arrays: the arrays by name, see `KEYS`.
      what: where they are from, for messages.

    Raises:
      InputError: names are missing or given twice.
    """
    arrays = {name: as_array(array, f"{what}: {name}") for name, array in arrays.items()}
    known = {name: array for name, array in arrays.items() if _is_known(name)}
    found = _by_split(known, "", what)
    if not found:
        raise InputError(
            f"{what} gives no examples, only {', '.join(arrays) or 'nothing'}: name them {KEYS}."
        )
    return {name: found[name] for name in ("train", "valid", "test") if name in found}


def _load_mat(file: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the arrays with known names, and all names, as `_load_npz` does."""
    arrays = matlab.load(file, _is_known)
    return arrays, list(arrays) or list(matlab.shapes(file))


def _turned(arrays: Arrays) -> Arrays:
    """Returns the arrays of a MATLAB file with examples on the first axis and labels [N]."""
    labels = arrays.labels.ravel() if isinstance(arrays.labels, np.ndarray) else arrays.labels
    told = labels.values if isinstance(labels, attributes.Table) else labels
    examples = matlab.examples_first(arrays.examples, told, arrays.where)
    return arrays._replace(examples=examples, labels=labels)


def _load_npz(file: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the arrays with known names, and the names of all arrays."""
    check_file(file)
    try:
        with open(file, "rb") as opened:
            if opened.read(2) != b"PK":  # every zip begins so, even a damaged one
                raise InputError(f"{file} is no .npz file: make one with numpy.savez.")
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
            names = [name for name in archive.files if _is_known(name)]
            sizes = {info.filename: info.file_size for info in archive.zip.infolist()}
            unpacked = sum(sizes.get(f"{name}.npy", 0) for name in names)
            check_memory(unpacked, f"The arrays of {readable(file)}")
            arrays = {name: archive[name] for name in names}
            files = archive.files
    except InputError:
        raise
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for a damaged file
        reason = str(error).split("\n")[0]
        if "allow_pickle" in reason:
            raise InputError(
                f"{file} has an array of Python objects, dtype object: make it one of numbers, or "
                "of text with astype(str), and save it again."
            ) from None
        raise InputError(f"{file} cannot be read as .npz ({reason}): save it again.") from error
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InputError(f"{file}: {name} is no array: save it with numpy.savez.")
    return arrays, files


def _is_known(name: str) -> bool:
    return name in (_NAMES, _FACTOR_NAMES) or _place(name) is not None


def _place(name: str) -> tuple[str, str] | None:
    """Returns (split or "", one of _KINDS) as an array's name says; None if it says none."""
    lower = name.lower()
    words = "|".join(word for of in _KINDS.values() for word in of)
    splits = "|".join(FILES)
    match = re.fullmatch(rf"(?:({splits})_)?({words})(?:_({splits}))?", lower)
    if not match or (match[1] and match[3]):
        return None
    split = match[1] or match[3]
    kind = next(kind for kind, of in _KINDS.items() if match[2] in of)
    return FILES[split] if split else "", kind


def _by_split(arrays: dict[str, np.ndarray], split: str, what: str) -> dict[str, Arrays]:
    names = arrays.get(_NAMES)
    placed: dict[tuple[str, str], str] = {}
    for name in arrays:
        if (place := _place(name)) is None:  # the names of columns
            continue
        if place in placed:
            raise InputError(f"{what}: {placed[place]} and {name} say the same: keep one of them.")
        placed[place] = name
    found = {}
    for (part, kind), name in placed.items():
        if kind == "examples":
            known = [placed[part, kind] for kind in ("labels", "factors") if (part, kind) in placed]
            labels = _known(arrays, known, what)
            where = f"{what}: {name}"
            found[split or part or "train"] = Arrays(arrays[name], labels, names, where)
    return found


def _known(
    arrays: dict[str, np.ndarray], names: list[str], what: str
) -> np.ndarray | attributes.Table | None:
    """Returns the labels or the factors among arrays, given the names of those of a split."""
    if not names:
        return None
    if len(names) > 1:
        raise InputError(
            f"{what} has {names[0]} and {names[1]}: make the labels a column of the factors, or "
            "leave one of the two out."
        )
    (_, kind), found = _place(names[0]) or ("", ""), arrays[names[0]]
    if kind == "labels":
        return found
    return attributes.of_array(found, arrays.get(_FACTOR_NAMES), f"{what}: {names[0]}")
