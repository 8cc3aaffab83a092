"""Which examples a step sees, a pure function of (seed, step).

The batch of step s has the positions p = s B + j, j = 0..B-1; position p lies in epoch p // N; and
an epoch is a permutation of the N examples keyed by (seed, epoch). Batches straddle epochs, so
every example is seen once an epoch and none is dropped. A run saves and restores its step; nothing
else is needed here.

Examples of different lengths are batched with others of like lengths. Step s belongs to the window
s // W: the examples of the W batches of a window are sorted by (epoch, length) and cut into batches
anew, whose order is a permutation keyed by (seed, window). The batches of one call stay neighbours.
The epoch comes first, or an example that a window has from two epochs would be its own neighbour.
"""

from __future__ import annotations

import functools

import numpy as np

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


def _generator(seed: int, number: int) -> np.random.Generator:
    key = np.array([seed % 2**64, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


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
