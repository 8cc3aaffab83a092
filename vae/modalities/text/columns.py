"""Texts in a column of a table: a .csv or .tsv file with a header, or one for each split.

    text,label
    "A fine film, all told.",good
    Dull.,bad

- `data.text_column` is the column with the texts; where it is not given, the one named `text` or
  `sentence`.
- `data.label_column` is the column with the classes: whole numbers or, if one is written
  otherwise (01, 1.0), names. An empty cell is none. A table without that column has no labels.
- Commas, semicolons, tabs or bars stand between the columns of a .csv, tabs between those of a
  .tsv; quotes are as spreadsheets write them. A .tsv may also have none: where a quote that begins
  a cell would swallow rows, quotes are characters like others.
- A row without a text is left out. All else is as in `files.py`.

A table without such a column, or with nothing but numbers in it, is one of numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from vae.data.columns import LABEL
from vae.data.examples import Source
from vae.data.labels import numbered
from vae.data.splits import files_by_split
from vae.errors import InputError, did_you_mean, readable
from vae.files import check_file, check_memory
from vae.modalities.text.examples import labelled
from vae.modalities.text.files import check_encoding
from vae.modalities.text.sentences import clean

SUFFIXES = (".csv", ".tsv")
NAMES = ("text", "sentence")
DELIMITERS = ",;\t|"
_LOOKED_AT = 200  # rows that say whether a column is text
_BEGINNING = 2**20  # bytes that hold so many rows, unless these are long
_UNPACKED = 20  # bytes that cells take in memory for each byte of the file


class Columns(NamedTuple):
    """A table of text: its header, its rows, and the number of each row; the header is row 1."""

    header: list[str]
    rows: list[list[str]]
    numbers: list[int]


def is_text(path: Path, config: ConfigDict) -> bool:
    """Returns whether a table, or that in a directory of nothing else, has a column of text.

    Where a column is named, it is.
    """
    try:
        file = next(iter(_files(path).values()))
        if config.text_column or file.suffix.lower() == ".tsv":  # no other kind of data reads it
            return True
        check_file(file)
        with open(file, "rb") as opened:
            beginning = opened.read(_BEGINNING)
        text = beginning.decode("utf-8-sig", "replace")
        whole = len(beginning) < _BEGINNING
        found = _parsed(text if whole else text.rpartition("\n")[0], file, _LOOKED_AT)
    except (OSError, StopIteration, InputError):
        return False
    return bool(_column(found, config))


def read(path: Path, config: ConfigDict) -> Source:
    """Returns the texts of a table, or of a directory of these.

    Raises:
      InputError: a table cannot be read, or has no column of text.
    """
    texts, labels = {}, {}
    for split, file in _files(path).items():
        base = split or "train"
        texts[base], labels[base], _ = _read(file, config, labelled=True)
    return labelled(texts, numbered(labels), f"text {readable(path)}", config)


def read_file(file: Path, config: ConfigDict) -> tuple[list[str], list[str]]:
    """Returns the texts of a table, one for each row that has one, and a name for each.

    Raises:
      InputError: the table cannot be read, or has no column of text.
    """
    texts, _, numbers = _read(file, config, labelled=False)
    found = [(text, number) for text, number in zip(texts, numbers, strict=True) if clean(text)]
    return [text for text, _ in found], [f"{readable(file)} row {number}" for _, number in found]


def _read(
    file: Path, config: ConfigDict, *, labelled: bool
) -> tuple[list[str], np.ndarray | None, list[int]]:
    """Returns the texts of a table, its labels and the numbers of its rows.

    With `labelled` it must have the column of labels that a config names.
    """
    check_file(file)
    check_memory(_UNPACKED * file.stat().st_size, readable(file))
    content = file.read_bytes()
    check_encoding(content, file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{file}: line {line} is not UTF-8: save it as UTF-8.") from None
    found = _parsed(text, file)
    if not found.rows:
        raise InputError(f"{file} has no rows below its header: give some, or leave it out.")
    name = _column(found, config)
    if not name:
        hint = did_you_mean(config.text_column, found.header) if config.text_column else "."
        wanted = config.text_column or "text"
        raise InputError(
            f"{file} has no column {wanted!r} of texts, only {_few(found.header)}: name one of "
            f"them as data.text_column{hint}"
        )
    column = found.header.index(name)
    labels = None
    if labelled and config.label_column not in (LABEL, *found.header):
        raise InputError(
            f"{file} has no column {config.label_column!r}, which data.label_column names; there "
            f"are {_few(found.header)}{did_you_mean(config.label_column, found.header)}"
        )
    if config.label_column in found.header:
        where = found.header.index(config.label_column)
        labels = np.array([row[where].strip() for row in found.rows])
    return [row[column] for row in found.rows], labels, found.numbers


def _few(header: Sequence[str]) -> str:
    few = [name if len(name) <= 40 else f"{name[:40]}..." for name in header[:8]]
    return ", ".join([*few, "..."] if len(header) > 8 else few)


def _files(path: Path) -> dict[str, Path]:
    """Returns the tables at a path by base split, of one suffix; {} where there is none."""
    if not path.is_dir():
        return {"": path} if path.suffix.lower() in SUFFIXES else {}
    seen = [file for file in path.iterdir() if not file.name.startswith(".")]
    suffixes = {file.suffix for file in seen}
    if len(suffixes) != 1 or not suffixes <= {*SUFFIXES}:
        return {}
    return files_by_split(path, suffixes.pop())


def _parsed(text: str, file: Path, most: int | None = None) -> Columns:
    """Returns the header and the rows of a table, at most so many.

    Raises:
      InputError: it is no such table.
    """
    first = re.sub(r'"[^"]*("|$)', "", text.partition("\n")[0])
    tabs = file.suffix.lower() == ".tsv"
    delimiter = "\t" if tabs else max(DELIMITERS, key=first.count)
    ways = [csv.QUOTE_MINIMAL, csv.QUOTE_NONE] if tabs else [csv.QUOTE_MINIMAL]
    found = []
    before = csv.field_size_limit(2**31 - 1)
    try:
        for way in ways:
            try:
                found.append(_rows(text, file, delimiter, way, most))
            except InputError as error:
                reason = error
    finally:
        csv.field_size_limit(before)
    if not found:
        raise reason
    return max(found, key=lambda each: len(each.rows))  # with quotes, where both have as many


def _rows(text: str, file: Path, delimiter: str, quoting: Any, most: int | None) -> Columns:
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True
    )
    rows: list[list[str]] = []
    numbers = []
    try:
        header = [name.strip() for name in next(reader, [])]
        for number, row in enumerate(reader, 2):
            if not any(map(str.strip, row)):
                continue
            if len(row) != len(header):
                raise InputError(
                    f"{file}: line {reader.line_num} has {len(row)} cells and the header "
                    f"{len(header)}: give it as many."
                )
            rows.append(row)
            numbers.append(number)
            if len(rows) == most:
                break
    except csv.Error as error:
        raise InputError(
            f"{file} cannot be read as a table (line {reader.line_num}: {error}): save it as CSV "
            "in UTF-8."
        ) from None
    if len(set(header)) < len(header):
        raise InputError(f"{file}: two columns have one name: rename one.")
    return Columns(header, rows, numbers)


def _column(found: Columns, config: ConfigDict) -> str:
    """Returns the name of the column of text; "" where there is none."""
    if config.text_column:
        return config.text_column if config.text_column in found.header else ""
    cells = dict(zip(found.header, zip(*found.rows, strict=True), strict=False))
    return next((name for name in NAMES if name in cells and not _are_numbers(cells[name])), "")


def _are_numbers(column: Sequence[str]) -> bool:
    try:
        for cell in column:
            float(cell or "0")
    except ValueError:
        return False
    return True
