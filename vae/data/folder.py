"""A folder of image files: any size, grey or colour, read from the files as they are needed.

faces/train/anna/1.jpg     top-level folders named train, valid (or val) and test are splits;
faces/train/bert/2.png     folders in a split (or in the folder itself, where it has no splits)
faces/test/anna/3.jpg      are labels, numbered by name,
faces/attributes.csv       unless there is this table, with attributes instead (`attributes.py`)
"""

from __future__ import annotations

import functools
import io
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from vae.data import attributes
from vae.data.dataset import BYTES, Source, Unreadable
from vae.data.images import Fit, channels_of, fit_image, open_image
from vae.data.splits import digest, order
from vae.errors import InputError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
_PROBE_ALL, _PROBE_SOME = 20_000, 1_000  # sizes: so many headers; channels, or more files: fewer
_ROTATED = (5, 6, 7, 8)  # EXIF orientations that lie on their side


@dataclass(frozen=True)
class FileExamples:
    """Examples in image files, decoded when read."""

    root: str  # a folder, or an archive
    content: Callable[[str], str | bytes]  # of a path in it: where the file lies, or its bytes
    paths: np.ndarray  # [N] of str, in root
    labels: np.ndarray  # [N] int32 or [N, A] float32
    identities: np.ndarray | None
    fit: Fit
    image_shape: tuple[int, int, int]
    unreadable: Unreadable

    @property
    def nbytes(self) -> int:
        return len(self) * int(np.prod(self.image_shape))

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: np.ndarray) -> FileExamples:
        return replace(
            self,
            paths=self.paths[indices],
            labels=self.labels[indices],
            identities=None if self.identities is None else self.identities[indices],
        )

    def table(self) -> dict[str, np.ndarray]:
        return {}

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        images = np.zeros((len(indices), *self.image_shape), np.uint8)
        ok = np.ones(len(indices), bool)
        for row, path in enumerate(self.paths[indices]):
            try:
                opened = open_image(self.content(path), self.fit)
            except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
                ok[row] = False
                self.unreadable.add(os.path.join(self.root, path), error)
                continue
            image = fit_image(opened, self.fit)
            if image.shape != self.image_shape:
                raise _sizes_differ(self.root, path, image.shape[:2], self.image_shape[:2])
            images[row] = image
        return images, self.labels[indices], ok


def has_images(directory: Path) -> bool:
    """Returns whether there is an image file anywhere in a directory."""
    return next(_walk(directory), None) is not None


def read(directory: Path, fit: Fit, threads: int) -> Source:
    """Returns the base splits of a folder, sorted by the hash of each file's path in it.

    Raises InputError where there are no images, none can be read, their sizes differ and `fit`
    does not bring them to one, or the table of attributes is not of these images.
    """
    files = list(_walk(directory))
    if not files:
        raise InputError(f"{directory} has no images ({' '.join(EXTENSIONS)}) in it: add some.")
    parts = {file: file.split("/") for file in files}
    inside = [file for file in files if parts[file][0] in _SPLITS and len(parts[file]) > 1]
    if inside and len(inside) < len(files):
        logging.warning(
            "%s: %d images outside of its train, valid and test folders are left out",
            directory,
            len(files) - len(inside),
        )
    kept = inside or files
    split = np.array([_SPLITS[parts[file][0]] if inside else "train" for file in kept])
    names, labels, identities = (), None, None
    if (table := directory / attributes.FILE).exists():
        names, labels, identities = attributes.read_csv(table, kept, files)
    number = {}
    if not names:
        depth = 1 if inside else 0  # of the folder that is the label
        folders = [parts[file][depth] if len(parts[file]) > depth + 1 else "" for file in kept]
        classes = sorted(set(folders) - {""})
        number = {c: i for i, c in enumerate(classes)} if len(classes) > 1 else {}
        labels = np.array([number.get(folder, -1) for folder in folders], np.int32)
    content = functools.partial(os.path.join, str(directory))
    fit, shape = probe(str(directory), content, kept, fit, threads)
    examples = FileExamples(
        str(directory),
        content,
        np.array(kept, dtype=object),
        labels,
        identities,
        fit,
        shape,
        Unreadable(str(directory), len(kept)),
    )
    return Source(in_splits(examples, split), BYTES, len(number), f"images of {directory}", names)


def in_splits(examples: FileExamples, split: np.ndarray) -> dict[str, FileExamples]:
    """Returns the examples of each split [N] of train, valid, test, sorted by their paths' hash."""
    ordered = order([digest(path.encode()) for path in examples.paths])
    return {
        name: examples.take(ordered[split[ordered] == name])
        for name in ("train", "valid", "test")
        if name in split
    }


def _walk(directory: Path):
    """Yields the image files in a directory, relative, with "/", in a fixed order."""
    for folder, subfolders, names in os.walk(directory, followlinks=True):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith("."))
        relative = Path(folder).relative_to(directory).as_posix()
        for name in sorted(names):
            if name.lower().endswith(EXTENSIONS) and not name.startswith("."):
                yield name if relative == "." else f"{relative}/{name}"


def probe(
    root: str, content: Callable[[str], str | bytes], files: list[str], fit: Fit, threads: int
) -> tuple[Fit, tuple[int, int, int]]:
    """Finds from the headers the shape of all images, and settles the number of channels.

    `root` and `content` are those of `FileExamples`. Raises InputError where the shapes differ and
    `fit` does not bring them to one, or no image can be read.
    """
    if any(fit.size) and fit.channels:
        return fit, (*fit.size, fit.channels)
    count = min(len(files), _PROBE_SOME)
    if not any(fit.size) and len(files) <= _PROBE_ALL:
        count = len(files)
    probed = [files[i] for i in np.linspace(0, len(files) - 1, count).astype(int)]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        headers = list(pool.map(lambda file: _header(content, file), probed))
    shapes = {file: shape for file, shape in zip(probed, headers, strict=True) if shape}
    if not shapes:
        raise InputError(f"{root}: none of {count} images can be read: replace them.")
    fit = replace(fit, channels=fit.channels or max(shape[2] for shape in shapes.values()))
    sizes = {fit.shape(shape): file for file, shape in shapes.items()}
    if len(sizes) > 1:
        (first, _), (second, file) = list(sizes.items())[:2]
        raise _sizes_differ(root, file, second[:2], first[:2])
    return fit, next(iter(sizes))


def _header(content: Callable[[str], str | bytes], path: str) -> tuple[int, int, int] | None:
    try:
        file = content(path)
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            width, height = image.size
            if image.getexif().get(0x0112) in _ROTATED:
                width, height = height, width
            return height, width, channels_of(image)
    except Exception:  # reported when it is read
        return None


def _sizes_differ(root: str, path: str, size: tuple, other: tuple) -> InputError:
    return InputError(
        f"{root}: the images differ in size ({path} is {size[0]}x{size[1]}, others are "
        f"{other[0]}x{other[1]}): set data.image_size to the height and width you want."
    )
