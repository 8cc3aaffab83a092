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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae.data import attributes
from vae.data.examples import Raw, Source, Unreadable
from vae.data.splits import order
from vae.errors import InputError, readable
from vae.files import check_file
from vae.modalities.images import duplicates, pages
from vae.modalities.images.decoding import (
    Fit,
    channels_of,
    fit_image,
    is_deep,
    open_image,
    white_of,
)
from vae.modalities.images.walk import EXTENSIONS, image_files
from vae.probability.event import BYTES, Values

logger = logging.getLogger(__name__)

_SPLITS = {"train": "train", "valid": "valid", "val": "valid", "test": "test"}
_PROBE_ALL, _PROBE_SOME = 20_000, 1_000  # sizes: so many headers; channels, or more files: fewer
_PROBE_DEEP = 200  # of more than 8 bits, which are decoded
_ROTATED = (5, 6, 7, 8)  # EXIF orientations that lie on their side


@dataclass(frozen=True)
class FileExamples:
    """Examples in image files, decoded when read."""

    root: str  # a folder, or an archive
    content: Callable[[str], str | bytes]  # of a path in it: where the file lies, or its bytes
    paths: np.ndarray  # [N] of str, in root; of a page see `pages.py`
    labels: np.ndarray  # [N] int32 or [N, A] float32
    identities: np.ndarray | None
    fit: Fit
    shape: tuple[int, int, int]
    unreadable: Unreadable

    @property
    def nbytes(self) -> int:
        return len(self) * int(np.prod(self.shape))

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: np.ndarray) -> FileExamples:
        return replace(
            self,
            paths=self.paths[indices],
            labels=self.labels[indices],
            identities=None if self.identities is None else self.identities[indices],
        )

    marks = staticmethod(duplicates.marks)

    def table(self) -> None:
        return None

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        images = np.zeros((len(indices), *self.shape), np.uint8)
        ok = np.ones(len(indices), bool)
        for row, path in enumerate(self.paths[indices]):
            file, page = pages.place(path)
            try:
                opened = open_image(self.content(file), self.fit, page)
            except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
                ok[row] = False
                self.unreadable.add(pages.shown(os.path.join(self.root, path)), error)
                continue
            image = fit_image(opened, self.fit)
            if image.shape != self.shape:
                raise sizes_differ(self.root, path, image.shape[:2], self.shape[:2])
            images[row] = image
        return Raw(images, self.labels[indices]), ok

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield "\n".join(self.paths).encode(errors="surrogateescape")
        yield self.labels.tobytes()
        for path in self.paths[sample]:
            try:
                found = self.content(pages.place(path)[0])
                yield found if isinstance(found, bytes) else _beginning(found)
            except Exception:  # zipfile and zlib raise many kinds; said when it is read
                yield b""


def _beginning(file: str) -> bytes:
    """The length of a file, and as much of it as takes no time to read."""
    if not os.path.isfile(file):
        return b""  # a pipe, whose reading may never end
    with open(file, "rb") as opened:
        return b"%d " % os.fstat(opened.fileno()).st_size + opened.read(2**16)


def read(directory: Path, fit: Fit, threads: int) -> Source:
    """Returns the base splits of a folder, sorted by the hash of each file's path in it.

    Raises InputError where there are no images, none can be read, their sizes differ and `fit`
    does not bring them to one, or the table of attributes is not of these images.
    """
    files = image_files(directory)
    if not files:
        raise InputError(f"{directory} has no images ({' '.join(EXTENSIONS)}) in it: add some.")
    parts = {file: file.split("/") for file in files}
    inside = [file for file in files if parts[file][0] in _SPLITS and len(parts[file]) > 1]
    if inside and len(inside) < len(files):
        logger.warning(
            "%s: %d images outside of its train, valid and test folders are left out",
            readable(directory),
            len(files) - len(inside),
        )
    kept = inside or files
    root, content = str(directory), functools.partial(os.path.join, str(directory))
    fit, shape = probe(root, content, kept, fit, threads)
    paths = pages.of_files(root, kept, threads)
    kept = [pages.place(path)[0] for path in paths]
    split = np.array([_SPLITS[parts[file][0]] if inside else "train" for file in kept])
    names, labels, identities = (), None, None
    if (table := directory / attributes.FILE).exists():
        check_file(table)
        names, labels, identities = attributes.read_csv(table, kept, files)
    classes: list[str] = []
    if not names:
        depth = 1 if inside else 0  # of the folder that is the label
        folders = [parts[file][depth] if len(parts[file]) > depth + 1 else "" for file in kept]
        found = sorted(set(folders) - {""})
        number = {c: i for i, c in enumerate(found)} if len(found) > 1 else {}
        labels = np.array([number.get(folder, -1) for folder in folders], np.int32)
        classes = list(map(readable, number))
    examples = FileExamples(
        root,
        content,
        np.array(paths, dtype=object),
        labels,
        identities,
        fit,
        shape,
        Unreadable(readable(directory), len(paths)),
    )
    return Source(
        in_splits(examples, split),
        values_of_files(fit),
        len(classes),
        f"images of {readable(directory)}",
        names,
        tuple(classes),
    )


