"""Batches of examples: for training, read ahead; for evaluation; and of what is in memory.

Ragged examples (those with `Examples.lengths`) are batched with others of like lengths, and a batch
is cut to one of a few lengths that none of its examples exceeds, if the model takes any length.
Those that are read by blocks (`Examples.blocks`) come in an order that needs few of them at a time.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from vae import terminal
from vae.data.examples import Examples, Raw, read_complete
from vae.data.lengths import rounded
from vae.data.order import ByBlocks, LikeLengths, indices


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

    @property
    def positions(self) -> str:
        """Returns what a program is compiled for, of which ragged examples need a few."""
        if self.raw is None:
            return "all positions"
        return f"{self.raw.values.shape[self.index.ndim]} positions"


def stack(batches: Sequence[HostBatch]) -> HostBatch:
    """Stacks host batches; those that are cut shorter are padded with missing positions."""

    def one(*columns: np.ndarray) -> np.ndarray:
        shape = np.max([column.shape for column in columns], axis=0)
        return np.stack([_padded(column, shape) for column in columns])

    return jax.tree.map(one, *batches)


def _padded(column: np.ndarray, shape: np.ndarray) -> np.ndarray:
    further = shape - column.shape
    if not further.any():
        return column
    missing = np.nan if column.dtype.kind == "f" else -1
    return np.pad(column, [(0, n) for n in further], constant_values=missing)


class Batches:
    """The training batches of one process.

    Where the examples have a table on the device, a batch is their `index` alone. Otherwise it has
    the `raw` examples, which `threads` threads read `depth` steps ahead; the next readable example
    stands in for one that cannot be decoded. Process i of n gets the i-th of n equal, contiguous
    pieces of a batch.

    Steps may be asked for in any order; consecutive steps are fast. Use as a context manager, or
    call `close`.

    Args:
      examples: the training set.
      batch_size: examples in a batch, over all processes.
      seed: the seed of their order.
      together: steps of one call; ragged examples of these steps have like lengths.
      cut: whether ragged examples are cut.
      threads: threads that read.
      depth: steps read ahead; 0 for the threads and 2 more.
      process_index, process_count: this process, and how many there are.

    Raises:
      ValueError: the processes do not divide the batch.
    """

    def __init__(
        self,
        examples: Examples,
        *,
        batch_size: int,
        seed: int,
        together: int = 1,
        cut: bool = True,
        threads: int = 4,
        depth: int = 0,
        process_index: int = 0,
        process_count: int = 1,
    ):
        self._examples = examples
        self._resident = examples.table() is not None
        self._depth = depth or threads + 2
        self._rows = _rows(batch_size, process_index, process_count)
        self._cuts: np.ndarray | None = None
        self._indices: Callable[[int], np.ndarray]
        if examples.blocks is not None:
            self._indices = ByBlocks(examples.blocks, batch_size=batch_size, seed=seed).indices
        elif examples.lengths is None or not cut:
            self._indices = functools.partial(
                indices, num_examples=len(examples), batch_size=batch_size, seed=seed
            )
        else:
            self._cuts = rounded(examples.lengths)
            self._indices = LikeLengths(
                examples.lengths, batch_size=batch_size, seed=seed, together=together
            ).indices
        self._ahead: dict[int, Future[HostBatch]] = {}
        self._pool: ThreadPoolExecutor | None = None
        if not self._resident:
            self._pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="data")

    def batch(self, step: int) -> HostBatch:
        """Returns the batch of a step, and raises what reading it ahead raised."""
        if self._resident:
            return HostBatch(self._indices(step)[self._rows])
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
        own = index[self._rows]
        raw, _ = read_complete(self._examples, own)
        return HostBatch(own, _cut(raw, self._cuts, index))

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


def _rows(batch_size: int, process_index: int, process_count: int) -> slice:
    if batch_size % process_count:
        raise ValueError(f"{process_count} processes do not divide a batch of {batch_size}.")
    size = batch_size // process_count
    return slice(process_index * size, (process_index + 1) * size)


def _cut(raw: Raw, cuts: np.ndarray | None, index: np.ndarray) -> Raw:
    """Cuts examples to the longest of `cuts` [N] at an index, that of a whole batch."""
    if cuts is None:
        return raw
    return raw._replace(values=raw.values[:, : cuts[index].max()])


def evaluation_batches(
    examples: Examples,
    batch_size: int,
    *,
    cut: bool = True,
    threads: int = 4,
    process_index: int = 0,
    process_count: int = 1,
) -> Iterator[HostBatch]:
    """Yields every example once, in batches of as many examples, b = batch_size / processes.

    Examples are in order; ragged ones that are cut in that of their length, the longest first; and
    of those that are read by blocks, each of several processes has as few blocks as can be.

    `raw` is None where the examples have a table. `counted` is False for the padding of the last
    batch (index 0, values 0) and for examples that cannot be decoded: leave those out of every
    mean.
    """
    rows = _rows(batch_size, process_index, process_count)
    resident = examples.table() is not None
    order, cuts = _by_length(examples.lengths if cut else None, len(examples), batch_size)
    if examples.blocks is not None and process_count > 1:
        by_blocks = ByBlocks(examples.blocks, batch_size=batch_size, seed=0)
        order = by_blocks.places(0, np.arange(len(examples))).astype(np.int32)

    def read(start: int) -> HostBatch:
        whole = order[start : start + batch_size]
        index = whole[rows]
        raw, ok = examples.read(index)
        padding = rows.stop - rows.start - len(index)
        batch = HostBatch(index, None if resident else _cut(raw, cuts, whole), ok)
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


def _by_length(
    lengths: np.ndarray | None, number: int, size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the order [N] in which examples are evaluated, and to what each may be cut [N]."""
    if lengths is None:
        return np.arange(number, dtype=np.int32), None
    order = np.argsort(-lengths, kind="stable").astype(np.int32)
    cuts = np.empty_like(lengths)
    cuts[order] = np.repeat(rounded(lengths[order[::size]]), size)[:number]
    return order, cuts


