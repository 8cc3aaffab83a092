"""Makes rows of numbers a source of data.

All columns are real numbers, also those of whole numbers: they are standardised by the training
set, whatever their type and range. A table of nothing but 0 and 1 is binary.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vae.data import arrays as saved
from vae.data import standardise
from vae.data.examples import Source, in_memory, rows_at
from vae.data.labels import classes_of, numbered
from vae.data.splits import digests, files_by_split, order
from vae.errors import InputError, did_you_mean, readable
from vae.modalities.tables.csv_file import LARGEST, Rows, read_csv
from vae.probability.event import BINARY, Event, Values

logger = logging.getLogger(__name__)


def from_path(path: Path) -> dict[str, Rows] | None:
    """Returns the rows of each base split at a path; None where there is no table.

    A directory is a table where it holds only .csv files, or arrays of two dimensions.

    Raises:
      InputError: a table cannot be read.
    """
    if not path.exists():
        return None
    if path.suffix.lower() == ".csv" or (path.is_dir() and _only_csv(path)):
        files = files_by_split(path, ".csv")
        files = {split: files[split] for split in ("", "train", "valid", "test") if split in files}
        return {split or "train": read_csv(file) for split, file in files.items()}
    if saved.dimensions(path) == 2:
        return from_arrays(saved.read(path))
    return None


def _only_csv(path: Path) -> bool:
    seen = [file for file in path.iterdir() if not file.name.startswith(".")]
    return bool(seen) and all(file.suffix == ".csv" for file in seen)


def from_arrays(found: Mapping[str, saved.Arrays]) -> dict[str, Rows]:
    """Returns arrays [N, F] as rows.

    Raises:
      InputError: an array has another shape, or values that are no finite numbers.
    """
    return {split: _of_arrays(arrays) for split, arrays in found.items()}


def _of_arrays(arrays: saved.Arrays) -> Rows:
    values, what = arrays.examples, arrays.where
    if values.ndim != 2 or not values.size:
        raise InputError(f"{what} has the shape {values.shape}, where others are tables [N, F].")
    if values.dtype.kind not in "iufb":
        raise InputError(f"{what} is {values.dtype}, neither numbers nor bool: convert it.")
    count = values.shape[1]
    names = tuple(f"x{i}" for i in range(count))
    if arrays.names is not None:
        names = tuple(map(str, np.ravel(arrays.names).tolist()))
        if len(names) != count or len(set(names)) < count:
            raise InputError(
                f"{what} has {count} columns, and its `names` are {len(set(names))} different "
                "ones: give one for each."
            )
    values = values.astype(np.float64)
    if len(bad := np.argwhere(~(np.abs(values) < LARGEST))):
        row, column = bad[0].tolist()
        raise InputError(
            f"{what}: row {row}, column {names[column]!r} is {values[row, column]:g}, which is no "
            f"finite number or too large, as {len(bad) - 1} others: give numbers, or leave out "
            "the rows or the columns."
        )
    return Rows(names, values, arrays.labels, None, tuple(range(len(values))))


def source(splits: Mapping[str, Rows], description: str) -> Source:
    """Returns the splits, each in its canonical order, with columns ordered as in the first split.

    Raises:
      InputError: splits have different columns, or labels are no classes.
    """
    names = next(iter(splits.values())).names
    arrays = {
        split: in_order(rows, names, f"{description}: {split}").astype(np.float32)
        for split, rows in splits.items()
    }
    given = numbered({split: rows.labels for split, rows in splits.items()})
    labels, keys, classes, number, attributes = classes_of(given, arrays, description)
    people = _identities({split: rows.identities for split, rows in splits.items()})
    binary = all(((x == 0) | (x == 1)).all() for x in arrays.values())
    ordered = {}
    for split, values in arrays.items():
        values = values.astype(np.uint8) if binary else values
        rows = order(digests(values, keys[split]))
        examples = in_memory(values[rows], labels[split][rows])
        known = people[split]
        ordered[split] = replace(examples, identities=rows_at(known, rows))
    return Source(
        splits={name: ordered[name] for name in ("train", "valid", "test") if name in ordered},
        values=BINARY if binary else Values("real"),
        num_classes=number,
        description=description,
        attributes=attributes,
        classes=classes,
        names=names,
        fit=None if binary else functools.partial(standardise.fit, names=names, what=description),
    )


def in_order(rows: Rows, names: Sequence[str], what: str) -> np.ndarray:
    """Returns values [N, F] with the columns in the order of `names`.

    Raises:
      InputError: a column is missing, or there is another one.
    """
    if unknown := [name for name in rows.names if name not in names]:
        hint = did_you_mean(unknown[0], names)
        raise InputError(
            f"{what} has a column {unknown[0]!r}, which the data do not have: rename it, or leave "
            f"it out{hint}"
        )
    if missing := [name for name in names if name not in rows.names]:
        few = ", ".join(missing[:3]) + (", ..." if missing[3:] else "")
        raise InputError(f"{what} has no column {few}: the data have {len(names)}; add it.")
    return rows.values[:, [rows.names.index(name) for name in names]]


def read_files(paths: Sequence[Path], event: Event) -> tuple[np.ndarray, list[str]]:
    """Returns the rows of the user's own files as x [N, F] of a run, and a name for each row.

    Arrays without column names are taken to have the run's columns in their order.

    Raises:
      InputError: a file is no table, or has other columns.
    """
    x, called = [], []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} does not exist: give .csv, .npz or .mat files of rows.")
        found = from_path(path)
        if not found:
            raise InputError(f"{path} is no table: give .csv files, or arrays [N, F].")
        for rows in found.values():
            unnamed = rows.names == tuple(f"x{i}" for i in range(event.channels))
            names = rows.names if unnamed and path.suffix in saved.SUFFIXES else event.names
            values = in_order(rows, names, readable(path))
            x.append(event.values.to_x(values.astype(np.float32)))
            called += [f"{readable(path)} row {row}" for row in rows.where]
    return np.concatenate(x), called


def _identities(given: Mapping[str, np.ndarray | None]) -> dict[str, np.ndarray | None]:
    """Returns whose each row is, [N] int32, -1 where it is not known; one number in all splits.

    Returns None for all splits where one of them does not say it.
    """
    texts = {split: x.tolist() for split, x in given.items() if x is not None}
    if len(texts) < len(given):
        return dict.fromkeys(given)
    known = sorted({name for names in texts.values() for name in names if name})
    number = {name: i for i, name in enumerate(known)}
    return {
        split: np.array([number.get(name, -1) for name in names], np.int32)
        for split, names in texts.items()
    }
