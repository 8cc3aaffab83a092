"""Solids [D, H, W, C], binary or grey: how they are read, and shown from outside or in slices.

The axes are x, y and z: the last one points up, as in NIfTI and ModelNet.

| what is there                                        | reader      |
|------------------------------------------------------|-------------|
| name "solids"                                        | `drawn.py`  |
| arrays (.npz, .mat or .npy) with five dimensions     | `voxels.py` |
| arrays [N, D, H, W] with data.modality = "volumes"   | `voxels.py` |
| a directory, a zip or a tar with solids in it        | `folder.py` |
"""

from __future__ import annotations

from collections.abc import Mapping

from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data import places
from vae.data.examples import Source
from vae.errors import readable
from vae.files import user_path
from vae.modalities.volumes import drawn, folder, voxels
from vae.modalities.volumes.files import SOLIDS
from vae.modalities.volumes.show import (
    animate,
    code_length,
    file,
    likeness,
    media,
    perceived,
    script,
    sheet,
    surface,
    table,
    texts,
)
from vae.modalities.volumes.user_files import check, fitted, read_files
from vae.probability.event import Event

NAME = "volumes"
COMPARES = False
SETS = (*saved.SUFFIXES, *places.ARCHIVES)
READS = "solids (.npy, .npy.z, .binvox, .nii, ...) in a directory, a zip or a tar"


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`."""
    size, known = voxels.size_of(config), voxels.range_of(like)
    if not config.path:
        return drawn.read(size) if config.name == "solids" else None
    path = user_path(config.path)
    if saved.suffix_of(path) or (path.is_file() and path.suffix == ".npy"):
        if config.modality != NAME and voxels.dimensions(path) != 5:
            return None  # [N, D, H, W] may be images as well
        found = saved.read_npy(path) if path.suffix == ".npy" else saved.read(path)
        return voxels.arrays_source(found, readable(path), size, known)
    if not places.holds(path, SOLIDS):
        return None
    return folder.read(places.open_place(path, SOLIDS), config, size, known)


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays with five dimensions are solids, and others if it is said so."""
    if config.modality != NAME and any(arrays.examples.ndim != 5 for arrays in found.values()):
        return None
    return voxels.arrays_source(found, what, voxels.size_of(config), voxels.range_of(like))
