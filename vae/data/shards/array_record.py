"""ArrayRecord: records by number. Each is a tf.train.Example, or an image or .npy file alone.

Files whose `group_size` is 1, as tensorflow-datasets writes them, are read record by record. In
others so many records are compressed together, and are a block.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from vae import terminal
from vae.data.shards import collected, index, tf_example
from vae.data.shards.base import CONTENT, Reader, Shards
from vae.data.shards.held import Block, Held
from vae.errors import InputError, readable
from vae.files import check_file

ALONE = "image"  # the column of records that are files
_AT_ONCE = 1024  # records read together while the index is built
_EXAMPLE = b"\n"  # the first byte of a tf.train.Example, and of no image file
_NUMPY = b"\x93NUMPY"


class ArrayRecordShards(Shards):
    """Records of files.

    Args:
      what: see `Shards`.
      files: the files, and their names.

    Raises:
      InputError: array_record is not installed, a file is damaged, or records differ in columns.
    """

    def __init__(self, what: str, files: Sequence[tuple[str, Path]]) -> None:
        self.what = what
        self.names = [name for name, _ in files]
        self._files = [path for _, path in files]
        self._readers = [_reader(path) for path in self._files]
        counts = [reader.num_records() for reader in self._readers]
        self.starts = np.cumsum([0, *counts])
        self._group = max(map(_group_size, self._readers))
        self._index = index.kept(files, self._build)
        contents = self._index["contents"].tolist()
        self.columns = collected.columns_of(self._index) | dict.fromkeys(contents, CONTENT)
        self._alone = bool(self._index["alone"])
        self.bounds = None
        if self._group > 1:
            firsts = [
                np.arange(start, stop, self._group)
                for start, stop in zip(self.starts[:-1], self.starts[1:], strict=True)
            ]
            self.bounds = np.concatenate([*firsts, self.starts[-1:]])

    def known(self, name: str) -> np.ndarray:
        return collected.known(self._index, name)

    def reader(self, names: Sequence[str]) -> Reader:
        if self.bounds is None:
            return Reader(functools.partial(self._read, tuple(names)))
        held = Held(functools.partial(self._block, tuple(names)), self.bounds)
        return Reader(held.read, int(self._index["largest"]) * self._group)

    def _read(self, names: tuple[str, ...], records: np.ndarray) -> list[list[bytes]]:
        found: list[bytes] = [b""] * len(records)
        of = np.searchsorted(self.starts, records, side="right") - 1
        for file in np.unique(of).tolist():
            rows = np.flatnonzero(of == file)
            wanted = (records[rows] - self.starts[file]).tolist()
            reader = self._readers[file]
            with _damage(self._files[file]):
                for row, record in zip(rows.tolist(), wanted, strict=True):
                    # A list of numbers would take five times as long, for it starts threads.
                    (found[row],) = reader.read(record, record + 1)
        return self._columns(names, found)

    def _block(self, names: tuple[str, ...], number: int) -> Block:
        bounds: Any = self.bounds
        start, stop = bounds[number : number + 2].tolist()
        file = int(np.searchsorted(self.starts, start, side="right")) - 1
        first = int(self.starts[file])
        with _damage(self._files[file]):
            found = self._readers[file].read(start - first, stop - first)
        columns = self._columns(names, found)
        return Block(columns, sum(len(value) for column in columns for value in column))

    def _columns(self, names: tuple[str, ...], records: Sequence[bytes]) -> list[list[bytes]]:
        if self._alone:
            return [list(records)]
        found = [tf_example.contents(record, names) for record in records]
        return [list(column) for column in zip(*found, strict=True)]

    def _build(self) -> dict[str, np.ndarray]:
        """Reads all records once; all must have the columns of the first."""
        found, total, largest = collected.Collected(), int(self.starts[-1]), 0
        contents: list[str] = []
        alone = False
        with terminal.Progress("building the index", total, "records") as progress:
            for file, (path, reader) in enumerate(zip(self._files, self._readers, strict=True)):
                start, stop = self.starts[file : file + 2].tolist()
                for begin in range(start, stop, _AT_ONCE):
                    end = min(begin + _AT_ONCE, stop)
                    with _damage(path):
                        records = reader.read(begin - start, end - start)
                    if not contents and records[0][:1] != _EXAMPLE:
                        alone, contents = True, [ALONE]
                    largest = max(largest, *map(len, records))
                    for number, record in enumerate([] if alone else records, begin - start):
                        what = f"{readable(path)} record {number}"
                        known, names = _parted(record, what)
                        contents = contents or names
                        if names != contents:
                            raise InputError(
                                f"{what} has the contents {', '.join(names) or 'none'}, and others "
                                f"{', '.join(contents)}: write all records with the same."
                            )
                        found.add(known, what)
                    progress.at(end)
        return found.arrays() | {
            "contents": np.array(contents, str),
            "alone": np.array(alone),
            "largest": np.array(largest),
        }


def _parted(record: bytes, what: str) -> tuple[dict[str, float | str], list[str]]:
    """Returns the numbers and short texts of a record, and the names of its contents, sorted."""
    try:
        decoded = tf_example.decode(record)
    except Exception:  # protobuf raises its own kinds
        raise InputError(f"{what} is no tf.train.Example, as others are: write it again.") from None
    known: dict[str, float | str] = {}
    contents = []
    for name, value in decoded.items():
        if isinstance(value, list):
            if len(value) == 1:
                known[name] = float(value[0])
        elif (text := _text(value)) is None:
            contents.append(name)
        else:
            known[name] = text
    return known, sorted(contents)


def _text(value: bytes) -> str | None:
    """Returns bytes as text; None where they are a content."""
    if value.startswith(_NUMPY) or b"\0" in value:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _reader(path: Path) -> Any:
    try:
        from array_record.python.array_record_module import ArrayRecordReader
    except ImportError:
        raise InputError(
            f"{readable(path)} needs array_record: run pip install 'vae-experiments[shards]'."
        ) from None
    check_file(path)
    with _damage(path):
        reader = ArrayRecordReader(str(path), "readahead_buffer_size:0,max_parallelism:0")
        if not reader.ok():
            raise ValueError("it has no footer")
        reader.num_records()
        return reader


def _group_size(reader: Any) -> int:
    found = re.search(r"group_size:(\d+)", reader.writer_options_string() or "")
    return int(found[1]) if found else 1


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turns what array_record raises for a damaged file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # array_record raises RuntimeError, IndexError and others
        reason = (str(error).splitlines() or [""])[0].split(" [")[0].rstrip(".")
        raise InputError(
            f"{readable(path)} cannot be read ({reason or type(error).__name__}): fetch or write "
            "it again."
        ) from None
