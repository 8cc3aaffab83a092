"""A numpy archive: images with or without labels, in one split or several.

Images are [N, H, W], [N, H, W, C] or [N, D], and uint8 (0 to 255), bool or float; wider integers
are counts, unless all are 0 or 1. See `KEYS` for the names.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from vae.data.arrays import array_source, as_images
from vae.data.dataset import Source
from vae.data.images import Fit
from vae.errors import InputError

_IMAGES, _LABELS = ("images", "x", "data"), ("labels", "y")
_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
LARGEST = 2**24  # float32 has every whole number up to it
KEYS = "images, x or data (with labels or y), or train_images, x_train, test_labels, y_test, ..."


def find(path: Path) -> dict[str, Path]:
    """Returns the .npz files at `path`, a file or a directory, by base split.

    A directory holds one file, or files named after their splits: train.npz, valid.npz, test.npz.
    """
    if not path.is_dir():
        return {"": path}
    files = sorted(path.glob("*.npz"))
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
    return array_source(_binary(splits), fit, f"arrays of {path}")


def _load(file: Path) -> tuple[dict[str, np.ndarray], list[str]]:
    """Returns the arrays whose names are known, and the names of all."""
    try:
        with open(file, "rb") as opened, np.load(opened, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files if _place(name)}
            return arrays, archive.files
    except Exception as error:  # numpy, zipfile and zlib raise many kinds for a damaged file
        reason = str(error).split("\n")[0]
        raise InputError(f"{file} cannot be read as .npz ({reason}): save it again.") from error


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
            images = _images(arrays[name], f"{file}: {name}")
            label_name = placed.get((part, "labels"))
            labels = None
            if label_name:
                labels = _labels(arrays[label_name], len(images), f"{file}: {label_name}")
            found[split or part or "train"] = (images, labels)
    return found


def _images(array: np.ndarray, what: str) -> np.ndarray:
    if array.ndim not in (2, 3, 4) or not array.size:
        raise InputError(
            f"{what} has the shape {array.shape}: give images [N, H, W], [N, H, W, C] or [N, D]."
        )
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif np.issubdtype(array.dtype, np.floating):
        bad = int((~np.isfinite(array)).any(axis=tuple(range(1, array.ndim))).sum())
        if bad:
            raise InputError(f"{what} has NaN or infinity in {bad} of {len(array)} examples.")
        array = array.astype(np.float32)
    elif not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{what} is {array.dtype}, neither numbers nor bool: convert it.")
    elif array.min() < 0 or array.max() > LARGEST:
        raise InputError(
            f"{what} has integers from {array.min()} to {array.max()}, where levels and counts are "
            f"from 0 to at most {LARGEST}: convert it, for instance to float."
        )
    else:
        array = array.astype(np.uint8 if array.dtype.itemsize == 1 else np.int32)
    if array.ndim == 2:
        return as_images(array)
    return array[..., None] if array.ndim == 3 else array


def _labels(array: np.ndarray, count: int, what: str) -> np.ndarray:
    array = array[:, 0] if array.shape == (count, 1) else array
    if array.shape != (count,):
        raise InputError(f"{what} has the shape {array.shape}: give one label for {count} images.")
    if not np.issubdtype(array.dtype, np.number) or (array != np.round(array)).any():
        raise InputError(f"{what} are {array.dtype}: give whole numbers from 0.")
    if array.min() < 0:
        raise InputError(f"{what} has a negative label: give whole numbers from 0.")
    return array


def _binary(splits: dict) -> dict:
    """Stores what is all 0 or 1 as the bytes they are."""
    if not all(((images == 0) | (images == 1)).all() for images, _ in splits.values()):
        return splits
    return {name: (images.astype(np.uint8), labels) for name, (images, labels) in splits.items()}
