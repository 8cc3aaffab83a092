"""Blocks of records in memory: those that were used last, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np

from vae.data.order import BUFFER

LIMIT = 2 * BUFFER  # bytes: those of one window of each lane, and of the next
_FEWEST = 2  # blocks that are held however large they are, or threads would evict each other's


class Block(NamedTuple):
    """The columns of a block, and the bytes that they take."""

    columns: list[Any]
    nbytes: int


class Held:
    """Reads blocks and holds the last ones; threads that want the same one wait for its first.

    Args:
      read: returns a block by its number.
      bounds: [K + 1], where blocks begin.
    """

    def __init__(self, read: Callable[[int], Block], bounds: np.ndarray) -> None:
        self._read, self._bounds = read, bounds
        self._blocks: OrderedDict[int, Future[Block]] = OrderedDict()
        self._sizes: dict[int, int] = {}
        self._lock = threading.Lock()

    def read(self, records: np.ndarray) -> list[Any]:
        """Returns the columns of records [n], see `Reader`."""
        blocks = np.searchsorted(self._bounds, records, side="right") - 1
        rows = records - self._bounds[blocks]
        wanted, where = np.unique(blocks, return_inverse=True)
        found = [self._block(number).columns for number in wanted.tolist()]
        if len(found) == 1:
            return [_rows(column, rows) for column in found[0]]
        return [
            _joined([column for column in columns], where, rows)
            for columns in zip(*found, strict=True)
        ]

    def _block(self, number: int) -> Block:
        with self._lock:
            future = self._blocks.get(number)
            if own := future is None:
                future = self._blocks[number] = Future()
            self._blocks.move_to_end(number)
        if own:
            try:
                block = self._read(number)
            except BaseException as error:
                with self._lock:
                    del self._blocks[number]
                future.set_exception(error)
                raise
            with self._lock:
                self._sizes[number] = block.nbytes
                self._evict()
            future.set_result(block)
        return future.result()

    def _evict(self) -> None:
        for number in list(self._blocks):
            if sum(self._sizes.values()) <= LIMIT or len(self._sizes) <= _FEWEST:
                break
            if number in self._sizes:  # the others are being read
                del self._blocks[number], self._sizes[number]


def _rows(column: Any, rows: np.ndarray) -> Any:
    if isinstance(column, np.ndarray):
        return column[rows]
    return [column[row] for row in rows.tolist()]


def _joined(columns: list[Any], where: np.ndarray, rows: np.ndarray) -> Any:
    if not isinstance(columns[0], np.ndarray):
        pairs = zip(where.tolist(), rows.tolist(), strict=True)
        return [columns[block][row] for block, row in pairs]
    joined = np.empty((len(rows), *columns[0].shape[1:]), columns[0].dtype)
    for block, column in enumerate(columns):
        here = where == block
        joined[here] = column[rows[here]]
    return joined
