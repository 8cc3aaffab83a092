"""Which examples a step sees, a pure function of (seed, step).

The batch of step s has the positions p = s B + j, j = 0..B-1; position p lies in epoch p // N; and
an epoch is a permutation of the N examples keyed by (seed, epoch). Batches straddle epochs, so
every example is seen once an epoch and none is dropped. A run saves and restores its step; nothing
else is needed here.

Examples of different lengths are batched with others of like lengths. Step s belongs to the window
s // W: the examples of the W batches of a window are sorted by (epoch, length) and cut into batches
anew, whose order is a permutation keyed by (seed, window). The batches of one call stay neighbours.
The epoch comes first, or an example that a window has from two epochs would be its own neighbour.

Examples that are read by blocks (a row group of a Parquet file) are shuffled by blocks and windows.
An epoch is a row of all blocks, in an order keyed by (seed, epoch), cut into windows of S blocks;
the examples of a window are permuted, keyed by (seed, epoch, window). A batch takes its examples
from L places of the row at once: the l-th piece of every batch goes through the l-th piece of the
row. So a batch has examples of L S blocks, only these are in memory, a process that has some of the
pieces of a batch reads only their blocks, and each example is still seen once an epoch. How many
blocks there are at a time, L S, follows from their size alone.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

BUFFER = 2**27  # bytes of the blocks from which batches are taken at a time
LANES = 16  # L, where so many blocks fit
WINDOW = 50  # calls of the step; 4% of the positions are then padding, if they are of sentences


def indices(step: int, *, num_examples: int, batch_size: int, seed: int) -> np.ndarray:
    """Returns the indices of a step's examples, int32 [batch_size]."""
    positions = step * batch_size + np.arange(batch_size, dtype=np.int64)
    epochs, offsets = np.divmod(positions, num_examples)
    result = np.empty(len(positions), np.int32)
    for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
        here = epochs == epoch
        result[here] = _permutation(num_examples, seed, epoch)[offsets[here]]
    return result


@functools.lru_cache(maxsize=4)  # this epoch and the next, for training and one other set
def _permutation(num_examples: int, seed: int, epoch: int) -> np.ndarray:
    order = _generator(seed, epoch).permutation(num_examples).astype(np.int32)
    order.setflags(write=False)
    return order


def _generator(seed: int, number: int, part: int = 0) -> np.random.Generator:
    key = np.array([seed % 2**64, number], np.uint64)
    counter = np.array([0, 0, 0, part], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


class LikeLengths:
    """Batches of like lengths.

    Args:
      lengths: [N], the lengths of the examples.
      batch_size: B.
      seed: the seed of the order.
      together: S, the steps of a call, from each multiple of S on: they have like lengths as well.
    """

    def __init__(
        self, lengths: np.ndarray, *, batch_size: int, seed: int, together: int = 1
    ) -> None:
        self._lengths, self._seed = lengths, seed
        # No longer than an epoch, or a batch would have an example more than once.
        calls = min(WINDOW, len(lengths) // (batch_size * together))
        self._shape = (max(1, calls), together, batch_size)
        self._window = functools.lru_cache(maxsize=2)(self._make_window)

    def indices(self, step: int) -> np.ndarray:
        """Returns the indices of a step's examples, int32 [B]."""
        calls, together, _ = self._shape
        window, row = divmod(step, calls * together)
        return self._window(window)[row]

    def _make_window(self, window: int) -> np.ndarray:
        size = int(np.prod(self._shape))
        index = indices(window, num_examples=len(self._lengths), batch_size=size, seed=self._seed)
        epochs = (window * size + np.arange(size, dtype=np.int64)) // len(self._lengths)
        index = index[np.lexsort((self._lengths[index], epochs))].reshape(self._shape)
        # The other half of the numbers is that of the epochs.
        index = _generator(self._seed, 2**63 + window).permutation(index)
        return index.reshape(-1, self._shape[-1])


class Blocks(NamedTuple):
    """Examples that are read together.

    Attributes:
      starts: [K + 1], where each block of consecutive examples begins, and the number of examples.
      nbytes: the most bytes that a block takes in memory.
    """

    starts: np.ndarray
    nbytes: int


class ByBlocks:
    """Batches of examples that are read by blocks.

    Args:
      blocks: the blocks.
      batch_size: B.
      seed: the seed of the order.
    """

    def __init__(self, blocks: Blocks, *, batch_size: int, seed: int) -> None:
        self._blocks, self._size, self._seed = blocks, batch_size, seed
        held = max(1, BUFFER // max(1, blocks.nbytes))
        lanes = min(LANES, held)
        self._span = held // lanes
        self._pieces = np.arange(lanes + 1) * batch_size // lanes  # of a batch
        self._row = functools.lru_cache(maxsize=2)(self._make_row)
        self._window = functools.lru_cache(maxsize=4 * lanes)(self._make_window)

    def indices(self, step: int) -> np.ndarray:
        """Returns the indices of a step's examples, int32 [B]."""
        positions = step * self._size + np.arange(self._size, dtype=np.int64)
        epochs = positions // self._blocks.starts[-1]
        result = np.empty(len(positions), np.int32)
        for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
            here = epochs == epoch
            result[here] = self._in_row(epoch, self.places(epoch, positions[here]))
        return result

    def places(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        """Returns the place in the row of an epoch of each of its positions [n]."""
        number = int(self._blocks.starts[-1])
        first, last = self._seen(np.array([epoch, epoch + 1]) * number)
        starts = np.cumsum(last - first) - (last - first)
        lane = np.searchsorted(self._pieces, positions % self._size, side="right") - 1
        seen = self._seen(positions)[np.arange(len(positions)), lane]
        return starts[lane] + seen - first[lane]

    def _seen(self, positions: np.ndarray) -> np.ndarray:
        """Returns how many positions before each [n] belong to each piece of a batch, [n, L]."""
        whole, rest = np.divmod(positions[:, None], self._size)
        sizes = np.diff(self._pieces)
        return whole * sizes + np.clip(rest - self._pieces[:-1], 0, sizes)

    def _in_row(self, epoch: int, places: np.ndarray) -> np.ndarray:
        _, starts = self._row(epoch)
        windows = np.searchsorted(starts, places, side="right") - 1
        result = np.empty(len(places), np.int32)
        for window in np.unique(windows).tolist():
            here = windows == window
            result[here] = self._window(epoch, window)[places[here] - starts[window]]
        return result

    def _make_row(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the blocks in the order of an epoch, and where its windows begin."""
        sizes = np.diff(self._blocks.starts)
        order = _generator(self._seed, epoch).permutation(len(sizes))
        starts = np.cumsum(sizes[order]) - sizes[order]
        return order, starts[:: self._span]

    def _make_window(self, epoch: int, window: int) -> np.ndarray:
        order, _ = self._row(epoch)
        starts = self._blocks.starts
        blocks = order[window * self._span : (window + 1) * self._span].tolist()
        index = np.concatenate([np.arange(starts[k], starts[k + 1]) for k in blocks])
        return _generator(self._seed, epoch, window + 1).permutation(index).astype(np.int32)
