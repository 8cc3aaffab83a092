"""Decodes the file of one solid.

| file            | what it holds                                                                  |
|-----------------|--------------------------------------------------------------------------------|
| .npy            | an array [D, H, W] or [D, H, W, C]                                             |
| .npy.z          | the same, compressed by zlib                                                   |
| .binvox         | 0 and 1 in runs (Min, Binvox); turned to the axes x, y, z of the mesh it is of |
| .nii, .nii.gz   | a scan (NIfTI), turned so that x, y, z point right, to the front and up        |
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from vae.data.walk import Kind
from vae.errors import InputError, readable

SOLIDS = Kind("solids", (".npy", ".npy.z", ".binvox", ".nii", ".nii.gz"))
_SCANS = (".nii", ".nii.gz")
_LARGEST = 2**30  # bytes of a solid, also unpacked: very few may unpack to very many
_TOO_LARGE = f"it has more than {_LARGEST:,} bytes"


def decode(name: str, content: str | bytes) -> np.ndarray:
    """Returns the array [D, H, W] or [D, H, W, C] in a file.

    Args:
      name: the file's name, whose end says what it is.
      content: the file's bytes, or where it lies.

    Raises:
      Exception: many kinds, where the file is damaged.
    """
    if isinstance(content, str) and os.path.getsize(content) > _LARGEST:
        raise ValueError(_TOO_LARGE)
    data = content if isinstance(content, bytes) else Path(content).read_bytes()
    name = name.lower()
    if name.endswith(_SCANS):
        return _scan(_unzipped(data) if name.endswith(".gz") else data)
    if name.endswith(".binvox"):
        return _binvox(data)
    if name.endswith(".z"):
        unpacked = zlib.decompressobj()
        data = unpacked.decompress(data, _LARGEST)
        if not unpacked.eof:
            raise ValueError(f"it is cut off, or {_TOO_LARGE}")
    return np.load(io.BytesIO(data), allow_pickle=False)


def check_readers(names: Iterable[str]) -> None:
    """Checks that what reads these files is installed.

    Raises:
      InputError: some are scans, and nibabel is not there.
    """
    scans = [name for name in names if name.lower().endswith(_SCANS)]
    if scans and importlib.util.find_spec("nibabel") is None:
        raise InputError(
            f"{readable(scans[0])} is read by nibabel, which is not installed: pip install "
            "'vae-experiments[volumes]'."
        )


def _unzipped(data: bytes) -> bytes:
    """Returns what gzip has packed."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
        unpacked = packed.read(_LARGEST + 1)
    if len(unpacked) > _LARGEST:
        raise ValueError(_TOO_LARGE)
    return unpacked


def _scan(data: bytes) -> np.ndarray:
    import nibabel

    second = data[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c")  # the size of its header, 540 bytes
    image = (nibabel.Nifti2Image if second else nibabel.Nifti1Image).from_bytes(data)
    found = np.asanyarray(nibabel.as_closest_canonical(image).dataobj)
    return found[..., 0, :] if found.ndim == 5 and found.shape[3] == 1 else found


def _binvox(data: bytes) -> np.ndarray:
    head, mark, rest = data.partition(b"data\n")
    lines = [line.split() for line in head.splitlines()]
    sizes = next((line[1:] for line in lines if line[:1] == [b"dim"]), [])
    if not (data.startswith(b"#binvox") and mark and len(sizes) == 3):
        raise ValueError("it has no header of a .binvox file")
    runs = np.frombuffer(rest[: len(rest) // 2 * 2], np.uint8).reshape(-1, 2)
    x, z, y = map(int, sizes)
    if x * z * y > _LARGEST:
        raise ValueError(_TOO_LARGE)
    if runs[:, 1].sum(dtype=np.int64) != x * z * y:
        raise ValueError(f"it has {runs[:, 1].sum(dtype=np.int64)} voxels, not {x}x{z}x{y}")
    return runs[:, 0].repeat(runs[:, 1]).reshape(x, z, y).swapaxes(1, 2)  # y is fastest
