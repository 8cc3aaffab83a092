"""Finds the files of one kind in a folder: its images, or its recordings."""

from __future__ import annotations

import collections
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from vae.data.attributes import FILE as TABLE
from vae.errors import readable

logger = logging.getLogger(__name__)


class Kind(NamedTuple):
    """A kind of files.

    Attributes:
      name: what they are, in the plural, for messages.
      extensions: the ends of their names, in lower case.
    """

    name: str
    extensions: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Returns whether a file's name is that of one of the kind."""
        return name.lower().endswith(self.extensions) and not name.startswith(".")


def has_files(directory: Path, kind: Kind) -> bool:
    """Returns whether there is a file of a kind anywhere below a directory."""
    return any(True for _ in _walk(directory, kind, collections.Counter()))


def files_in(directory: Path, kind: Kind) -> list[str]:
    """Returns the files of a kind anywhere below a directory: relative paths, sorted by name.

    Paths have "/". Follows links to folders, each folder once. Logs what is left out.
    """
    left_out: collections.Counter = collections.Counter()
    files = list(_walk(directory, kind, left_out))
    if left_out:
        what = ", ".join(f"{number} {what}" for what, number in sorted(left_out.items()))
        logger.info("%s: left out %s", readable(directory), what)
    return sorted(files, key=lambda file: file.split("/"))


def _walk(directory: Path, kind: Kind, left_out: collections.Counter) -> Iterator[str]:
    seen: set[tuple[int, int]] = set()
    folders: list[str] = [""]
    linked: list[str] = []
    while folders or linked:
        relative = (
            folders.pop() if folders else linked.pop()
        )  # links last: a folder keeps its own name
        folder = os.path.join(directory, relative)
        try:
            status = os.stat(folder)
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            left_out[f"folder(s) that cannot be opened ({error.strerror})"] += 1
            continue
        place = (status.st_dev, status.st_ino)
        if place in seen:
            left_out["folder(s) that are there under another name, too"] += 1
            continue
        seen.add(place)
        for entry in found:
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.name.startswith("."):
                continue
            if _holds(entry.is_dir):
                (linked if entry.is_symlink() else folders).append(path)
            elif path == TABLE:
                continue  # `attributes.py` reads it
            elif not kind.has(entry.name):
                extension = os.path.splitext(entry.name)[1].lower()
                left_out[f"file(s) {readable(extension) or 'without an extension'}"] += 1
            elif not _holds(entry.is_file) and os.path.exists(entry.path):
                left_out["pipe(s), socket(s) or device(s)"] += 1
            else:  # also a link to nothing: reading it gives the error
                yield path


def _holds(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except OSError:  # a link that leads to itself
        return False
