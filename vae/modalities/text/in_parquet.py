"""Texts in a column of Parquet files, which are kept in memory as all texts are.

The columns are named as in `columns.py`. Files with a column of images are text only where
`data.text_column` or `data.modality` says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ml_collections import ConfigDict

from vae.data.examples import Source
from vae.data.labels import numbered
from vae.data.shards.base import ARRAY, CONTENT, TEXT
from vae.data.shards.find import Found, find, opened, parquet_columns
from vae.data.walk import Kind
from vae.errors import InputError, did_you_mean, readable
from vae.files import check_memory
from vae.modalities.text.columns import NAMES
from vae.modalities.text.examples import labelled

_UNPACKED = 10  # bytes that texts take in memory for each byte of a file


def is_text(path: Path, config: ConfigDict) -> bool:
    """Returns whether Parquet files at a path have a column of text, or are said to."""
    columns = parquet_columns(path)
    if columns and (config.text_column or config.modality == "text"):
        return True
    plain = not {CONTENT, ARRAY} & set(columns.values())
    return plain and any(columns.get(name) == TEXT for name in NAMES)


def read(path: Path, config: ConfigDict) -> Source:
    """Returns the texts of Parquet files.

    Raises:
      InputError: a file cannot be read, there is no such column, or they do not fit into memory.
    """
    found = cast(Found, find(path))
    size = sum(file.stat().st_size for files in found.files.values() for _, file in files)
    check_memory(_UNPACKED * size, readable(path))
    splits = opened(path, found, Kind("", ()), config.threads)
    columns = next(iter(splits.values())).columns
    texts = [name for name, kind in columns.items() if kind == TEXT]
    wanted = [config.text_column] if config.text_column else list(NAMES)
    name = next((name for name in wanted if name in texts), "")
    if not name:
        hint = did_you_mean(config.text_column, texts) if config.text_column else "."
        raise InputError(
            f"{readable(path)} has no column {wanted[0]!r} of texts, only "
            f"{', '.join(texts) or 'others'}: name one of them as data.text_column{hint}"
        )
    label = config.label_column if config.label_column in columns else ""
    labels = {split: shards.known(label) if label else None for split, shards in splits.items()}
    lines = {split: shards.known(name).tolist() for split, shards in splits.items()}
    return labelled(lines, numbered(labels), f"text {readable(path)}", config)
