"""Counts: rows [F] of whole numbers without positions, as the genes that were counted in cells.

| what is there                                       | reader     |
|-----------------------------------------------------|------------|
| name "cells" or "cells:doublets"                    | `drawn.py` |
| an .h5ad file                                       | `h5ad.py`  |
| a Market matrix (.mtx), or a folder of Cell Ranger; | `files.py` |
| with data.modality "counts", .csv and arrays        |            |

`cells.py` makes a source of what was read: which columns are labels, which genes are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data import columns
from vae.data.examples import Source
from vae.errors import InputError, readable
from vae.files import user_path
from vae.modalities.counts import cells, drawn, files, h5ad
from vae.modalities.counts.show import likeness, script, sheet
from vae.modalities.tables.show import (
    animate,
    check,
    code_length,
    file,
    media,
    perceived,
    surface,
    table,
    texts,
)
from vae.probability.event import Event

NAME = "counts"
COMPARES = True
READS = "counts in an .h5ad file, a Market matrix (.mtx) or a folder of Cell Ranger"
SETS = (h5ad.SUFFIX, *files.MARKET)


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`.

    Raises:
      InputError: the counts cannot be read.
    """
    found = cells_of(config)
    return None if found is None else cells.source(found, config)


def cells_of(config: ConfigDict) -> cells.Cells | None:
    """Returns the cells that a config's `data` section names; None where there are none."""
    if not config.path:
        return drawn.read(config.name) if drawn.find(config.name) else None
    return files.from_path(user_path(config.path), config)


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays are counts where the config says so."""
    return cells.source(files.of_arrays(found, what), config) if config.modality == NAME else None


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: labels, and the layer, are those of the run's own files."""
    config = config.copy_and_resolve_references()
    config.modality, config.label_column, config.covariates = NAME, columns.LABEL, ""
    return config


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the cells of files; their genes are found by name."""
    x, names = [], []
    for path in paths:
        place = user_path(path)
        if not place.exists():
            raise InputError(f"{path} does not exist: give {READS}, or a .csv file.")
        found = files.from_path(place, fitted(config, event))
        if found is None:
            raise InputError(f"{path} holds no counts: give {READS}, or a .csv file.")
        counts = cells.dense(found, event, np.arange(len(found.names)))
        x.append(event.values.to_x(counts))
        names += [f"{readable(place)} {name}" for name in found.names.tolist()]
    return np.concatenate(x), names
