"""Finds the shards at a path, and opens them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from vae.data.shards.base import Shards
from vae.data.splits import FILES
from vae.data.walk import Kind
from vae.errors import InputError, readable

PARQUET, ARRAY_RECORD, TAR = "parquet", "array_record", "tar"
_NAME = re.compile(r"\.(parquet|array_record|arrayrecord|tar)(-\d+-of-\d+)?$", re.IGNORECASE)
_SPLITS = FILES | {"validation": "valid"}
_WORDS = re.compile(r"[._\-\s/]+")


class Found(NamedTuple):
    """Shards at a path: their format, and the names and paths of each base split's files."""

    format: str
    files: Mapping[str, Sequence[tuple[str, Path]]]


def find(path: Path) -> Found | None:
    """Returns the shards at a path, a file or a directory; None where there are none.

    In a directory they are in it, or in its folders named data or after splits.

    Raises:
      InputError: there are several formats; or the names of some files say their splits, and those
        of others do not.
    """
    if not path.is_dir():
        kind = _format(path.name)
        return Found(kind, {"train": [(path.name, path)]}) if kind and path.is_file() else None
    folders = ["", *(f"{name}/" for name in (*_SPLITS, "data") if (path / name).is_dir())]
    names = sorted(
        f"{folder}{entry.name}"
        for folder in folders
        for entry in os.scandir(path / folder)
        if _format(entry.name) and entry.is_file() and not entry.name.startswith(".")
    )
    if not names:
        return None
    files = [(name, path / name) for name in names]
    first = {_format(name): name for name in reversed(names)}
    if len(first) > 1:
        few = " and ".join(sorted(first.values()))
        raise InputError(
            f"{path} has shards of several formats, such as {few}: keep those of one format there."
        )
    (kind,) = first
    splits: dict[str, list[tuple[str, Path]]] = {}
    for name, file in files:
        splits.setdefault(_split(name), []).append((name, file))
    if "" in splits and len(splits) > 1:
        raise InputError(
            f"{path}: the name of {splits[''][0][0]} says no split, and those of others do: name "
            "it after train, valid or test, or move it away."
        )
    if "" in splits:
        splits = {"train": splits[""]}
    return Found(
        kind, {name: splits[name] for name in ("train", "valid", "test") if name in splits}
    )


def parquet_columns(path: Path) -> Mapping[str, str]:
    """Returns the kinds of the columns of the first Parquet file at a path; {} where none is.

    Raises:
      InputError: it cannot be read.
    """
    from vae.data.shards.parquet import ParquetShards

    found = find(path)
    if not found or found.format != PARQUET:
        return {}
    files = next(iter(found.files.values()))
    return ParquetShards(readable(path), files[:1], threads=1).columns


def opened(path: Path, found: Found, kind: Kind, threads: int) -> dict[str, Shards]:
    """Returns the shards of each base split.

    Args:
      path: where they were found.
      found: what was found there.
      kind: the image files.
      threads: how many threads read footers.

    Raises:
      InputError: a file is damaged, or records have different columns.
    """
    what = readable(path)
    made: dict[str, Shards] = {}
    for split, files in found.files.items():
        if found.format == PARQUET:
            from vae.data.shards.parquet import ParquetShards

            made[split] = ParquetShards(what, files, threads)
        elif found.format == ARRAY_RECORD:
            from vae.data.shards.array_record import ArrayRecordShards

            made[split] = ArrayRecordShards(what, files)
        else:
            from vae.data.shards.web_dataset import WebDatasetShards

            made[split] = WebDatasetShards(what, files, kind)
        if not made[split].starts[-1]:
            raise InputError(f"{what} has no examples in its files of {split}: give others.")
    first, *others = made.values()
    for other in others:
        if other.columns != first.columns:
            differ = dict(first.columns.items() ^ other.columns.items())
            raise InputError(
                f"{what}: {first.names[0]} and {other.names[0]} differ in the column(s) "
                f"{', '.join(differ)}: write all files with the same."
            )
    return made


def _format(name: str) -> str:
    found = _NAME.search(name)
    return found[1].lower().replace("arrayrecord", ARRAY_RECORD) if found else ""


def _split(name: str) -> str:
    """Returns the split that a file's folder or name says; "" where it says none or several."""
    first = name.partition("/")[0]
    if "/" in name and first in _SPLITS:
        return _SPLITS[first]
    words = _WORDS.split(name.rpartition("/")[2].lower())
    said = {_SPLITS[word] for word in words if word in _SPLITS}
    return said.pop() if len(said) == 1 else ""
