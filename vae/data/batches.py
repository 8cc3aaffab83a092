"""Which examples a step sees, and reading them ahead.

The batch of step s is a pure function of (seed, s): it has the positions p = s B + j, j = 0..B-1;
position p lies in epoch p // N; and an epoch is a permutation of the N examples keyed by (seed,
epoch). Batches straddle epochs, so every example is seen once an epoch and none is dropped. A run
saves and restores its step; nothing else is needed here.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vae import terminal
from vae.data.examples import Examples, Raw, read_complete


def indices(
    step: int,
    *,
    num_examples: int,
    batch_size: int,
    seed: int,
    process_index: int = 0,
    process_count: int = 1,
) -> np.ndarray:
    """Returns the indices of a step's examples, int32 [batch_size / process_count].

    Process i of n gets the i-th of n equal, contiguous pieces of the batch.

    Raises:
      ValueError: the processes do not divide the batch.
    """
    rows = _rows(batch_size, process_index, process_count)
    positions = step * batch_size + np.arange(rows.start, rows.stop, dtype=np.int64)
    epochs, offsets = np.divmod(positions, num_examples)
    result = np.empty(len(positions), np.int32)
    for epoch in range(int(epochs[0]), int(epochs[-1]) + 1):
        here = epochs == epoch
        result[here] = _permutation(num_examples, seed, epoch)[offsets[here]]
    return result


def _rows(batch_size: int, process_index: int, process_count: int) -> range:
    if batch_size % process_count:
        raise ValueError(f"{process_count} processes do not divide a batch of {batch_size}.")
    size = batch_size // process_count
    return range(process_index * size, (process_index + 1) * size)


@functools.lru_cache(maxsize=4)  # this epoch and the next, for training and one other set
def _permutation(num_examples: int, seed: int, epoch: int) -> np.ndarray:
    key = np.array([seed % 2**64, epoch], np.uint64)
    order = np.random.Generator(np.random.Philox(key=key)).permutation(num_examples)
    order = order.astype(np.int32)
    order.setflags(write=False)
    return order


class HostBatch(NamedTuple):
    """Examples on their way to the device.

    Attributes:
      index: [b] int32, the examples' indices in their set.
      raw: the examples; None where they are gathered from a table on the device.
      counted: [b] bool, False for examples that an evaluation leaves out; None in training.
    """

    index: Any
    raw: Raw | None = None
    counted: np.ndarray | None = None


class Batches:
    """The training batches of one process.

    Where the examples have a table on the device, a batch is their `index` alone. Otherwise it has
    the `raw` examples, which `threads` threads read `depth` steps ahead; the next readable example
    stands in for one that cannot be decoded.

    Steps may be asked for in any order; consecutive steps are fast. Use as a context manager, or
    call `close`.
    """

    def __init__(
        self,
        examples: Examples,
        *,
        batch_size: int,
        seed: int,
        threads: int = 4,
        depth: int = 0,
        process_index: int = 0,
        process_count: int = 1,
    ):
        self._examples = examples
        self._resident = examples.table() is not None
        self._depth = depth or threads + 2
        self._indices = functools.partial(
            indices,
            num_examples=len(examples),
            batch_size=batch_size,
            seed=seed,
            process_index=process_index,
            process_count=process_count,
        )
        self._ahead: dict[int, Future[HostBatch]] = {}
        self._pool: ThreadPoolExecutor | None = None
        if not self._resident:
            self._pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="data")

    def batch(self, step: int) -> HostBatch:
        """Returns the batch of a step, and raises what reading it ahead raised."""
        if self._resident:
            return HostBatch(self._indices(step))
        if self._pool is None:
            raise RuntimeError("The batches have been closed.")
        wanted = range(step, step + self._depth)
        for other in [s for s in self._ahead if s not in wanted]:
            self._ahead.pop(other).cancel()
        for other in wanted:
            if other not in self._ahead:
                self._ahead[other] = self._pool.submit(self._read, other)
        return self._ahead.pop(step).result()

    def _read(self, step: int) -> HostBatch:
        index = self._indices(step)
        return HostBatch(index, read_complete(self._examples, index)[0])

    def close(self) -> None:
        """Drops what was read ahead and ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
            self._ahead.clear()

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def evaluation_batches(
    examples: Examples,
    batch_size: int,
    *,
    threads: int = 4,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[HostBatch]:
    """Yields every example once and in order, in batches of one shape, b = batch_size / processes.

    `raw` is None where the examples have a table. `counted` is False for the padding of the last
    batch (index 0, values 0) and for examples that cannot be decoded: leave those out of every
    mean.
    """
    rows = _rows(batch_size, process_index, process_count)
    resident = examples.table() is not None

    def read(start: int) -> HostBatch:
        index = np.arange(start + rows.start, min(start + rows.stop, len(examples)))
        raw, ok = examples.read(index)
        padding = len(rows) - len(index)
        batch = HostBatch(index.astype(np.int32), None if resident else raw, ok)
        if not padding:
            return batch
        return jax.tree.map(
            lambda column: np.concatenate(
                [column, np.zeros((padding, *column.shape[1:]), column.dtype)]
            ),
            batch,
        )

    with ThreadPoolExecutor(max(1, threads), thread_name_prefix="data") as pool:
        ahead: deque[Future[HostBatch]] = deque()
        try:
            for start in range(0, len(examples), batch_size):
                ahead.append(pool.submit(read, start))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def given_batches(raw: Raw, size: int) -> Iterator[HostBatch]:
    """Yields examples in memory in batches of one size; the last one's padding is not counted."""
    number = len(raw.values)
    for start in range(0, number, size):
        index = np.arange(start, start + size, dtype=np.int32)
        yield HostBatch(index, _batch(raw, start, size), counted=index < number)


def apply_in_batches(function: Callable[[Any], Any], inputs: Any, size: int, doing: str) -> Any:
    """Applies a compiled function to leaves [N, ...] in batches of one shape.

    Args:
      function: takes and returns a tree of leaves [min(size, N), ...].
      inputs: a tree of leaves [N, ...].
      size: the most examples a call.
      doing: what it does, for the progress line.

    Returns:
      The function's outputs on the host, leaves [N, ...].
    """
    number = len(jax.tree.leaves(inputs)[0])
    size = min(size, number)
    parts = []
    # One batch is soon done: many calls of one batch each do not show a line each.
    shown = terminal.Progress(doing, number, "examples") if number > size else None
    with shown or contextlib.nullcontext():
        for start in range(0, number, size):
            parts.append(jax.device_get(function(_batch(inputs, start, size))))
            if shown:
                shown.at(min(start + size, number))
    return jax.tree.map(lambda *x: np.concatenate(x)[:number], *parts)


def _batch(tree: Any, start: int, size: int) -> Any:
    """Returns `size` examples of leaves [N, ...], repeating the last one where none are left."""

    def rows(x: Any) -> Any:
        x = x[start : start + size]
        return x if len(x) == size else jnp.concatenate([x, jnp.repeat(x[-1:], size - len(x), 0)])

    return jax.tree.map(rows, tree)
