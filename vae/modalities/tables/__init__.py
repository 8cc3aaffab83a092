"""Tables: rows of real numbers [F] without positions; the columns are channels with names.

| what is there                                           | reader         |
|---------------------------------------------------------|----------------|
| name "wine" or "breast_cancer", or a class of these     | `sets.py`      |
| a .csv file, or a directory with nothing else           | `csv_file.py`  |
| an .npz or .mat file of [N, F], or a directory of these | `rows.py`      |
| .parquet files of nothing but numbers                   | `in_parquet.py` |
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data.examples import Source
from vae.data.shards.find import parquet_columns
from vae.data.shards.shard_examples import check_unread
from vae.errors import readable
from vae.files import user_path
from vae.modalities.tables import in_parquet, rows, sets
from vae.modalities.tables.show import (
    animate,
    check,
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
from vae.probability.event import Event

logger = logging.getLogger(__name__)

NAME = "tables"
COMPARES = True
READS = "a .csv or .parquet file of numbers, or an .npz or .mat file of rows [N, F]"
SETS = ()


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`.

    Raises:
      InputError: the table cannot be read.
    """
    if config.path:
        path = user_path(config.path)
        if in_parquet.is_table(path, config) or (config.modality == NAME and parquet_columns(path)):
            source = in_parquet.read(path, config)
            return replace(source, values=like.values, fit=None) if like else source
        found, description = rows.from_path(path), f"table {readable(path)}"
    elif sets.find(config.name):
        found = {"train": sets.read(config.name)}
        description = f"{config.name} of scikit-learn"
    else:
        return None
    if not found:
        return None
    source = _source(found, description, config, like)
    if like is None:
        check_unread(config, source)
    if config.path.endswith(saved.SUFFIXES):
        logger.info(
            "%s: rows of %d numbers are a table; if they are images, save them as [N, H, W]",
            *(description, len(source.names)),
        )
    return source


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays [N, F] are tables."""
    if any(arrays.examples.ndim != 2 for arrays in found.values()):
        return None
    return _source(rows.from_arrays(found), f"rows of {what}", config, like)


def _source(
    found: Mapping[str, rows.Rows], description: str, config: ConfigDict, like: Event | None
) -> Source:
    source = rows.source(found, description)
    return replace(source, values=like.values, fit=None) if like else source


def fitted(config: ConfigDict, event: Event) -> ConfigDict:
    """See `vae/modalities`: another table needs no change of the config."""
    return config.copy_and_resolve_references()


def read_files(
    paths: Sequence[str | Path], event: Event, config: ConfigDict
) -> tuple[np.ndarray, list[str]]:
    """See `vae/modalities`: the rows of files; their columns are found by name."""
    return rows.read_files([user_path(path) for path in paths], event)
