"""Tables in Parquet files: each column of numbers is a channel, see `vae/data/shards`.

The columns that `vae/data/columns.py` takes and `identity` are none. Rows are read when they are
needed, so that a table may be larger than memory.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, cast

import numpy as np
from ml_collections import ConfigDict

from vae.data import standardise
from vae.data.columns import names_told
from vae.data.examples import Source
from vae.data.shards import shard_examples
from vae.data.shards.base import NUMBER, Shards, place
from vae.data.shards.find import Found, find, opened, parquet_columns
from vae.data.walk import Kind
from vae.errors import InputError, readable
from vae.modalities.tables.csv_file import LARGEST
from vae.probability.event import Values


def is_table(path: Path, config: ConfigDict) -> bool:
    """Returns whether Parquet files at a path have nothing but numbers, beside what is told."""
    columns = parquet_columns(path)
    return bool(names := _names(path, config)) and all(columns[name] == NUMBER for name in names)


def _names(path: Path, config: ConfigDict) -> list[str]:
    aside = {*names_told(config), shard_examples.IDENTITY}
    return [name for name in parquet_columns(path) if name not in aside]


def read(path: Path, config: ConfigDict) -> Source:
    """Returns the rows of Parquet files, in the order of a hash of their place.

    Raises:
      InputError: a file cannot be read, or a column is of other than numbers.
    """
    description = f"table {readable(path)}"
    splits = opened(path, cast(Found, find(path)), Kind("", ()), config.threads)
    names, columns = tuple(_names(path, config)), next(iter(splits.values())).columns
    if others := [name for name in names if columns[name] != NUMBER]:
        raise InputError(
            f"{description}: column {others[0]!r} has no numbers: leave it out, or name it as "
            "data.label_column or in data.covariates."
        )
    told = shard_examples.told_by(splits, config)
    made = shard_examples.in_splits(
        *(splits, told, list(names)),
        lambda shards: functools.partial(_decoded, shards, names),
        (len(names),),
        itemsize=4,
    )
    return Source(
        made,
        Values("real"),
        told.number,
        description,
        told.attributes,
        told.classes,
        names=names,
        fit=functools.partial(standardise.fit, names=names, what=description),
    )


def _decoded(
    shards: Shards, names: tuple[str, ...], records: np.ndarray, columns: list[Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows [n, F] float32, and ok [n]; see `ShardExamples`.

    Raises:
      InputError: a value is no finite number.
    """
    rows = np.stack(columns, axis=1)
    if len(bad := np.argwhere(~(np.abs(rows) < LARGEST))):
        row, column = bad[0].tolist()
        raise InputError(
            f"{shards.what}: {place(shards, int(records[row]))}, column {names[column]!r} is "
            f"{rows[row, column]:g}, which is no finite number or too large: give numbers, or "
            "leave out the row or the column."
        )
    return rows.astype(np.float32), np.ones(len(rows), bool)
