"""What is worth a warning in three sets that can be used: very few images, or the same in two."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np

from vae.data import pages
from vae.data.examples import ArrayExamples, Examples
from vae.data.folder import FileExamples
from vae.data.splits import digest, digests

logger = logging.getLogger(__name__)

FEW = {"train": 100, "valid": 20, "test": 20}  # images, below which a set says little
_HASHED_FILES, _HASHED_BYTES = 20_000, 4 * 2**30  # more are not read for this alone


def check_splits(splits: Mapping[str, Examples], description: str) -> None:
    """Warns where a set has few images, or some that another set has, too.

    Images in memory are compared by their values, and up to 20,000 files by their content; of more
    files those are found that are one file under two names. Records of a published set and drawn
    faces are not compared.
    """
    few = [f"data.{name} {len(x)}" for name, x in splits.items() if len(x) < FEW[name]]
    if few:
        logger.warning(
            "%s: few images (%s): what is learned from so few, or measured on them, is chance",
            description,
            ", ".join(few),
        )
    marks = {name: set(found) for name, found in _marks(splits).items()}
    names = list(marks)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            if shared := len(marks[first] & marks[second]):
                logger.warning(
                    "%s: data.%s and data.%s share %d image(s) under several names: figures of %s "
                    "are too good by them",
                    *(description, first, second, shared, second),
                )


def _marks(splits: Mapping[str, Examples]) -> dict[str, list]:
    """Returns, for each split, what two equal images have in common; {} where that is not known."""
    every = list(splits.values())
    if all(isinstance(examples, ArrayExamples) for examples in every):
        if sum(examples.nbytes for examples in every) > _HASHED_BYTES:
            return {}
        return {name: _of_array(examples) for name, examples in splits.items()}
    if not all(isinstance(examples, FileExamples) for examples in every):
        return {}
    small = sum(map(len, every)) <= _HASHED_FILES
    if os.path.isfile(every[0].root):  # an archive
        return {
            name: [_content(x, path) for path in x.paths] for name, x in splits.items() if small
        }
    status = {name: [_status(x, path) for path in x.paths] for name, x in splits.items()}
    sizes = Counter(size for found in status.values() for size, _ in found if small)
    # Only files of one size can have one content.
    return {
        name: [
            _content(x, path) if sizes[size] > 1 else place
            for path, (size, place) in zip(x.paths, status[name], strict=True)
        ]
        for name, x in splits.items()
    }


def _status(examples: FileExamples, path: str) -> tuple[int, Hashable]:
    """Returns a file's size, and which file and page it is."""
    file, page = pages.place(path)
    try:
        status = os.stat(examples.content(file))
    except OSError:  # said when it is read
        return -1, path
    return status.st_size, (status.st_dev, status.st_ino, page)


def _content(examples: FileExamples, path: str) -> Hashable:
    """Returns the digest of a file's content, and the page."""
    file, page = pages.place(path)
    try:
        content = examples.content(file)
        data = content if isinstance(content, bytes) else Path(content).read_bytes()
    except Exception:  # said when it is read; archives raise many kinds
        return path
    return digest(data), page


def _of_array(examples: ArrayExamples) -> list[bytes]:
    ok = np.flatnonzero(examples.ok)  # others hold a stand-in
    values = examples.values
    values = values[ok] if len(ok) < len(examples) else values
    return digests(values, np.zeros(len(values), np.int32)) if len(values) else []
