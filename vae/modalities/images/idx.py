"""Reads the idx files of MNIST and of sets in its format (Fashion-MNIST, Kuzushiji-MNIST).

A file is: two zero bytes, the type (0x08: uint8), the number of dimensions, each dimension as a
big-endian uint32, the values. Files have their original names, with or without .gz:
train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte.
"""

from __future__ import annotations

import gzip
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np

from vae.data.examples import Source
from vae.errors import InputError, readable
from vae.files import check_memory
from vae.modalities.images.decoding import Fit
from vae.modalities.images.pixels import array_source

_NAME = re.compile(r"(train|t10k)-(images|labels)[-.]idx([13])-ubyte(\.gz)?")


def find(directory: Path) -> dict[tuple[str, str], Path]:
    """Returns the idx files of a directory by (train or t10k, images or labels)."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(directory.iterdir()):  # the plain file sorts before its .gz
        if (match := _NAME.fullmatch(path.name)) and path.is_file():
            found.setdefault((match[1], match[2]), path)
    return found


def read(directory: Path, fit: Fit) -> Source:
    """Returns those of the base splits `train` and `test` (the files of t10k) that are there.

    Raises:
      InputError: a file is damaged, or labels do not belong to the images.
    """
    files = find(directory)
    splits = {}
    for part, name in (("train", "train"), ("t10k", "test")):
        if (part, "images") not in files:
            continue
        images = _read(files[part, "images"], dimensions=3)
        labels = None
        if (part, "labels") in files:
            labels = _read(files[part, "labels"], dimensions=1)
            if len(labels) != len(images):
                raise InputError(
                    f"{files[part, 'labels']} has {len(labels)} labels for {len(images)} images: "
                    "fetch both files of one set."
                )
        splits[name] = (images[..., None], labels)
    if not splits:
        raise InputError(f"{directory} has idx files but no images: add train-images-idx3-ubyte.")
    shapes = {images.shape[1:] for images, _ in splits.values()}
    if len(shapes) > 1:
        raise InputError(
            f"{directory}: the training and test images differ in size: fetch both of one set."
        )
    return array_source(splits, fit, f"idx files of {directory}")


def _read(path: Path, dimensions: int) -> np.ndarray:
    name = readable(path)
    header = 4 + 4 * dimensions
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            start = file.read(header)
            if len(start) < header or start[:4] != bytes([0, 0, 8, dimensions]):
                raise InputError(
                    f"{name} is no idx file of bytes with {dimensions} dimension(s): "
                    "fetch it again."
                )
            shape = struct.unpack(f">{dimensions}I", start[4:])
            announced = math.prod(shape)
            check_memory(announced, name)
            data = file.read(announced)
            more = len(file.read(1))  # a compressed file may never end
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{name} is damaged ({error}): fetch it again.") from error
    if more or len(data) < announced:
        there = f"more than {announced}" if more else len(data)
        raise InputError(
            f"{name} holds {there} bytes where {announced} are announced: fetch it again."
        )
    if not announced:
        raise InputError(f"{name} holds no examples: fetch it again.")
    return np.frombuffer(data, np.uint8).reshape(shape)
