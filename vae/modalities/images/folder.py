"""Image files in a folder or an archive: of any size, grey or colour, read as they are needed.

What the folder says of its files (splits, labels, attributes) is in `vae/data/folders.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from vae.data import folders
from vae.data.examples import Examples, Raw, Source, rows_at
from vae.data.places import Place
from vae.data.unreadable import Unreadable
from vae.errors import InputError, readable
from vae.modalities.images import duplicates, pages
from vae.modalities.images.decoding import (
    IMAGES,
    Fit,
    as_file,
    channels_of,
    extremes,
    fit_image,
    is_deep,
    open_image,
    white_of,
)
from vae.probability.event import BYTES, Values

logger = logging.getLogger(__name__)

_PROBE_ALL = 20_000  # the headers of up to so many files are all read, to know their sizes;
_PROBE_SOME = 1_000  # of more files, or where sizes do not matter, only so many
_PROBE_DEEP = 200  # so many images of more than 8 bits are decoded, to know their range
_ROTATED = (5, 6, 7, 8)  # EXIF orientations of images on their side


@dataclass(frozen=True)
class FileExamples(Examples):
    """Examples in image files, decoded when read."""

    root: str  # a folder, or an archive
    content: Callable[[str], str | bytes]  # a path in root -> where the file lies, or its bytes
    paths: np.ndarray  # [N] of str, in root; see `pages.py` for pages
    labels: np.ndarray  # [N] int32 or [N, A] float32
    identities: np.ndarray | None
    fit: Fit
    shape: tuple[int, int, int]
    unreadable: Unreadable

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> np.ndarray:  # type: ignore[override]  # a field of others
        return np.array([pages.shown(path) for path in self.paths], dtype=object)

    def take(self, indices: np.ndarray) -> FileExamples:
        return replace(
            self,
            paths=self.paths[indices],
            labels=self.labels[indices],
            identities=rows_at(self.identities, indices),
        )

    marks = staticmethod(duplicates.marks)

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
            yield folders.evidence(self.content, pages.place(path)[0])


def read(place: Place, fit: Fit, threads: int, pattern: str = "") -> Source:
    """Returns the base splits of image files, sorted by the hash of each file's path.

    Args:
      place: the folder or archive.
      fit: how images are brought to one shape.
      threads: how many threads read headers.
      pattern: `data.label_pattern`.

    Raises:
      InputError: there are no images, none can be read, their sizes differ and `fit` does not bring
        them to one, or the table of attributes or the pattern does not fit the files.
    """
    root, files, content, _ = place
    if not files:
        raise InputError(f"{root} has no images ({' '.join(IMAGES.extensions)}) in it: add some.")
    kept = folders.kept(place, IMAGES.name)
    fit, shape = probe(root, content, kept, fit, threads)
    paths = pages.of_files(root, content, kept, threads)
    split, named = folders.told(place, [pages.place(path)[0] for path in paths], pattern)
    examples = FileExamples(
        root,
        content,
        np.array(paths, dtype=object),
        named.labels,
        named.identities,
        fit,
        shape,
        Unreadable(readable(root), len(paths)),
    )
    return Source(
        in_splits(examples, split),
        values_of_files(fit),
        named.number,
        f"images of {readable(root)}",
        named.attributes,
        named.classes,
        named=bool(pattern),
    )


def values_of_files(fit: Fit) -> Values:
    """Returns what the values of image files mean once they are read as `fit` says."""
    if fit.black is None or fit.white is None:
        return BYTES
    return replace(BYTES, black=float(fit.black), white=float(fit.white))


def in_splits(examples: FileExamples, split: np.ndarray) -> dict[str, FileExamples]:
    """Returns the examples by split, given that of each [N], sorted by the hash of their paths."""
    found = folders.by_split(split, [pages.digest(path) for path in examples.paths])
    return {name: examples.take(indices) for name, indices in found.items()}


def probe(
    root: str, content: Callable[[str], str | bytes], files: list[str], fit: Fit, threads: int
) -> tuple[Fit, tuple[int, int, int]]:
    """Returns `fit` with channels, black and white settled, and the shape of all images.

    Shape and channels are read from headers; black and white, from images of more than 8 bits.

    Args:
      root: see `FileExamples`.
      content: see `FileExamples`.
      files: paths in root.
      fit: what the config says.
      threads: how many threads read files.

    Raises:
      InputError: shapes differ and `fit` does not bring them to one, no image can be read, or the
        values of deep images fit no range.
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
        black, white = _range(root, content, deep, files, fit, threads)
        fit = replace(fit, black=black, white=white)
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
        with Image.open(as_file(content(path))) as image:
            width, height = image.size
            if image.getexif().get(0x0112) in _ROTATED:
                width, height = height, width
            moving = image.format != "TIFF" and getattr(image, "is_animated", False)
            return _Header((height, width, channels_of(image)), is_deep(image), moving)
    except Exception:  # reading the image gives the error
        return None


def _range(
    root: str,
    content: Callable[[str], str | bytes],
    deep: list[str],
    files: list[str],
    fit: Fit,
    threads: int,
) -> tuple[float, float]:
    """Returns the black and white of deep images, found from some of them, and logs them.

    They are those of `fit` where values are whole numbers in its range, or fit no known range.
    Where values fit neither, black and white are the least and the largest value of all `files`.
    """
    some = np.unique(np.linspace(0, len(deep) - 1, min(len(deep), _PROBE_DEEP)).astype(int))
    low, high, whole = _extremes(root, content, [deep[i] for i in some], threads)
    black, white = 0.0, white_of(low, high, whole=whole)
    own = (fit.black, fit.white) if fit.black is not None and fit.white is not None else None
    if own and own[0] <= low and high <= own[1] and (whole or white is None):
        black, white = own
    elif white is None and len(files) <= _PROBE_ALL:
        low, high, _ = _extremes(root, content, files, threads)
        black, white = low, high
    if white is None or not black < white:
        raise InputError(
            f"{root}: its deep images have values from {low:g} to {high:g}: rescale them to 0 to "
            "65535, or save all images as one .npz."
        )
    logger.info(
        "%s: images of more than 8 bits a value, from %g to %g: read with 8, black %g and white %g",
        *(readable(root), low, high, black, white),
    )
    return black, white


def _extremes(
    root: str, content: Callable[[str], str | bytes], files: Sequence[str], threads: int
) -> tuple[float, float, bool]:
    """Returns the least and the largest value of deep images, and whether all values are whole."""

    def of(file: str) -> tuple[float, float, bool] | None:
        found = []
        try:
            with Image.open(as_file(content(file))) as image:
                for page in ImageSequence.Iterator(image):
                    if is_deep(page):
                        values = np.asarray(page)
                        whole = np.issubdtype(values.dtype, np.integer)
                        found.append((*extremes(values), whole))
        except Exception:  # reading the image gives the error
            return None
        return _joined(found) if found else None

    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = [known for known in pool.map(of, files) if known]
    if not found:
        raise InputError(f"{root}: none of its deep images can be read: replace them.")
    return _joined(found)


def _joined(found: Sequence[tuple[float, float, bool]]) -> tuple[float, float, bool]:
    low, high, whole = zip(*found, strict=True)
    return min(low), max(high), all(whole)


def sizes_differ(root: str, path: str, size: tuple, other: tuple) -> InputError:
    """Returns the error for images that differ in size."""
    return InputError(
        f"{root}: the images differ in size ({pages.shown(path)} is {size[0]}x{size[1]}, "
        f"others are {other[0]}x{other[1]}): set data.image_size to the height and width you want."
    )
