"""Tables as text: one row a line, under a header.

    alcohol,ash,label,identity          the names of the columns, each once; between them commas,
    14.2,2.43,Barolo,anna               semicolons, tabs or bars;
    13.2,2.14,,bert                     finite numbers, with a point; every cell has one

`label` is the class of a row, a number or a name, and `identity` whose row it is, for
`data.split_by`; both may be missing, or empty in some rows. Rows are counted as an editor and a
spreadsheet do: the header is row 1.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np

from vae.errors import InputError, readable
from vae.files import check_file, check_memory

LABEL, IDENTITY = "label", "identity"
DELIMITERS = ",;\t|"
LARGEST = float(np.finfo(np.float32).max) / 4  # the distance of two is a float32, too
MISSING = ("", "na", "n/a", "null", "none", "-", "?")  # as others write that there is none
UNPACKED = 20  # bytes of cells in memory for each of the file


class Rows(NamedTuple):
    """The rows of a table.

    Attributes:
      names: of the F columns.
      values: [N, F] float64, finite.
      labels: [N] of any kind, as `vae.data.labels.classes_of` takes them, or None.
      identities: [N] text, "" where it is not known, or None.
      where: [N] which row of its file each is, for messages.
    """

    names: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray | None
    identities: np.ndarray | None
    where: tuple[int, ...]


def read_csv(file: Path) -> Rows:
    """Returns the rows of a file, labels as text.

    Raises InputError for a file that is no such table, with the row and the column.
    """
    check_file(file)
    header, cells, where = _cells(file)
    _check_header(header, file)
    if not cells:
        raise InputError(f"{file} has a header and no rows: add some.")
    columns = dict(zip(header, zip(*cells, strict=True), strict=True))
    labels, identities = (
        np.array([cell.strip() for cell in columns.pop(name)]) if name in columns else None
        for name in (LABEL, IDENTITY)
    )
    if not columns:
        raise InputError(f"{file} has no column of values beside {' and '.join(header)}: add one.")
    values = np.stack([_numbers(x, name, where, file) for name, x in columns.items()], axis=1)
    return Rows(tuple(columns), values, labels, identities, tuple(where))


def write_csv(lines: TextIO, names: Sequence[str], values: np.ndarray) -> None:
    """Writes values [N, F] under a header; with the seven digits that float32 has at most."""
    # Where a name has what may stand between columns, quotes say what does.
    unclear = any(set(name) & set(DELIMITERS) for name in names)
    quoting = csv.QUOTE_ALL if unclear else csv.QUOTE_MINIMAL
    csv.writer(lines, lineterminator="\n", quoting=quoting).writerow(names)
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows([f"{value:.7g}" for value in row] for row in values)


def _cells(file: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Returns the header, the rows below it that are not blank, and which rows these are."""
    try:
        check_memory(UNPACKED * file.stat().st_size, readable(file))
        with open(file, newline="", encoding="utf-8-sig") as lines:
            first = lines.readline()
            lines.seek(0)
            unquoted = re.sub(r'"[^"]*("|$)', "", first)
            delimiter = max(DELIMITERS, key=unquoted.count)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
            cells, where = [], []
            for row in reader:
                if not any(map(str.strip, row)):
                    continue
                if len(row) != len(header):
                    raise InputError(
                        f"{file}: row {reader.line_num} has {len(row)} cells and the header "
                        f"{len(header)}: complete it."
                    )
                cells.append(row)
                where.append(reader.line_num)
    except (OSError, ValueError, csv.Error) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeError) else error
        raise InputError(
            f"{file} cannot be read as a table ({reason}): save it as CSV in UTF-8."
        ) from None
    return header, cells, where


def _check_header(header: Sequence[str], file: Path) -> None:
    if not header:
        raise InputError(f"{file} is empty: give a header and rows of numbers.")
    if all(_is_number(name) for name in header):
        raise InputError(
            f"{file}: row 1 is numbers, and not the names of the columns: add a header."
        )
    if "" in header:
        raise InputError(
            f"{file}: column {header.index('') + 1} has no name: name it, or, if it only counts "
            "the rows, leave it out (index=False of pandas)."
        )
    if twice := next((name for i, name in enumerate(header) if name in header[:i]), None):
        raise InputError(f"{file}: two columns are called {twice!r}: rename one.")


def _number(text: str) -> float:
    """The number that a text is, as spreadsheets write it: Python would also read 1_000."""
    if "_" in text:
        raise ValueError
    return float(text)


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def _numbers(
    cells: Sequence[str], column: str, where: Sequence[int], file: Path | str
) -> np.ndarray:
    """Returns a column [N] as numbers."""
    try:
        numbers = np.array([_number(cell) for cell in cells])
    except ValueError:
        numbers = np.array([_number(cell) if _is_number(cell) else math.nan for cell in cells])
    if len(bad := np.flatnonzero(~(np.abs(numbers) < LARGEST))):
        row = int(bad[0])
        raise InputError(_complaint(cells[row], f"{file}: row {where[row]}, column {column!r}"))
    return numbers


def _complaint(cell: str, place: str) -> str:
    """What is wrong with a cell that is no finite number, and what to do."""
    text = cell.strip()
    if text.lower() in MISSING:
        shown = f"{text!r}, no number" if text else "empty"
        return f"{place} is {shown}: give one, or leave out the row or the column."
    if _is_number(text):
        return (
            f"{place} is {text}, which is no finite number or too large: give one, or leave out "
            "the row or the column."
        )
    if text.count(",") == 1 and _is_number(text.replace(",", ".")):
        return f"{place} is {text!r}: write numbers with a point, {text.replace(',', '.')}."
    if _is_number(plain := re.sub("[,_' ]", "", text)):
        return f"{place} is {text!r}: write numbers without a mark of thousands, {plain}."
    return (
        f"{place} is {text[:40]!r}, which is no number: leave the column out, call it "
        f"{LABEL!r} if it is the class of a row, or give a column of 0 and 1 for each of its words."
    )