def given_batches(raw: Raw, size: int, lengths: np.ndarray | None = None) -> Iterator[HostBatch]:
    """Yields examples in memory in batches of one size; the last one's padding is not counted.

    Args:
      raw: N examples.
      size: the number of examples in a batch.
      lengths: [N], where they are ragged; the longest come first.
    """
    number = len(raw.values)
    order, cuts = _by_length(lengths, number, size)
    raw = raw if cuts is None else raw.at(order)
    for start in range(0, number, size):
        index = np.arange(start, start + size)
        here = order[np.minimum(index, number - 1)]
        yield HostBatch(here, _cut(_batch(raw, start, size), cuts, here), index < number)


def apply_in_batches(
    function: Callable[[Any], Any],
    inputs: Any,
    size: int,
    doing: str,
    lengths: np.ndarray | None = None,
) -> Any:
    """Applies a compiled function to leaves [N, ...] in batches of one shape.

    Args:
      function: takes and returns a tree of leaves [min(size, N), ...].
      inputs: a tree of leaves [N, ...].
      size: the most examples a call.
      doing: what it does, for the progress line.
      lengths: [N], if the inputs are ragged examples, `Raw`: they are then cut, see above.

    Returns:
      The function's outputs on the host, leaves [N, ...].
    """
    number = len(jax.tree.leaves(inputs)[0])
    size = min(size, number)
    order, cuts = _by_length(lengths, number, size)
    if cuts is not None:
        inputs = inputs.at(order)
    parts = []
    # One batch is soon done: many calls of one batch each do not show a line each.
    shown = terminal.Progress(doing, number, "examples") if number > size else None
    with shown or contextlib.nullcontext():
        for start in range(0, number, size):
            some = _batch(inputs, start, size)
            if cuts is not None:
                some = _cut(some, cuts, order[start : start + size])
            parts.append(jax.device_get(function(some)))
            if shown:
                shown.at(min(start + size, number))
    made = jax.tree.map(lambda *x: np.concatenate(x)[:number], *parts)
    return made if cuts is None else jax.tree.map(lambda x: x[np.argsort(order)], made)


def _batch(tree: Any, start: int, size: int) -> Any:
    """Returns `size` examples of leaves [N, ...], repeating the last one where none are left."""

    def rows(x: Any) -> Any:
        x = x[start : start + size]
        return x if len(x) == size else jnp.concatenate([x, jnp.repeat(x[-1:], size - len(x), 0)])

    return jax.tree.map(rows, tree)
