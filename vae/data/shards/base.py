"""What every format of shards answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from vae.data.splits import digest

CONTENT, NUMBER, TEXT, ARRAY = "content", "number", "text", "array"  # kinds of columns
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class Reader(NamedTuple):
    """Reads some columns.

    Attributes:
      read: takes the numbers of records [n] and returns the columns, each a list of bytes (of
        contents) or an array [n, ...]; any thread may call it.
      nbytes: the most bytes that these columns of a block take in memory.
    """

    read: Callable[[np.ndarray], list[Any]]
    nbytes: int = 0


class Shards(Protocol):
    """The records in the files of one base split, numbered file after file.

    Attributes:
      what: the path that a person gave, for messages.
      names: the names [F] of the files, in order, below that path.
      starts: [F + 1], the number of the first record of each file, and of all records.
      columns: the kind of each column by its name; all records have the same.
      bounds: [K + 1], where each block of records that are read together begins, and their number;
        None where a record is read by itself.
    """

    what: str
    names: Sequence[str]
    starts: np.ndarray
    columns: Mapping[str, str]
    bounds: np.ndarray | None

    @abstractmethod
    def known(self, name: str) -> np.ndarray:
        """Returns a column of numbers (NaN: none) or texts ("": none) [N].

        Raises:
          InputError: a file cannot be read.
        """

    @abstractmethod
    def reader(self, names: Sequence[str]) -> Reader:
        """Returns what reads columns; it raises InputError where a file is damaged."""


def place(shards: Shards, record: int) -> str:
    """Returns where a record is, for messages: "train-0.tar record 12"."""
    file = int(np.searchsorted(shards.starts, record, side="right")) - 1
    return f"{shards.names[file]} record {record - int(shards.starts[file])}"


def hashed(shards: Shards) -> np.ndarray:
    """Returns the records [N] in the order of a hash of their place; blocks stay together.

    The hash of a record mixes that of its file's name with its number there (splitmix64).
    """
    sizes = np.diff(shards.starts)
    names = [
        int.from_bytes(digest(name.encode(errors="surrogateescape"))[:8]) for name in shards.names
    ]
    number = np.arange(sizes.sum()) - np.repeat(shards.starts[:-1], sizes)
    marks = _mixed(np.repeat(np.array(names, np.uint64), sizes) + number.astype(np.uint64))
    if shards.bounds is None:
        return np.argsort(marks, kind="stable")
    first = marks[shards.bounds[:-1]]  # of a block
    return np.lexsort((marks, np.repeat(first, np.diff(shards.bounds))))


def _mixed(x: np.ndarray) -> np.ndarray:
    x = x * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in zip((30, 27), _MIX, strict=True):
        x = (x ^ (x >> np.uint64(shift))) * factor
    return x ^ (x >> np.uint64(31))
