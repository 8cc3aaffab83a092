"""What a data set is: examples that are read by index, and what their raw values mean.

A reader of a modality returns a `Source`: named base splits in a canonical order. `load` of
`vae.modalities` cuts the configured splits out of it and returns a `Dataset`. Where the examples
are kept, in memory or in files, never changes which they are or their order.
"""

from __future__ import annotations

import logging
import math
import threading
from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, Self

import jax
import numpy as np

from vae import terminal
from vae.data.scales import Scales, unit_scales
from vae.data.splits import digests
from vae.errors import InputError
from vae.probability.event import Event, Values

logger = logging.getLogger(__name__)

_HASHED_BYTES = 4 * 2**30  # more are not looked at for duplicates alone
MAX_UNREADABLE = 0.01  # of the files; beyond it the folder is taken to be broken, not scratched


class Raw(NamedTuple):
    """Examples as they are kept.

    Attributes:
      values: [n, *places, C] raw, see `vae/probability/event.py`.
      labels: classes [n] int32 (-1: none) or attributes [n, A] float32, each in its own unit.
      mask: [n, *places] bool, False of places that only fill up the shape; None where there are
        none.
    """

    values: np.ndarray
    labels: np.ndarray
    mask: np.ndarray | None = None

    def at(self, index: Any) -> Raw:
        """The examples of an index, of rows or as jax and numpy take it."""
        return jax.tree.map(lambda column: column[index], self)


class Examples(Protocol):
    """Labelled examples, read by index. What is not said otherwise: a byte a value, not in memory.

    `shape` is (*places, C). `identities` [N] int32 says whose they are (who is on a picture), where
    that is known: it is not given to models.
    """

    shape: tuple[int, ...]
    identities: np.ndarray | None

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """The size of all values as an array."""
        return len(self) * math.prod(self.shape)

    @abstractmethod
    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        """Returns the examples at `indices`, and ok [n] bool.

        An example that cannot be decoded has ok False and values of 0. Callable from any number of
        threads. Raises InputError when too many cannot be decoded.
        """

    @abstractmethod
    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        """Yields what tells these examples from others: names, labels, the content of a `sample`.

        The same bytes wherever the examples are kept now, and whatever reads them.
        """

    @abstractmethod
    def take(self, indices: np.ndarray) -> Self:
        """Returns the examples at `indices`, in that order."""

    @staticmethod
    def marks(splits: Sequence[Any]) -> list[list[Hashable]] | None:
        """Returns, for each of several splits, what equal examples have in common.

        None where that is not known, or takes too long to find out.
        """
        return None

    def table(self) -> Raw | None:
        """Returns all examples for the device to hold; None where they are too large for it."""
        return None


@dataclass(frozen=True)
class ArrayExamples(Examples):
    """Examples in memory, N of them; ok [N] bool.

    Where `ok` is False an example is a stand-in (see `read_complete`), not one of its own: training
    may see it, an evaluation leaves it out.
    """

    raw: Raw
    ok: np.ndarray
    resident: bool = False  # small enough for the device, see `table`
    identities: np.ndarray | None = None

    @property
    def values(self) -> np.ndarray:
        return self.raw.values

    @property
    def labels(self) -> np.ndarray:
        return self.raw.labels

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape[1:]

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def __len__(self) -> int:
        return len(self.ok)

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        return self.raw.at(indices), self.ok[indices]

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.labels.tobytes()
        for index in sample:
            yield self.values[index].tobytes()

    @staticmethod
    def marks(splits: Sequence[ArrayExamples]) -> list[list[Hashable]] | None:
        """Returns digests of the values, up to 4 GiB; without stand-ins."""
        if sum(examples.nbytes for examples in splits) > _HASHED_BYTES:
            return None
        return [digests(x.values[x.ok] if not x.ok.all() else x.values) for x in splits]

    def take(self, indices: np.ndarray) -> ArrayExamples:
        start, stop = (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 0)
        if np.array_equal(indices, np.arange(start, stop)):
            indices = slice(start, stop)  # a view
        identities = None if self.identities is None else self.identities[indices]
        return ArrayExamples(self.raw.at(indices), self.ok[indices], self.resident, identities)

    def table(self) -> Raw | None:
        return self.raw if self.resident else None


def in_memory(values: np.ndarray, labels: np.ndarray | None = None) -> ArrayExamples:
    """Returns ArrayExamples of values [N, *places, C] and labels [N] (None: unlabelled)."""
    if labels is None:
        labels = np.full(len(values), -1)
    return ArrayExamples(Raw(values, labels.astype(np.int32)), np.ones(len(values), bool))


