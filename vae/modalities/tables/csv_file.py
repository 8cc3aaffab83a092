"""Tables as text: a header, then one row a line.

    alcohol,ash,label,identity
    14.2,2.43,Barolo,anna
    13.2,2.14,,bert

- The header has the names of the columns, each once.
- Commas, semicolons, tabs or bars stand between columns.
- `label` is the class of a row, a number or a name; `identity` is whose row it is, for
  `data.split_by`. Both columns may be missing, or empty in some rows.
- Every other cell is a finite number, with a decimal point.

Messages count rows as an editor and a spreadsheet do: the header is row 1.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vae.data.attributes import Table
from vae.errors import InputError, readable
from vae.files import check_file, check_memory

LABEL, IDENTITY = "label", "identity"
DELIMITERS = ",;\t|"
LARGEST = float(np.finfo(np.float32).max) / 4  # so that the distance of two fits float32, too
MISSING = ("", "na", "n/a", "null", "none", "-", "?")  # cells that mean a missing value
UNPACKED = 20  # bytes that cells take in memory for each byte of the file


class Rows(NamedTuple):
    """The rows of a table.

    Attributes:
      names: the names of the F columns.
      values: [N, F] float64, finite.
      labels: [N] of any type, or attributes, as `vae.data.labels.classes_of` takes them, or None.
      identities: [N] text, "" where it is not known, or None.
      where: [N], the number of each row in its file, for messages.
    """

    names: tuple[str, ...]
    values: np.ndarray
    labels: np.ndarray | Table | None
    identities: np.ndarray | None
    where: tuple[int, ...]


def read_csv(file: Path) -> Rows:
    """Returns the rows of a file, with labels as text.

    Raises:
      InputError: the file is no such table; the message names the row and the column.
    """
    check_file(file)
    header, cells, where = read_cells(file)
    check_header(header, file)
    if not cells:
        raise InputError(f"{file} has a header and no rows: add some.")
    columns = dict(zip(header, zip(*cells, strict=True), strict=True))
    labels, identities = (
        np.array([cell.strip() for cell in columns.pop(name)]) if name in columns else None
        for name in (LABEL, IDENTITY)
    )
    if not columns:
        raise InputError(f"{file} has no column of values beside {' and '.join(header)}: add one.")
    values = np.stack([numbers_of(x, name, where, file) for name, x in columns.items()], axis=1)
    return Rows(tuple(columns), values, labels, identities, tuple(where))


def write_csv(lines: IO[str], names: Sequence[str], values: np.ndarray) -> None:
    """Writes values [N, F] under a header, with seven digits, as many as float32 has at most."""
    # Names are quoted where one of them contains a delimiter, to tell which delimiter it is.
    unclear = any(set(name) & set(DELIMITERS) for name in names)
    csv.writer(
        lines, lineterminator="\n", quoting=csv.QUOTE_ALL if unclear else csv.QUOTE_MINIMAL
    ).writerow(names)
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows([f"{value:.7g}" for value in row] for row in values)


def read_cells(file: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Returns the header, the rows below it that are not blank, and the numbers of these rows."""
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
                        f"{len(header)}: give it as many."
                    )
                cells.append(row)
                where.append(reader.line_num)
    except (OSError, ValueError, csv.Error) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeError) else error
        raise InputError(
            f"{file} cannot be read as a table ({reason}): save it as CSV in UTF-8."
        ) from None
    return header, cells, where


def check_header(header: Sequence[str], file: Path) -> None:
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
    """Returns the number in a text as spreadsheets write it: Python would also read 1_000."""
    if "_" in text:
        raise ValueError
    return float(text)


def _is_number(text: str) -> bool:
    try:
        _number(text)
    except ValueError:
        return False
    return True


def numbers_of(
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
    """Returns what is wrong with a cell that is no finite number, and what to do."""
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
        f"{LABEL!r} if it is the class of a row, give a column of 0 and 1 for each of its words, "
        "or, if its texts are the examples, name it as data.text_column."
    )
