"""Reads CelebA (Liu et al., "Deep learning face attributes in the wild", 2015) as published.

img_align_celeba.zip       or the folder img_align_celeba: 202,599 aligned faces of 218x178 pixels
list_attr_celeba.txt       the number of images, 40 names, and a row of -1 and 1 for each image
identity_CelebA.txt        a row for each image: who it is
list_eval_partition.txt    a row for each image: 0 training, 1 validation, 2 test

All are in one directory, or in its folders Anno, Eval and Img, as published. Images may have
another size (copies at half the size are common), and some may be missing. Without the partition,
people are divided into about 80, 10 and 10 per cent, so that nobody is in two splits.

The standard protocol is the central 148x148 pixels, resized to 64x64:

    data.crop = (148 / 218, 148 / 178)      for images of any size
    data.crop = (148, 148)                  the same: in pixels of the published size
    data.image_size = (64, 64)
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from vae.data import places
from vae.data.attributes import from_signs, rows_of
from vae.data.examples import Source
from vae.data.splits import digest
from vae.data.unreadable import Unreadable
from vae.errors import InputError
from vae.files import check_file
from vae.modalities.images.decoding import IMAGES, Fit
from vae.modalities.images.folder import FileExamples, in_splits, probe, values_of_files

logger = logging.getLogger(__name__)

SIZE = (218, 178)  # height, width, as published
_IMAGES = "img_align_celeba"
_ATTRIBUTES, _IDENTITIES = "list_attr_celeba.txt", "identity_CelebA.txt"
_PARTITION = "list_eval_partition.txt"
_SPLITS = np.array(("train", "valid", "test"))


def has_tables(directory: Path) -> bool:
    """Returns whether a directory has CelebA's tables."""
    return any(_find(directory, name) for name in (_ATTRIBUTES, _IDENTITIES))


def read(directory: Path, fit: Fit, threads: int) -> Source:
    """Returns the splits train, valid and test, each sorted by the hash of its files' names.

    Raises:
      InputError: images, or their rows in the tables, are missing or damaged.
    """
    root, content, images = _images(directory)
    names: tuple[str, ...] = ()
    labels = np.full(len(images), -1, np.int32)
    if file := _find(directory, _ATTRIBUTES):
        names, values = _table(file, images, header=True)
        for name, column in zip(names, values.T, strict=True):
            if not np.isin(column, (0, 1)).all() and not np.isin(column, (-1, 1)).all():
                raise InputError(f"{file}: {name} must be -1 or 1 in every row: fetch it again.")
        labels = from_signs(values)
    identities = None
    if file := _find(directory, _IDENTITIES):
        identities = _column(file, images)
    fit = _of_any_size(fit)
    fit, shape = probe(root, content, images, fit, threads)
    examples = FileExamples(
        root,
        content,
        np.array(images, dtype=object),
        labels,
        identities,
        fit,
        shape,
        Unreadable(root, len(images)),
    )
    splits = in_splits(examples, _SPLITS[_partition(directory, images, identities)])
    return Source(splits, values_of_files(fit), 0, f"CelebA in {directory}", names)


def _of_any_size(fit: Fit) -> Fit:
    """Returns a fit with its crop, if in pixels of the published size, made parts of an image."""
    if max(fit.crop) <= 1:
        return fit
    if fit.crop[0] > SIZE[0] or fit.crop[1] > SIZE[1]:
        raise InputError(
            f"data.crop = {fit.crop} is larger than CelebA's images of {SIZE[0]}x{SIZE[1]}: give "
            "a smaller crop, or (0, 0)."
        )
    return replace(fit, crop=(fit.crop[0] / SIZE[0], fit.crop[1] / SIZE[1]))


def _find(directory: Path, name: str) -> Path | None:
    places = (directory / folder / name for folder in ("", "Anno", "Eval", "Img"))
    return next((place for place in places if place.exists()), None)


def _images(directory: Path) -> tuple[str, Callable[[str], str | bytes], list[str]]:
    """Returns where the images are, a function from a name to an image, and their names."""
    if file := _find(directory, f"{_IMAGES}.zip"):
        place = places.in_archive(file, IMAGES)
        members = {path.rpartition("/")[2]: path for path in place.files}
        return place.root, lambda name: place.content(members[name]), sorted(members)
    if not (folder := _find(directory, _IMAGES)):
        raise InputError(
            f"{directory} has CelebA's tables, but neither {_IMAGES}.zip nor a folder {_IMAGES}: "
            "put one of them beside the tables."
        )
    if (folder / _IMAGES).is_dir():  # as some programs unpack it
        folder = folder / _IMAGES
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if IMAGES.has(entry.name) and entry.is_file()]
    if not found:
        raise InputError(f"{folder} has no images in it: fetch it again.")
    return str(folder), functools.partial(os.path.join, str(folder)), sorted(found)


def _partition(directory: Path, images: list[str], identities: np.ndarray | None) -> np.ndarray:
    """Returns the split of each image, [N] of 0, 1 and 2."""
    if file := _find(directory, _PARTITION):
        partition = _column(file, images)
        if partition.min() < 0 or partition.max() > 2:
            raise InputError(f"{file} must say 0, 1 or 2 of every image: fetch it again.")
        return partition
    people = images
    if identities is None:
        logger.warning(
            "%s has neither %s nor %s: a person may be in two splits",
            directory,
            _PARTITION,
            _IDENTITIES,
        )
    else:
        people = [str(identity) for identity in identities]
    first = [digest(os.fsencode(person))[0] for person in people]
    return np.digitize(first, (0.8 * 256, 0.9 * 256))


def _column(file: Path, images: list[str]) -> np.ndarray:
    """Returns the only column of a table, [N] int32."""
    _, values = _table(file, images, header=False)
    if values.shape[1] != 1:
        raise InputError(f"{file} must have a name and a number in each row: fetch it again.")
    return values[:, 0]


def _table(file: Path, images: list[str], header: bool) -> tuple[tuple[str, ...], np.ndarray]:
    """Returns the column names of a table (none without a header) and its numbers [N, A] int32."""
    again = f"{file} is damaged: fetch it again"
    check_file(file)
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}): fetch it again.") from None
    lines = [line.strip() for line in lines if line.strip()]
    names: tuple[str, ...] = ()
    if header:
        if len(lines) < 3 or lines[0] != str(len(lines) - 2):
            raise InputError(f"{again} (its first line is not the number of its rows).")
        names, lines = tuple(lines[1].split()), lines[2:]
    rows = [line.split(maxsplit=1) for line in lines]
    if not rows:
        raise InputError(f"{again} (it has no rows).")
    try:
        values = np.loadtxt([numbers for _, numbers in rows], np.int32, ndmin=2)
    except ValueError as error:
        raise InputError(f"{again} ({error}).") from None
    if len(set(names)) < len(names):
        raise InputError(f"{again} (two columns have one name).")
    if header and values.shape[1] != len(names):
        raise InputError(f"{again} ({len(names)} names, but {values.shape[1]} columns).")
    return names, values[rows_of(images, [row[0] for row in rows], file)]
