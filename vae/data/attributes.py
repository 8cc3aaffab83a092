"""Attributes of examples, from a table in text or from an array: named numbers, each in its unit.

A folder of images has its table in attributes.csv:

    file,identity,Smiling,Age
    anna/1.jpg,anna,1,31
    anna/2.jpg,anna,0.4,32
    bert/1.jpg,bert,0,54

- `file` is relative to the folder; each image has one row; rows may be in any order.
- `identity` says who it is, by a number or a name; it may be blank, and the column may be missing.
- Every other column is an attribute, of any numbers. A column of only -1 and 1 is read as 0 (no)
  and 1 (yes). Networks are given columns between 0 and 1 as they are, all others standardised.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.errors import InputError, readable

FILE = "attributes.csv"


class Table(NamedTuple):
    """The attributes and identities of N examples."""

    names: tuple[str, ...]  # names of the A attributes
    values: np.ndarray  # [N, A] float32
    identities: np.ndarray | None  # [N] int32


def read_csv(file: Path, content: bytes, wanted: Sequence[str], others: Collection[str]) -> Table:
    """Returns the rows of the `wanted` files, in their order, from a table as above.

    Args:
      file: where `content` was read, for messages.
      content: the table.
      wanted: files that must have a row.
      others: files that may have a row, which is ignored.

    Raises:
      InputError: the table cannot be read, has rows of unknown files, lacks a wanted row, or has a
        cell that is no number.
    """
    try:
        lines = io.StringIO(content.decode("utf-8-sig"), newline="")
        header, *rows = [row for row in csv.reader(lines) if row]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as a table ({error}): save it as CSV.") from None
    for row in rows:
        if len(row) != len(header):
            raise InputError(
                f"{file}: the row of {row[0]} has {len(row)} columns and the header {len(header)}: "
                "give it as many."
            )
    if len(set(header)) < len(header):
        raise InputError(f"{file}: two columns have one name: rename one.")
    chosen = rows_of(wanted, [row[0] for row in rows], file, others)
    names = tuple(name for name in header[1:] if name != "identity")
    values = np.empty((len(wanted), len(names)), np.float32)
    for column, name in enumerate(names):
        where = header.index(name)
        values[:, column] = [_number(rows[i][where], name, rows[i][0], file) for i in chosen]
    identities = None
    if "identity" in header[1:]:
        where = header.index("identity", 1)
        people = np.array([rows[i][where].strip() for i in chosen])
        _, identities = np.unique(people, return_inverse=True)
        identities = np.where(people == "", -1, identities).astype(np.int32)
    return Table(names, from_signs(values), identities)


def of_array(values: np.ndarray, names: np.ndarray | None, what: str) -> Table:
    """Returns an array [N, A] of known factors as attributes.

    Args:
      values: [N, A] or, of one factor, [N].
      names: [A] text; None names them factor_0, factor_1, ....
      what: the array, for messages.

    Raises:
      InputError: the array has another shape, values that are no finite numbers, or other names.
    """
    if values.ndim not in (1, 2) or not values.size:
        raise InputError(f"{what} has the shape {values.shape}: give factors [N, A].")
    values = values.reshape(len(values), -1)
    if values.dtype.kind not in "iufb":
        raise InputError(f"{what} is {values.dtype}: give numbers, for classes 0, 1, ....")
    if bad := int((~np.isfinite(values)).any(1).sum()):
        raise InputError(
            f"{what} has NaN or infinity in {bad} of {len(values)} rows: leave out the examples "
            "whose factors are not known."
        )
    width = values.shape[1]
    known = [f"factor_{i}" for i in range(width)] if names is None else np.ravel(names).tolist()
    if len(set(known)) < width or len(known) > width or not all(isinstance(x, str) for x in known):
        raise InputError(
            f"{what} has {width} columns, and `factor_names` are {len(set(known))} different "
            "ones: give a text for each."
        )
    return Table(tuple(known), values.astype(np.float32), None)


def as_number(text: str) -> np.float32:
    """Returns the number in a text; NaN where it is no number, as 1_0, which Python would read."""
    try:
        with np.errstate(over="ignore"):
            return np.float32("nan" if "_" in text else text)
    except ValueError:
        return np.float32(np.nan)


def _number(text: str, column: str, row: str, table: Path) -> float:
    """Returns the number in a cell.

    Raises:
      InputError: the cell has no finite number.
    """
    number = as_number(text)
    if not np.isfinite(number):
        found = f"{text!r}, which is no finite number" if text.strip() else "nothing"
        raise InputError(
            f"{table}: {column} of {row} is {found}: give a number, or leave the column or the "
            "example out."
        )
    return float(number)


def rows_of(
    wanted: Sequence[str], files: Sequence[str], table: Path, others: Collection[str] = ()
) -> list[int]:
    """Returns the row of each of the `wanted` files in a table with one row for each of `files`.

    An accented letter may be one character or two (as on a Mac), and a byte that is no text may be
    written as `readable` shows it.

    Raises:
      InputError: a wanted file has no row or two, or a row is neither of `wanted` nor of `others`.
    """
    exact = {*wanted, *others}
    written = {_composed(readable(name)): name for name in exact}
    files = [name if name in exact else written.get(_composed(name), name) for name in files]
    rows = {name: row for row, name in enumerate(files)}
    if len(rows) < len(files):
        twice = next(name for row, name in enumerate(files) if rows[name] != row)
        raise InputError(f"{table} has two rows of {twice}: remove one.")
    if missing := [name for name in wanted if name not in rows]:
        raise InputError(
            f"{table} has no row of {_few(missing, len(wanted))}: add what is missing."
        )
    if unknown := rows.keys() - set(wanted) - set(others):
        raise InputError(
            f"{table} has rows of files that are not there, {_few(sorted(unknown), len(rows))}: "
            "fetch the files again, or remove the rows."
        )
    return [rows[name] for name in wanted]


def from_signs(values: np.ndarray) -> np.ndarray:
    """Returns attributes [N, A] float32, where columns of only -1 and 1 have become 0 and 1."""
    signed = (np.abs(values) == 1).all(0) & (values == -1).any(0)
    return np.where(signed, (values + 1) / 2, values).astype(np.float32)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _few(names: Sequence[str], total: int) -> str:
    """Returns the first name, and how many more of a total there are."""
    first = readable(names[0])
    return f"{first} and {len(names) - 1} more, of {total}" if names[1:] else names[0]
