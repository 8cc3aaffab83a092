"""Images in shards: image files or .npy arrays of uint8, see `vae/data/shards`."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae.data.examples import Source
from vae.data.shards import shard_examples
from vae.data.shards.base import ARRAY, CONTENT, Shards, place
from vae.data.shards.find import Found, opened
from vae.data.unreadable import Unreadable
from vae.errors import InputError, readable
from vae.modalities.images import folder
from vae.modalities.images.decoding import IMAGES, Fit, fit_image, fit_images, open_image
from vae.modalities.images.pixels import image_array
from vae.probability.event import BINARY

NAMES = "image, images, img"  # of the column, by custom
_PROBED = 512  # examples that are looked at, to know their size and kind,
_RUNS = 8  # in so many places
_NUMPY = b"\x93NUMPY"


def read(path: Path, found: Found, fit: Fit, config: ConfigDict) -> Source:
    """Returns the images in shards.

    Args:
      path: the file or directory.
      found: the shards there.
      fit: how images are brought to one shape.
      config: the section `data`.

    Raises:
      InputError: a file is damaged, records differ, or have no images of one size.
    """
    splits = opened(path, found, IMAGES, config.threads)
    column = shard_examples.column_of(splits, config.image_column, (CONTENT, ARRAY), NAMES)
    told = shard_examples.told_by(splits, config)
    fit, shape, highest = _probed(splits, column, fit, config.threads)
    binary = highest is not None and highest <= 1
    total = sum(int(shards.starts[-1]) for shards in splits.values())
    unreadable = Unreadable(readable(path), total)
    made = shard_examples.in_splits(
        splits,
        told,
        [column],
        lambda shards: functools.partial(_decoded, Images(shards, fit, shape, binary, unreadable)),
        shape,
    )
    return Source(
        made,
        BINARY if binary else folder.values_of_files(fit),
        told.number,
        f"shards of {readable(path)}",
        told.attributes,
        told.classes,
    )


@dataclass(frozen=True)
class Images:
    """How the contents of records become images.

    Attributes:
      shards: the records.
      fit: how images are brought to one shape.
      shape: (H, W, C).
      binary: whether arrays are of 0 and 1.
      unreadable: images that cannot be decoded.
    """

    shards: Shards
    fit: Fit
    shape: tuple[int, int, int]
    binary: bool
    unreadable: Unreadable


def _decoded(
    images: Images, records: np.ndarray, columns: list[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images [n, *shape] uint8, and ok [n]; see `ShardExamples`."""
    (contents,) = columns
    ok = np.ones(len(records), bool)
    if (stacked := _stacked(contents)) is not None:
        return _checked(images, _arrays(images.fit, stacked, images.shards.what), records), ok
    made = np.zeros((len(records), *images.shape), np.uint8)
    for row, content in enumerate(contents):
        try:
            if content.startswith(_NUMPY):
                array = np.load(io.BytesIO(content), allow_pickle=False)
                image = _arrays(images.fit, array[None], images.shards.what)[0]
            else:
                image = fit_image(open_image(content, images.fit), images.fit)
        except InputError:
            raise
        except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
            ok[row] = False
            images.unreadable.add(place(images.shards, int(records[row])), error)
            continue
        made[row] = _checked(images, image[None], records[row : row + 1])[0]
    return made, ok


def _checked(images: Images, made: np.ndarray, records: np.ndarray) -> np.ndarray:
    """Returns images if they are as those that were looked at first.

    Raises:
      InputError: they differ in size, or are not of 0 and 1.
    """
    where = place(images.shards, int(records[0]))
    if made.shape[1:] != images.shape:
        raise folder.sizes_differ(images.shards.what, where, made.shape[1:3], images.shape[:2])
    if images.binary and made.max(initial=0) > 1:
        raise InputError(
            f"{images.shards.what}: {where} has a value of {made.max()}, where others have 0 and "
            "1: write all images with 0 and 255, or with 0 and 1."
        )
    return made


