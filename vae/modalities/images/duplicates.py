"""Finds image files that are one file under several names, or have the same content."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from vae.data.splits import digest
from vae.modalities.images import pages

_HASHED_FILES = 20_000  # more files are not read for this alone


def marks(splits: Sequence[Any]) -> list[list[Hashable]] | None:
    """Returns a mark for each image of each split of `FileExamples`, equal for equal images.

    Up to 20,000 files are compared by content; among more, only files under two names are found.
    """
    small = sum(map(len, splits)) <= _HASHED_FILES
    if os.path.isfile(splits[0].root):  # an archive
        return [[_content(x, path) for path in x.paths] for x in splits] if small else None
    status = [[_status(x, path) for path in x.paths] for x in splits]
    sizes = Counter(size for found in status for size, _ in found if small)
    # Only files of equal size can have equal content.
    return [
        [
            _content(x, path) if sizes[size] > 1 else place
            for path, (size, place) in zip(x.paths, found, strict=True)
        ]
        for x, found in zip(splits, status, strict=True)
    ]


def _status(examples: Any, path: str) -> tuple[int, Hashable]:
    """Returns a file's size, and the identity of the file and page."""
    file, page = pages.place(path)
    try:
        status = os.stat(examples.content(file))
    except OSError:  # said when it is read
        return -1, path
    return status.st_size, (status.st_dev, status.st_ino, page)


def _content(examples: Any, path: str) -> Hashable:
    """Returns the digest of a file's content, and the page."""
    file, page = pages.place(path)
    try:
        content = examples.content(file)
        data = content if isinstance(content, bytes) else Path(content).read_bytes()
    except Exception:  # said when it is read; archives raise many kinds
        return path
    return digest(data), page
