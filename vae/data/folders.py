"""What a folder or an archive says of its files: their splits, labels, attributes and identities.

    faces/train/anna/1.jpg
    faces/train/bert/2.png
    faces/test/anna/3.jpg
    faces/attributes.csv

- Top-level folders named train, valid (or val) and test are splits.
- The folders in a split (top-level folders, where there are no splits) are labels, numbered in the
  order of their names; unless attributes.csv has attributes instead (`vae/data/attributes.py`), or
  a pattern says what the names of files mean (`vae/data/patterns.py`).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.data import attributes, splits
from vae.data.patterns import Named, read_names
from vae.data.places import Place
from vae.data.splits import FILES
from vae.errors import InputError, readable

logger = logging.getLogger(__name__)


def kept(place: Place, what: str) -> list[str]:
    """Returns the files of a place: those in the folders of splits, where there are such folders.

    Warns of files outside of them.

    Args:
      place: the folder or archive.
      what: what the files are, in the plural.
    """
    inside = [file for file in place.files if _split(file)]
    if inside and len(inside) < len(place.files):
        logger.warning(
            "%s: %d %s outside of its train, valid and test folders are left out",
            *(readable(place.root), len(place.files) - len(inside), what),
        )
    return inside or place.files


def told(place: Place, files: Sequence[str], pattern: str) -> tuple[np.ndarray, Named]:
    """Returns the base split of each file [N], and what else is known of it.

    Args:
      place: the folder or archive.
      files: those of `kept`, each once or several times.
      pattern: `data.label_pattern`.

    Raises:
      InputError: the table of attributes or the pattern does not fit the files.
    """
    root, table = readable(place.root), place.table
    split = np.array([_split(file) or "train" for file in files])
    if pattern:
        if table:
            raise InputError(
                f"{place.root} has a table {table}, beside which data.label_pattern has nothing to "
                "say: leave it out, or move the table away."
            )
        return split, read_names(pattern, files, root)
    folders = [file.split("/")[1 if _split(file) else 0 : -1] for file in files]
    named = _by_folder(folders)
    if table:
        names, values, identities = attributes.read_csv(
            Path(place.root, table), place.read(table), files, place.files
        )
        named = named._replace(identities=identities)
        if names:
            named = Named(values, (), 0, names, identities)
    return split, named


def by_split(split: np.ndarray, marks: Sequence[Any]) -> dict[str, np.ndarray]:
    """Returns the indices of each base split's examples, sorted by their marks.

    Args:
      split: the split of each example [N].
      marks: what an example is sorted by [N], see `digest`.
    """
    ordered = splits.order(marks)
    return {
        name: ordered[split[ordered] == name]
        for name in ("train", "valid", "test")
        if name in split
    }


def digest(file: str) -> bytes:
    """Returns the hash of a file's path, by which files are sorted."""
    return splits.digest(os.fsencode(file))


def evidence(content: Callable[[str], str | bytes], file: str) -> bytes:
    """Returns what tells a file from others: its bytes, or its length and its first 64 KiB.

    The whole content is known where the file lies in an archive; of others the beginning takes no
    time to read.

    Args:
      content: as in a `Place`.
      file: its path in the place.
    """
    try:
        found = content(file)
        if isinstance(found, bytes):
            return found
        if not os.path.isfile(found):
            return b""  # a pipe, whose reading may never end
        with open(found, "rb") as opened:
            return b"%d " % os.fstat(opened.fileno()).st_size + opened.read(2**16)
    except Exception:  # zipfile and zlib raise many kinds; reading the example gives the error
        return b""


def _split(file: str) -> str | None:
    """Returns the split in whose folder a file lies."""
    first, *rest = file.split("/")
    return FILES.get(first) if rest else None


def _by_folder(folders: list[list[str]]) -> Named:
    """Returns the labels of files, their first folders; none where all have the same folder."""
    first = [names[0] if names else "" for names in folders]
    found = sorted(set(first) - {""})
    number = {name: i for i, name in enumerate(found)} if len(found) > 1 else {}
    labels = np.array([number.get(name, -1) for name in first], np.int32)
    return Named(labels, tuple(map(readable, number)), len(number), (), None)
