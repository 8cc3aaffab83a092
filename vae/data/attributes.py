"""Attributes of images from tables of text: numbers in [0, 1] with names.

The table of a folder of images is its attributes.csv:

    file,identity,Smiling,Eyeglasses
    anna/1.jpg,anna,1,0               files relative to the folder, in any order, each image once;
    anna/2.jpg,anna,0.4,0             numbers from 0 to 1, or columns of -1 and 1, no and yes;
    bert/1.jpg,bert,1,1               `identity` is who it is, a number or name; need not be there
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.errors import InputError

FILE = "attributes.csv"


class Table(NamedTuple):
    """What is known of N images."""

    names: tuple[str, ...]  # of the A attributes
    values: np.ndarray  # [N, A] float32 in [0, 1]
    identities: np.ndarray | None  # [N] int32


def read_csv(file: Path, images: Sequence[str], others: Collection[str]) -> Table:
    """Returns the rows of `images`, in their order, of a table as above.

    The table may also have rows of `others`. Raises InputError for a table that cannot be read,
    rows that are of no image or missing, and values that are no attributes.
    """
    try:
        with open(file, newline="", encoding="utf-8-sig") as lines:
            header, *rows = [row for row in csv.reader(lines) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as a table ({error}): save it as CSV.") from None
    for row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{file}: the row of {row[0]} has {len(row)} columns and the header {len(header)}: "
                "complete it."
            )
    if len(set(header)) < len(header):
        raise InputError(f"{file}: two columns have one name: rename one.")
    chosen = rows_of(images, [row[0] for row in rows], file, others)
    names = tuple(name for name in header[1:] if name != "identity")
    values = np.empty((len(images), len(names)), np.float32)
    for column, name in enumerate(names):
        where = header.index(name)
        try:
            values[:, column] = [float(rows[i][where]) for i in chosen]
        except ValueError as error:
            raise InputError(f"{file}: the column {name} must be of numbers ({error}).") from None
    identities = None
    if "identity" in header[1:]:
        where = header.index("identity", 1)
        _, identities = np.unique([rows[i][where] for i in chosen], return_inverse=True)
        identities = identities.astype(np.int32)
    return Table(names, as_unit(values, names, file), identities)


def rows_of(
    images: Sequence[str], files: Sequence[str], table: Path, others: Collection[str] = ()
) -> list[int]:
    """Returns the row of each of `images` in a table whose rows are of `files`.

    Raises InputError where one has none or two, and for a row of no image, nor one of `others`.
    """
    rows = {name: row for row, name in enumerate(files)}
    if len(rows) < len(files):
        twice = next(name for row, name in enumerate(files) if rows[name] != row)
        raise InputError(f"{table} has two rows of {twice}: remove one.")
    if missing := [name for name in images if name not in rows]:
        raise InputError(
            f"{table} has no row of {_few(missing, len(images))}: add what is missing."
        )
    if unknown := rows.keys() - set(images) - set(others):
        raise InputError(
            f"{table} has rows of images that are not there, {_few(sorted(unknown), len(rows))}: "
            "fetch the images again, or remove the rows."
        )
    return [rows[name] for name in images]


def as_unit(values: np.ndarray, names: Sequence[str], table: Path) -> np.ndarray:
    """Returns attributes [N, A] in [0, 1] or, by column, of -1 and 1, as float32 in [0, 1]."""
    signed = (np.abs(values) == 1).all(0)
    unit = np.where(signed, (values + 1) / 2, values).astype(np.float32)
    for name, good in zip(names, ((unit >= 0) & (unit <= 1)).all(0), strict=True):
        if not good:
            raise InputError(f"{table}: {name} must be from 0 to 1, or -1 and 1, in every row.")
    return unit


def _few(names: Sequence[str], total: int) -> str:
    """Returns how many of a total, and the first of them by name."""
    return f"{names[0]} and {len(names) - 1} more, of {total}" if names[1:] else names[0]