def values_of_files(fit: Fit) -> Values:
    """Returns what the values of image files mean once they are read as `fit` says."""
    return BYTES if fit.white is None else replace(BYTES, black=0.0, white=float(fit.white))


def in_splits(examples: FileExamples, split: np.ndarray) -> dict[str, FileExamples]:
    """Returns the examples of each split [N] of train, valid, test, sorted by their paths' hash."""
    ordered = order([pages.digest(path) for path in examples.paths])
    return {
        name: examples.take(ordered[split[ordered] == name])
        for name in ("train", "valid", "test")
        if name in split
    }


def probe(
    root: str, content: Callable[[str], str | bytes], files: list[str], fit: Fit, threads: int
) -> tuple[Fit, tuple[int, int, int]]:
    """Finds from the headers the shape of all images, and settles their channels and their white.

    `root` and `content` are those of `FileExamples`. Raises InputError where the shapes differ and
    `fit` does not bring them to one, no image can be read, or deep ones have values of no range.
    """
    count = min(len(files), _PROBE_SOME)
    if not any(fit.size) and len(files) <= _PROBE_ALL:
        count = len(files)
    probed = [files[i] for i in np.linspace(0, len(files) - 1, count).astype(int)]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = list(pool.map(lambda file: _header(content, file), probed))
    headers = {file: header for file, header in zip(probed, found, strict=True) if header}
    if not headers:
        raise InputError(f"{root}: none of {count} images can be read: replace them.")
    if moving := sum(header.moving for header in headers.values()):
        logger.warning(
            "%s: %d of %d images looked at have several frames: the first is used",
            readable(root),
            moving,
            count,
        )
    if deep := [file for file, header in headers.items() if header.deep]:
        fit = replace(fit, white=_white(root, content, deep, fit.white))
    fit = replace(fit, channels=fit.channels or max(h.shape[2] for h in headers.values()))
    if any(fit.size):
        return fit, (*fit.size, fit.channels)
    sizes = {fit.shape(header.shape): file for file, header in headers.items()}
    if len(sizes) > 1:
        (first, _), (second, file) = list(sizes.items())[:2]
        raise sizes_differ(root, file, second[:2], first[:2])
    return fit, next(iter(sizes))


class _Header(NamedTuple):
    shape: tuple[int, int, int]
    deep: bool
    moving: bool


def _header(content: Callable[[str], str | bytes], path: str) -> _Header | None:
    try:
        file = content(path)
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
            width, height = image.size
            if image.getexif().get(0x0112) in _ROTATED:
                width, height = height, width
            moving = image.format != "TIFF" and getattr(image, "is_animated", False)
            return _Header((height, width, channels_of(image)), is_deep(image), moving)
    except Exception:  # reported when it is read
        return None


def _white(
    root: str, content: Callable[[str], str | bytes], files: list[str], known: float | None
) -> float:
    """Returns what is white in deep images, from some of them, and logs it.

    It is `known` where they are whole numbers up to it.
    """
    low, high, whole = np.inf, -np.inf, True
    for i in np.unique(np.linspace(0, len(files) - 1, min(len(files), _PROBE_DEEP)).astype(int)):
        file = content(files[i])
        try:
            with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
                values = np.asarray(image)
            low = float(np.minimum(low, values.min()))  # NaN where there is one
            high = float(np.maximum(high, values.max()))
            whole &= np.issubdtype(values.dtype, np.integer)
            white = white_of(low, high, whole=whole)
        except ValueError as error:
            raise InputError(f"{os.path.join(root, files[i])}: {error}.") from None
        except Exception:  # reported when it is read
            continue
    if high < low:
        raise InputError(f"{root}: none of its deep images can be read: replace them.")
    if whole and known and high <= known:
        white = known
    logger.info(
        "%s: images of more than 8 bits a value, to %g: read with 8, black 0 and white %g",
        readable(root),
        high,
        white,
    )
    return white


def sizes_differ(root: str, path: str, size: tuple, other: tuple) -> InputError:
    """Returns the error for images of several sizes."""
    return InputError(
        f"{root}: the images differ in size ({pages.shown(path)} is {size[0]}x{size[1]}, "
        f"others are {other[0]}x{other[1]}): set data.image_size to the height and width you want."
    )
