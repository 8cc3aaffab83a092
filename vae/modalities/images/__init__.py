"""Images [H, W, C]: one file for each reader, and how images are shown.

| what is there                                       | reader        |
|-----------------------------------------------------|---------------|
| name "digits"                                       | `digits.py`   |
| name "faces"                                        | `faces/`      |
| name "dsprites"                                     | `dsprites.py` |
| any other name                                      | `tfds.py`     |
| a directory with train-images-idx3-ubyte[.gz], ...  | `idx.py`      |
| an .amat file, or a directory with some             | `amat.py`     |
| an .npz or .mat file, or a directory with some      | `pixels.py`   |
| a directory with the tables of CelebA               | `celeba.py`   |
| a directory, a zip or a tar with images in it       | `folder.py`   |
| Parquet, ArrayRecord or WebDataset, one or more     | `in_shards.py` |
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data import places
from vae.data.examples import Source
from vae.data.shards.find import Found, find
from vae.data.shards.shard_examples import check_unread
from vae.data.shards.web_dataset import is_one
from vae.data.walk import has_files
from vae.errors import readable
from vae.files import user_path
from vae.modalities.images import (
    amat,
    celeba,
    digits,
    dsprites,
    faces,
    folder,
    idx,
    in_shards,
    tfds,
)
from vae.modalities.images.decoding import IMAGES, Fit, fit_of
from vae.modalities.images.pixels import arrays_source
from vae.modalities.images.pixels import as_x as check
from vae.modalities.images.show import (
    animate,
    code_length,
    file,
    formats,
    likeness,
    media,
    perceived,
    script,
    sheet,
    surface,
    table,
    texts,
)
from vae.modalities.images.user_files import fitted, lost, read_files, read_whole
from vae.probability.event import Event

logger = logging.getLogger(__name__)

NAME = "images"
COMPARES = False
SETS = (*saved.SUFFIXES, ".amat", *places.ARCHIVES)
READS = (
    "an .npz, .mat or .amat file, a zip or tar of images, or a directory with idx files, files of "
    "arrays, images, or shards (.parquet, .array_record, .tar)"
)


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`: any other name is taken to be a set of tensorflow-datasets."""
    source = _read(config, _fit(config, like))
    if source and like is None:
        check_unread(config, source)
    return source


def _read(config: ConfigDict, fit: Fit) -> Source | None:
    if config.path:
        return _read_path(user_path(config.path), fit, config)
    if config.name == "digits":
        return digits.read(fit)
    if config.name == "faces":
        return faces.read(fit)
    if config.name == "dsprites":
        return dsprites.read(fit)
    return tfds.read(config.name, fit, config.manual_dir, config.threads)


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays [N, H, W] and [N, H, W, C] are images."""
    if any(arrays.examples.ndim not in (3, 4) for arrays in found.values()):
        return None
    return arrays_source(found, what, _fit(config, like))


def _fit(config: ConfigDict, like: Event | None) -> Fit:
    fit = fit_of(config)
    return replace(fit, black=like.values.black, white=like.values.white) if like else fit


def _arrays(path: Path, fit: Fit) -> Source:
    return arrays_source(saved.read(path), readable(path), fit)


def _read_path(path: Path, fit: Fit, config: ConfigDict) -> Source | None:
    """Returns the data at a path; None where no reader takes them."""
    if path.is_dir():
        return _read_directory(path, fit, config)
    if path.is_file():
        if saved.suffix_of(path):
            return _arrays(path, fit)
        if path.suffix == ".amat":
            return amat.read(path, fit)
        if (found := find(path)) and (not places.is_archive(path) or is_one(path, IMAGES)):
            return in_shards.read(path, found, fit, config)
        if places.is_archive(path):
            return folder.read(
                places.in_archive(path, IMAGES), fit, config.threads, config.label_pattern
            )
    return None


def _read_directory(path: Path, fit: Fit, config: ConfigDict) -> Source | None:
    """Returns the data in a directory, of the first kind found there; warns of other kinds."""

    def in_folder() -> Source:
        return folder.read(
            places.in_folder(path, IMAGES), fit, config.threads, config.label_pattern
        )

    readers: dict[str, tuple[Callable[[Path], Any], Callable[[], Source]]] = {
        "idx files": (idx.find, lambda: idx.read(path, fit)),
        ".amat files": (amat.find, lambda: amat.read(path, fit)),
        ".npz files": (lambda path: saved.has_files(path, ".npz"), lambda: _arrays(path, fit)),
        ".mat files": (lambda path: saved.has_files(path, ".mat"), lambda: _arrays(path, fit)),
        "CelebA's tables": (celeba.has_tables, lambda: celeba.read(path, fit, config.threads)),
        "images": (lambda path: has_files(path, IMAGES), in_folder),
        "shards": (find, lambda: in_shards.read(path, cast(Found, find(path)), fit, config)),
    }
    kind, *others = [name for name, (finds, _) in readers.items() if finds(path)] or [""]
    if not kind:
        return None
    if others and (kind, *others) != ("CelebA's tables", "images"):
        logger.warning(
            "%s has %s, which are read, and %s, which are left out: move one of them away",
            *(readable(path), kind, " and ".join(others)),
        )
    return readers[kind][1]()
