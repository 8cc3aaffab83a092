"""Matrices of counts [N, F] of which rows are read: in memory as a sparse matrix, or in a file.

Both give rows as a sparse matrix; only what is asked for is ever made dense.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy import sparse

ROWS = 4096  # read at once where all are


class Matrix(Protocol):
    """Counts [N, F], read by row."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def rows(self, indices: np.ndarray) -> sparse.csr_array:
        """Returns the rows at indices, in their order; any number of threads may call this."""


@dataclass(frozen=True)
class InMemory:
    """Counts in memory."""

    values: sparse.csr_array

    @property
    def shape(self) -> tuple[int, int]:
        return self.values.shape

    def rows(self, indices: np.ndarray) -> sparse.csr_array:
        return self.values[indices]


@dataclass
class InFile:
    """Counts in an HDF5 file, a dense array or compressed sparse rows; only `ends` is in memory.

    Attributes:
      file: the file, which is opened when it is first read.
      name: the array or the group in it.
      shape: [N, F].
      ends: [N + 1], where the entries of each row begin and end; None for a dense array.
    """

    file: Path
    name: str
    shape: tuple[int, int]
    ends: np.ndarray | None
    opened: dict[str, Any] = field(default_factory=dict)
    lock: Any = field(default_factory=threading.Lock)

    def rows(self, indices: np.ndarray) -> sparse.csr_array:
        own, back = np.unique(indices, return_inverse=True)  # HDF5 reads in increasing order
        with self.lock:
            found = self._dense(own) if self.ends is None else self._sparse(own, self.ends)
        return found[back]

    def _node(self) -> Any:
        if "node" not in self.opened:
            import h5py

            self.opened["node"] = h5py.File(self.file, "r")[self.name]
        return self.opened["node"]

    def _dense(self, rows: np.ndarray) -> sparse.csr_array:
        return sparse.csr_array(np.concatenate([self._node()[a:b] for a, b in runs(rows)]))

    def _sparse(self, rows: np.ndarray, ends: np.ndarray) -> sparse.csr_array:
        node = self._node()
        spans = [slice(ends[a], ends[b]) for a, b in runs(rows)]
        data, columns = (
            np.concatenate([node[part][span] for span in spans]) for part in ("data", "indices")
        )
        starts = np.concatenate([[0], np.cumsum(ends[rows + 1] - ends[rows])])
        return sparse.csr_array((data, columns, starts), shape=(len(rows), self.shape[1]))


def runs(rows: np.ndarray) -> list[tuple[int, int]]:
    """Returns the first row, and the one after the last, of each run of consecutive rows."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    bounds = [0, *breaks.tolist(), len(rows)]
    return [(int(rows[a]), int(rows[b - 1]) + 1) for a, b in itertools.pairwise(bounds)]


def chunks(matrix: Matrix, rows: np.ndarray) -> Iterator[sparse.csr_array]:
    """Yields all of some rows, in the order in which they lie in a file."""
    rows = np.sort(rows)
    for i in range(0, len(rows), ROWS):
        yield matrix.rows(rows[i : i + ROWS])