def _arrays(fit: Fit, arrays: np.ndarray, what: str) -> np.ndarray:
    """Returns arrays [n, H, W] or [n, H, W, C] as images of a fit.

    Raises:
      InputError: they are no images of uint8.
    """
    made = image_array(arrays, f"{what}: an array")
    if made.dtype != np.uint8:
        raise InputError(
            f"{what} has arrays of {arrays.dtype}: write them as uint8, from 0 to 255."
        )
    return fit_images(made, fit)


def _stacked(contents: Sequence[bytes] | np.ndarray) -> np.ndarray | None:
    """Returns .npy files of one header and size as one array [n, ...]; None where they are not."""
    if isinstance(contents, np.ndarray):
        return contents
    first = contents[0]
    if first[:6] != _NUMPY:
        return None
    head = first[: _head_size(first)]
    if not all(len(x) == len(first) and x.startswith(head) for x in contents):
        return None
    try:
        shape, dtype = _header(head)
    except (ValueError, SyntaxError, TypeError):  # they are read one by one
        return None
    whole = np.frombuffer(b"".join([x[len(head) :] for x in contents]), dtype)
    return whole.reshape(len(contents), *shape)


def _array(content: bytes | np.ndarray, what: str) -> np.ndarray:
    """Returns one array, read from its .npy file where it is one.

    Raises:
      InputError: it is no .npy file, or a damaged one.
    """
    if isinstance(content, np.ndarray):
        return content
    if not content.startswith(_NUMPY):
        raise InputError(f"{what} is no .npy array, as others are: write one kind.")
    try:
        return np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # numpy raises many kinds for damage
        raise InputError(f"{what} is no .npy array of numbers ({error}): write it again.") from None


def _head_size(file: bytes) -> int:
    wide = 2 if file[6] == 1 else 4
    return 8 + wide + int.from_bytes(file[8 : 8 + wide], "little")


@functools.lru_cache(maxsize=64)
def _header(head: bytes) -> tuple[tuple[int, ...], np.dtype]:
    """Returns the shape and the type that the header of a .npy file says.

    Raises:
      ValueError: it is damaged, or says that there are Python objects.
    """
    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran or dtype.hasobject:
        raise ValueError("it is in Fortran's order" if fortran else "it has Python objects")
    return shape, dtype


def _probed(
    splits: Mapping[str, Shards], column: str, fit: Fit, threads: int
) -> tuple[Fit, tuple[int, int, int], int | None]:
    """Returns `fit` with channels, black and white settled, the shape of all images, and the
    largest value of arrays, or None where these are image files.

    Raises:
      InputError: images differ in size and `fit` does not bring them to one, or none can be read.
    """
    shards = next(iter(splits.values()))
    number = int(shards.starts[-1])
    starts = np.linspace(0, max(0, number - _PROBED // _RUNS), _RUNS).astype(int)
    some = np.unique(starts[:, None] + np.arange(_PROBED // _RUNS))
    some = some[some < number]
    (contents,) = shards.reader([column]).read(some)
    if isinstance(contents, list) and not any(x.startswith(_NUMPY) for x in contents):
        found = {place(shards, int(i)): x for i, x in zip(some, contents, strict=True)}
        return *folder.probe(shards.what, found.__getitem__, list(found), fit, threads), None
    highest, sizes = 0, dict[tuple[int, int, int], str]()
    for record, content in zip(some.tolist(), contents, strict=True):
        array = _array(content, f"{shards.what}: {place(shards, record)}")
        image = _arrays(fit, array[None], shards.what)[0]
        highest = max(highest, int(image.max(initial=0)))
        height, width, channels = image.shape
        sizes.setdefault((height, width, channels), place(shards, record))
    if len(sizes) > 1:
        (first, _), (second, where) = list(sizes.items())[:2]
        raise folder.sizes_differ(shards.what, where, second[:2], first[:2])
    return fit, next(iter(sizes)), highest
