"""A numpy archive: images with or without labels, in one split or several.

What images may be is said in `arrays.py`. Labels are numbers or text. See `KEYS` for the names.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from vae.data.examples import Source
from vae.errors import InputError, readable
from vae.files import check_file, check_memory
from vae.modalities.images.decoding import Fit
from vae.modalities.images.pixels import array_source, image_array

_IMAGES, _LABELS = ("images", "x", "data"), ("labels", "y")
_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
KEYS = "images, x or data (with labels or y), or train_images, x_train, test_labels, y_test, ..."


def find(path: Path) -> dict[str, Path]:
    """Returns the .npz files at `path`, a file or a directory, by base split.

    A directory holds one file, or files named after their splits: train.npz, valid.npz, test.npz.
    """
    if not path.is_dir():
        return {"": path}
    files = sorted(file for file in path.glob("*.npz") if file.is_file())
    if len(files) == 1:
        return {"": files[0]}
    named = {_SPLITS[file.stem]: file for file in files if file.stem in _SPLITS}
    if len(named) < len(files):
        raise InputError(
            f"{path} has {len(files)} .npz files: give one of them as data.path, "
            "or name them train.npz, valid.npz and test.npz."
        )
    return named


def read(path: Path, fit: Fit) -> Source:
    """Returns the base splits of an archive; one without splits is all `train`.

    Raises InputError for a damaged archive, missing names, and arrays that are not images.
    """
    splits = {}
    for split, file in find(path).items():
        arrays, names = _load(file)
        found = _by_split(arrays, split, file)
        if not found:
            raise InputError(
                f"{file} has no images, only {', '.join(names) or 'nothing'}: name them {KEYS}."
            )
        splits |= found
    first = next(iter(splits.values()))[0]
    for name, (images, _) in splits.items():
        if images.shape[1:] != first.shape[1:] or images.dtype != first.dtype:
            raise InputError(
                f"{path}: the images of {name} are {images.shape[1:]} {images.dtype}, others "
                f"{first.shape[1:]} {first.dtype}: bring them to one shape and type."
            )
    splits = {name: splits[name] for name in ("train", "valid", "test") if name in splits}
    return array_source(splits, fit, f"arrays of {readable(path)}")


def _load(file: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the arrays whose names are known, and the names of all."""
    check_file(file)
    try:
        with open(file, "rb") as opened:
            if opened.read(2) != b"PK":  # as every zip begins, a damaged one, too
                raise InputError(f"{file} is no .npz file: make one with numpy.savez.")
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
            names = [name for name in archive.files if _place(name)]
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
    """Returns the (split or "", images or labels) that an array's name says."""
    lower = name.lower()
    words = "|".join((*_IMAGES, *_LABELS))
    splits = "|".join(_SPLITS)
    match = re.fullmatch(rf"(?:({splits})_)?({words})(?:_({splits}))?", lower)
    if not match or (match[1] and match[3]):
        return None
    split = match[1] or match[3]
    return _SPLITS[split] if split else "", "images" if match[2] in _IMAGES else "labels"


def _by_split(
    arrays: dict[str, np.ndarray], split: str, file: Path
) -> dict[str, tuple[np.ndarray, np.ndarray | None]]:
    placed: dict[tuple[str, str], str] = {}
    for name in arrays:
        place = _place(name)
        if place in placed:
            raise InputError(f"{file}: {placed[place]} and {name} say the same: keep one of them.")
        placed[place] = name
    found = {}
    for (part, kind), name in placed.items():
        if kind == "images":
            label_name = placed.get((part, "labels"))
            labels = arrays[label_name] if label_name else None
            images = image_array(arrays[name], f"{readable(file)}: {name}")
            found[split or part or "train"] = (images, labels)
    return found
