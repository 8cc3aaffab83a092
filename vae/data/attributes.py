"""Attributes of examples from tables of text: numbers with names, each in its own unit.

The table of a folder of images is its attributes.csv:

    file,identity,Smiling,Age
    anna/1.jpg,anna,1,31              files relative to the folder, in any order, each image once;
    anna/2.jpg,anna,0.4,32            any numbers: networks are given them standardised, but for
    bert/1.jpg,bert,0,54              those from 0 to 1, as they are; a column of -1 and 1 alone is
                                      read as 0 and 1, no and yes; `identity` is who it is, a number
                                      or name, and may be blank or not there
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
    """What is known of N examples."""

    names: tuple[str, ...]  # of the A attributes
    values: np.ndarray  # [N, A] float32
    identities: np.ndarray | None  # [N] int32


def read_csv(file: Path, content: bytes, wanted: Sequence[str], others: Collection[str]) -> Table:
    """Returns the rows of the `wanted` files, in their order, of a table as above.

    `file` is where its `content` is from, for messages. The table may also have rows of `others`.
    Raises InputError for a table that cannot be read, rows that are of no file or missing, and
    values that are no attributes.
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
                "complete it."
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


def as_number(text: str) -> np.float32:
    """Returns the number that a text is; not a finite one where it is none."""
    try:
        with np.errstate(over="ignore"):
            return np.float32(text)
    except ValueError:
        return np.float32(np.nan)


def _number(text: str, column: str, row: str, table: Path) -> float:
    """Returns the number in a cell; raises InputError where there is none."""
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
    """Returns the row of each of `wanted` in a table whose rows are of `files`.

    A letter with an accent is the same in one character or in two, as on a Mac, and a byte that is
    no text is written as `readable` shows it. Raises InputError where one has none or two, and for
    a row of none of them, nor one of `others`.
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
    """Returns attributes [N, A] float32, with the columns of -1 and 1 alone as 0 and 1."""
    signed = (np.abs(values) == 1).all(0) & (values == -1).any(0)
    return np.where(signed, (values + 1) / 2, values).astype(np.float32)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _few(names: Sequence[str], total: int) -> str:
    """Returns how many of a total, and the first of them by name."""
    first = readable(names[0])
    return f"{first} and {len(names) - 1} more, of {total}" if names[1:] else names[0]