@dataclass(frozen=True)
class Source:
    """What a reader found: base splits by name, each in its canonical order."""

    splits: dict[str, Examples]
    values: Values
    num_classes: int  # 0: labels are attributes, or there are none
    description: str
    attributes: tuple[str, ...] = ()  # their names
    classes: tuple[str, ...] = ()  # their names; none where these are the numbers
    names: tuple[str, ...] = ()  # of the channels, where they have any
    standardise: bool = False  # by the training set, see `vae/data/standardise.py`
    modality: str = ""  # which it is, see `vae/modalities`
    named: bool = False  # labels are what the names of files say, see `vae/data/patterns.py`


@dataclass(frozen=True)
class Dataset:
    """The three sets of an experiment: all resident on the device, or none (`Examples.table`)."""

    train: Examples
    valid: Examples
    test: Examples
    event: Event  # of raw values
    num_classes: int  # 0: labels are attributes, or there are none
    description: str
    attributes: tuple[str, ...] = ()  # their names
    classes: tuple[str, ...] = ()  # their names; none where these are the numbers
    modality: str = ""  # which it is, see `vae/modalities`
    digest: str = ""  # tells these data from others, see `vae/data/identity.py`
    scales: Scales = field(default=unit_scales(0))  # of the training set's attributes

    def __repr__(self) -> str:
        return f"Dataset({self.description})"

    def mean(self) -> np.ndarray:
        """Returns the mean x of the training set, [*places, C] float32.

        It is that of at most 2,000 examples, evenly spaced, wherever they are kept: enough to start
        a decoder from, in less than a second where each has to be decoded.
        """
        count = min(len(self.train), 2000)
        chosen = np.linspace(0, len(self.train) - 1, count).astype(int)
        raw, _ = read_complete(self.train, chosen)
        values = self.event.values
        return ((raw.values.mean(0, dtype=np.float64) - values.offset) / values.scale).astype(
            np.float32
        )


@dataclass
class Unreadable:
    """Names each file that cannot be decoded once, and gives up when there are too many.

    One object is shared by all splits of a source and all threads that read it.
    """

    what: str  # the folder or set, for the message
    total: int
    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, reason: object) -> None:
        """Counts `name`; raises InputError beyond MAX_UNREADABLE of the files."""
        with self.lock:
            if name not in self.names:
                self.names.add(name)
                logger.warning("%s cannot be read and is skipped: %s", name, reason)
            count = len(self.names)
            if count > MAX_UNREADABLE * self.total:
                few = ", ".join(sorted(self.names)[:3]) + (", ..." if count > 3 else "")
                raise InputError(
                    f"{self.what}: {count} of {self.total} files cannot be read, more than "
                    f"{MAX_UNREADABLE:.0%} ({few}): replace or remove them."
                )


def read_complete(examples: Examples, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
    """Reads with a stand-in for what cannot be decoded: the next example that can.

    The stand-in depends on the index only, so that a batch stays a function of its step, and a set
    in memory holds what the same set read from files would give. Returns as `read` does: `ok`
    still says which examples are their own.
    """
    raw, ok = examples.read(indices)
    for row in np.flatnonzero(~ok):
        if isinstance(examples, ArrayExamples) and examples.resident:
            break  # it holds its stand-ins already
        for offset in range(1, len(examples)):
            other = np.array([(int(indices[row]) + offset) % len(examples)])
            found, readable = examples.read(other)
            if readable[0]:
                for column, value in zip(raw, found, strict=True):
                    if column is not None:
                        column[row] = value[0]
                break
        else:
            raise InputError(f"None of the {len(examples)} examples of a split can be read.")
    return raw, ok


def load_in_memory(examples: Examples, threads: int) -> ArrayExamples:
    """Reads every example, with `threads` threads."""
    if isinstance(examples, ArrayExamples) and examples.ok.all():
        return examples
    chunks = np.array_split(np.arange(len(examples)), -(-len(examples) // 256))
    with ThreadPoolExecutor(max(1, threads)) as pool:
        futures = [pool.submit(read_complete, examples, chunk) for chunk in chunks]
        try:
            parts = []
            with terminal.Progress("reading", len(examples), "examples") as progress:
                for chunk, future in zip(chunks, futures, strict=True):
                    parts.append(future.result())
                    progress.at(int(chunk[-1]) + 1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    raw, ok = jax.tree.map(lambda *columns: np.concatenate(columns), *parts)
    return ArrayExamples(raw, ok, identities=examples.identities)
