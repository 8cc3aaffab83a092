"""Solids in the files of a folder or an archive, which are all kept in memory.

What the folder says of its files (splits, labels, attributes) is in `vae/data/folders.py`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from ml_collections import ConfigDict

from vae import terminal
from vae.data import folders
from vae.data.examples import ArrayExamples, Raw, Source, rows_at
from vae.data.places import Place
from vae.data.unreadable import Unreadable
from vae.errors import InputError, readable
from vae.files import check_memory
from vae.modalities.images.pixels import to_unit
from vae.modalities.volumes.files import SOLIDS, check_readers, decode
from vae.modalities.volumes.voxels import Range, Size, as_solid, resized


def read(place: Place, config: ConfigDict, size: Size, known: Range = ()) -> Source:
    """Returns the base splits of solids, sorted by the hash of each file's path.

    Args:
      place: the folder or archive.
      config: the section `data`.
      size: what solids are resized to, see `voxels.size_of`.
      known: see `voxels.range_of`.

    Raises:
      InputError: there are no solids, most cannot be read, their sizes differ and `size` does not
        bring them to one, or the table of attributes or the pattern does not fit the files.
    """
    root = readable(place.root)
    if not place.files:
        raise InputError(f"{root} has no solids ({' '.join(SOLIDS.extensions)}) in it: add some.")
    kept = folders.kept(place, SOLIDS.name)
    check_readers(kept)
    split, named = folders.told(place, kept, config.label_pattern)
    solids, ok = _decoded(place, kept, size, config.threads)
    ordered = folders.by_split(split, [folders.digest(path) for path in kept])
    unit, values = to_unit({name: solids[rows] for name, rows in ordered.items()}, root, known)
    splits = {
        name: ArrayExamples(
            Raw(unit[name], named.labels[rows]),
            ok[rows],
            identities=rows_at(named.identities, rows),
            names=np.array(kept, dtype=object)[rows],
        )
        for name, rows in ordered.items()
    }
    return Source(
        splits,
        values,
        named.number,
        f"solids of {root}",
        named.attributes,
        named.classes,
        named=bool(config.label_pattern),
    )


def _decoded(
    place: Place, files: list[str], size: Size, threads: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the solids [N, D, H, W, C] of files, and ok [N] bool, False where one is damaged."""
    unreadable = Unreadable(readable(place.root), len(files))

    def of(file: str) -> np.ndarray | None:
        try:
            return resized(as_solid(decode(file, place.content(file)), file), size)
        except Exception as error:  # the errors of decoders and of archives are many
            unreadable.add(readable(os.path.join(place.root, file)), error)
        return None

    found: dict[int, np.ndarray] = {}
    shape: tuple[int, ...] = ()
    first = ""
    with (
        ThreadPoolExecutor(max(1, threads)) as pool,
        terminal.Progress("reading", len(files), "solids") as progress,
    ):
        for row, solid in enumerate(pool.map(of, files)):
            progress.at(row + 1)
            if solid is None:
                continue
            if not shape:
                shape, first = solid.shape, files[row]
                check_memory(solid.nbytes * len(files), f"The solids of {readable(place.root)}")
            if solid.shape != shape:
                raise InputError(
                    f"{place.root}: solids differ in shape ({readable(files[row])} is "
                    f"{'x'.join(map(str, solid.shape))}, {readable(first)} "
                    f"{'x'.join(map(str, shape))}): set data.volume_size to the depth, height and "
                    "width you want."
                )
            found[row] = solid
    if not found:
        raise InputError(f"{place.root}: none of its {len(files)} solids can be read.")
    dtype = np.result_type(*{solid.dtype for solid in found.values()})
    solids = np.zeros((len(files), *shape), dtype)
    for row, solid in found.items():
        solids[row] = solid
    ok = np.zeros(len(files), bool)
    ok[list(found)] = True
    return solids, ok
