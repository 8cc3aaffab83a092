"""Images [H, W, C]: readers, one file each, and how images are shown.

| what is there                                       | reader      |
|-----------------------------------------------------|-------------|
| name "digits"                                       | `digits.py` |
| name "faces"                                        | `faces/`    |
| any other name                                      | `tfds.py`   |
| a directory with train-images-idx3-ubyte[.gz], ...  | `idx.py`    |
| an .amat file, or a directory with some             | `amat.py`   |
| an .npz file, or a directory with some              | `pixels.py` |
| a directory with the tables of CelebA               | `celeba.py` |
| a directory with images anywhere in it              | `folder.py` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vae.data import npz
from vae.data.examples import Source
from vae.data.splits import files_by_split
from vae.errors import readable
from vae.files import user_path
from vae.modalities.images import amat, celeba, digits, faces, folder, idx, tfds
from vae.modalities.images.decoding import Fit, fit_of
from vae.modalities.images.pixels import arrays_source
from vae.modalities.images.pixels import as_x as check
from vae.modalities.images.show import animate, code_length, likeness, save, sheet, table
from vae.modalities.images.user_files import fitted, read_files
from vae.modalities.images.walk import has_images
from vae.probability.event import Values

__all__ = [
    "COMPARES",
    "NAME",
    "READS",
    "SETS",
    "animate",
    "check",
    "code_length",
    "fitted",
    "from_arrays",
    "likeness",
    "read",
    "read_files",
    "save",
    "sheet",
    "table",
]

NAME = "images"
COMPARES = False
SETS = (".npz", ".amat")
READS = "an .npz or .amat file, or a directory with idx files, .amat or .npz files, or images"


def read(config, like: Values | None = None) -> Source | None:
    """See `vae/modalities`; any name of data is taken to be one of tensorflow-datasets."""
    fit = _fit(config, like)
    if config.path:
        return _read_files(user_path(config.path), fit, config.threads)
    if config.name == "digits":
        return digits.read(fit)
    if config.name == "faces":
        return faces.read(fit)
    return tfds.read(config.name, fit, config.manual_dir, config.threads)


def from_arrays(
    found: Mapping[str, npz.Arrays], what: str, config: Any, like: Values | None = None
) -> Source | None:
    """See `vae/modalities`: arrays [N, H, W] and [N, H, W, C] are images."""
    if any(arrays.examples.ndim not in (3, 4) for arrays in found.values()):
        return None
    return arrays_source(found, what, _fit(config, like))


def _fit(config: Any, like: Values | None) -> Fit:
    fit = fit_of(config)
    return replace(fit, black=like.black, white=like.white) if like else fit


def _read_files(path: Path, fit: Fit, threads: int) -> Source | None:
    """Returns what is at a path; None where no reader takes it."""
    if path.is_file():
        if path.suffix == ".npz":
            return arrays_source(npz.read(path), readable(path), fit)
        if path.suffix == ".amat":
            return amat.read(path, fit)
    if path.is_dir():
        if idx.find(path):
            return idx.read(path, fit)
        if amat.find(path):
            return amat.read(path, fit)
        if files_by_split(path, ".npz"):
            return arrays_source(npz.read(path), readable(path), fit)
        if celeba.has_tables(path):
            return celeba.read(path, fit, threads)
        if has_images(path):
            return folder.read(path, fit, threads)
    return None
