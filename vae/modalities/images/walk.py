"""Finds the image files in a folder."""

from __future__ import annotations

import collections
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from vae.data.attributes import FILE as TABLE
from vae.errors import readable

logger = logging.getLogger(__name__)

EXTENSIONS = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".avif", ".jp2"),
)


def is_image(name: str) -> bool:
    """Returns whether a file's name is that of an image."""
    return name.lower().endswith(EXTENSIONS) and not name.startswith(".")


def has_images(directory: Path) -> bool:
    """Returns whether there is an image file anywhere below a directory."""
    return any(True for _ in _walk(directory, collections.Counter()))


def image_files(directory: Path) -> list[str]:
    """Returns the image files anywhere below a directory: relative paths with "/", sorted by name.

    Follows links to folders, each folder once. Logs what is left out.
    """
    left_out: collections.Counter = collections.Counter()
    files = list(_walk(directory, left_out))
    if left_out:
        what = ", ".join(f"{number} {what}" for what, number in sorted(left_out.items()))
        logger.info("%s: left out %s", readable(directory), what)
    return sorted(files, key=lambda file: file.split("/"))


def _walk(directory: Path, left_out: collections.Counter) -> Iterator[str]:
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
                continue  # `folder.py` reads it
            elif not is_image(entry.name):
                kind = os.path.splitext(entry.name)[1].lower()
                left_out[f"file(s) {readable(kind) or 'without an extension'}"] += 1
            elif not _holds(entry.is_file) and os.path.exists(entry.path):
                left_out["pipe(s), socket(s) or device(s)"] += 1
            else:  # also a link to nothing: reading it gives the error
                yield path


def _holds(test: Callable[[], bool]) -> bool:
    try:
        return test()
    except OSError:  # a link that leads to itself
        return False
