"""What a data set is: examples that are read by index, and what their raw values mean.

A reader of a modality returns a `Source`: named base splits in a canonical order. `load` of
`vae.modalities` cuts the configured splits out of it and returns a `Dataset`. Which examples a
split has, and their order, do not depend on whether they are kept in memory or in files.
"""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, Self, cast

import jax
import numpy as np

from vae import terminal
from vae.data.lengths import lengths_of
from vae.data.order import Blocks
from vae.data.scales import Scales, unit_scales
from vae.data.splits import digests
from vae.errors import InputError, readable
from vae.probability.event import Event, Values

logger = logging.getLogger(__name__)

_HASHED_BYTES = 4 * 2**30  # larger sets are not searched for duplicates
_RUNS = 16  # of examples that are looked at, where these are read by blocks


class Raw(NamedTuple):
    """Examples as they are kept: numpy arrays on the host, JAX arrays on the device.

    Attributes:
      values: [n, *places, C] raw values, see `vae/probability/event.py`.
      labels: classes [n] int32 (-1: none) or attributes [n, A] float32, each in its own unit.
    """

    values: np.ndarray
    labels: np.ndarray

    def at(self, index: Any) -> Raw:
        """Returns the examples at an index, as numpy or JAX take it: rows, a slice, a number."""
        return jax.tree.map(lambda column: column[index], self)


class Examples(Protocol):
    """Labelled examples, read by index. By default a value is one byte and examples are in files.

    Attributes:
      shape: (*places, C).
      identities: [N] int32, whose each example is (who is in a picture), or None where that is not
        known. Models are not given it.
      names: [N] str, what each example is called where it comes from: a file in its folder, a cell
        by its barcode; None where they have no names.
      lengths: [N] int32, the positions along the first axis that each ragged example has; None
        where all have as many as the shape, or where that is not known.
      blocks: which consecutive examples are read together; None where each is read by itself.
    """

    shape: tuple[int, ...]
    identities: np.ndarray | None
    names: np.ndarray | None = None
    lengths: np.ndarray | None = None
    blocks: Blocks | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    def nbytes(self) -> int:
        """Returns the bytes that all values take as an array."""
        return len(self) * math.prod(self.shape)

    @abstractmethod
    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        """Returns the examples at `indices`, and ok [n] bool.

        An example that cannot be decoded has ok False and values 0. Any number of threads may call
        this at once.

        Raises:
          InputError: too many examples cannot be decoded.
        """

    @abstractmethod
    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        """Yields what tells these examples from others: names, labels, the content of a `sample`.

        The bytes do not depend on where the examples are kept or on what reads them.
        """

    @abstractmethod
    def take(self, indices: np.ndarray) -> Self:
        """Returns the examples at `indices`, in that order."""

    @staticmethod
    def marks(splits: Sequence[Any]) -> Sequence[Sequence[Hashable]] | None:
        """Returns marks of the examples of each split, equal for equal examples.

        Returns None where marks are not known or take too long to compute.
        """
        return None

    def table(self) -> Raw | None:
        """Returns all examples for the device to hold; None where they are too large for it."""
        return None

    def measured(self) -> Self:
        """Returns ragged examples with their lengths, if these can be told without reading them."""
        return self


@dataclass(frozen=True)
class ArrayExamples(Examples):
    """N examples in memory.

    `ok` [N] bool is False where an example is a stand-in (see `read_complete`): training may see
    it, evaluations leave it out.
    """

    raw: Raw
    ok: np.ndarray
    resident: bool = False  # small enough for the device, see `table`
    identities: np.ndarray | None = None
    names: np.ndarray | None = None
    lengths: np.ndarray | None = None

    @property
    def values(self) -> np.ndarray:
        return self.raw.values

    @property
    def labels(self) -> np.ndarray:
        return self.raw.labels

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
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
    def marks(splits: Sequence[ArrayExamples]) -> Sequence[Sequence[Hashable]] | None:
        """Returns digests of the values, leaving out stand-ins; None beyond 4 GiB."""
        if sum(examples.nbytes for examples in splits) > _HASHED_BYTES:
            return None
        return [digests(x.values[x.ok] if not x.ok.all() else x.values) for x in splits]

    def take(self, indices: np.ndarray) -> Self:
        start, stop = (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, 0)
        consecutive = np.array_equal(indices, np.arange(start, stop))
        at = slice(start, stop) if consecutive else indices  # a view
        return replace(
            self,
            raw=self.raw.at(at),
            ok=self.ok[at],
            identities=rows_at(self.identities, at),
            names=rows_at(self.names, at),
            lengths=rows_at(self.lengths, at),
        )

    def table(self) -> Raw | None:
        """Returns all examples, unless they are ragged: the host cuts their batches."""
        return self.raw if self.resident and self.lengths is None else None

    def measured(self) -> Self:
        """Returns them with their lengths, as the marks of missing positions tell them."""
        return replace(self, lengths=lengths_of(self.values))


def rows_at(known: np.ndarray | None, indices: Any) -> np.ndarray | None:
    """Returns these rows of what is known of examples; None where it is not known."""
    return None if known is None else known[indices]


def called(examples: Examples, split: str, rows: Sequence[int] | np.ndarray) -> list[str]:
    """Returns what examples of a split are called: "test 3", where they have no names."""
    names = examples.names
    return [f"{split} {row}" if names is None else readable(names[row]) for row in rows]


def in_memory(values: np.ndarray, labels: np.ndarray | None = None) -> ArrayExamples:
    """Returns ArrayExamples of values [N, *places, C].

    Args:
      values: the values.
      labels: classes [N] or attributes [N, A]; None: unlabelled.
    """
    if labels is None:
        labels = np.full(len(values), -1)
    labels = labels.astype(np.int32 if labels.ndim == 1 else np.float32)
    return ArrayExamples(Raw(values, labels), np.ones(len(values), bool))


class Fitted(NamedTuple):
    """Examples as they are once what depends on the training set is known.

    Attributes:
      splits: the examples by the names of their splits.
      values: what their raw values mean.
      codec: see `Event`.
      names: the names of the channels, where fitting has chosen some of them.
    """

    splits: Mapping[str, Examples]
    values: Values
    codec: str = ""
    names: tuple[str, ...] = ()


# Standardises numbers, or makes tokens of text. It is given the splits of an experiment, "train"
# among them, or else the event of a trained run, which says how they were fitted then.
Fit = Callable[[Mapping[str, Examples], Event | None], Fitted]


@dataclass(frozen=True)
class Source:
    """What a reader found: base splits by name, each in its canonical order."""

    splits: Mapping[str, Examples]
    values: Values
    num_classes: int  # 0: labels are attributes, or there are none
    description: str
    attributes: tuple[str, ...] = ()  # names of the attributes
    classes: tuple[str, ...] = ()  # names of the classes; none where these are the numbers
    names: tuple[str, ...] = ()  # names of the channels, where they have any
    codec: str = ""  # see `Event`
    fit: Fit | None = None  # to the training set, once splits are cut
    modality: str = ""  # its name, see `vae/modalities`
    named: bool = False  # labels come from file names, see `vae/data/patterns.py`

    def fitted(self, splits: Mapping[str, Examples], like: Event | None) -> Source:
        """Returns the source with `splits` that are fitted to one of them, or as `like` was."""
        made = cast(Fit, self.fit)(splits, like)
        values, codec = replace(made.values, missing=self.values.missing), made.codec or self.codec
        names = made.names or self.names
        return replace(self, splits=made.splits, values=values, codec=codec, names=names, fit=None)


@dataclass(frozen=True)
class Dataset:
    """The three sets of an experiment: all resident on the device, or none (`Examples.table`)."""

    train: Examples
    valid: Examples
    test: Examples
    event: Event  # before `vae/data/prepare.py` changes values
    num_classes: int  # 0: labels are attributes, or there are none
    description: str
    attributes: tuple[str, ...] = ()  # names of the attributes
    classes: tuple[str, ...] = ()  # names of the classes; none where these are the numbers
    modality: str = ""  # its name, see `vae/modalities`
    digest: str = ""  # tells these data from others, see `vae/data/identity.py`
    scales: Scales = field(default=unit_scales(0))  # scales of the training set's attributes

    def __repr__(self) -> str:
        return f"Dataset({self.description})"

    def mean(self) -> np.ndarray:
        """Returns the mean x of the training set, [*places, C] float32.

        At most 2,000 evenly spaced examples are averaged: enough to start a decoder from, and read
        in less than a second even where each has to be decoded.
        """
        raw, _ = read_complete(self.train, spread(self.train, 2000))
        values = self.event.values
        if values.missing:
            x = values.to_x(raw.values)
            return np.ma.masked_invalid(x).mean(0).filled(0.0).astype(np.float32)
        return ((raw.values.mean(0, dtype=np.float64) - values.offset) / values.scale).astype(
            np.float32
        )


def spread(examples: Examples, count: int) -> np.ndarray:
    """Returns the indices of up to `count` examples, evenly spaced.

    Where examples are read by blocks, they are `_RUNS` evenly spaced runs, in few blocks.
    """
    count = min(len(examples), count)
    if examples.blocks is None or count < _RUNS:
        return np.linspace(0, len(examples) - 1, count).astype(int)
    size = count // _RUNS
    starts = np.linspace(0, len(examples) - size, _RUNS).astype(int)
    return (starts[:, None] + np.arange(size)).ravel()


def read_complete(examples: Examples, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
    """Reads examples as `read` does, with a stand-in for each that cannot be decoded.

    The stand-in is the next example that can be decoded; of ragged ones the next that is no longer,
    for batches are cut, or else the shortest. It depends on the index only, so that a batch stays a
    function of its step, and a set in memory equals the same set read from files.

    Returns:
      The examples, and ok [n] bool, False for stand-ins.

    Raises:
      InputError: no example can be read.
    """
    raw, ok = examples.read(indices)
    for row in np.flatnonzero(~ok):
        if isinstance(examples, ArrayExamples) and examples.resident:
            break  # they hold their stand-ins already
        for other in _stand_ins(examples, int(indices[row])):
            found, readable = examples.read(np.array([other]))
            if readable[0]:
                for column, value in zip(raw, found, strict=True):
                    column[row] = value[0]
                break
        else:
            raise InputError(f"None of the {len(examples)} examples of a split can be read.")
    return raw, ok


def _stand_ins(examples: Examples, index: int) -> np.ndarray:
    """Returns the other examples, in the order in which they may stand in for one."""
    others = (index + np.arange(1, len(examples))) % len(examples)
    if examples.lengths is None:
        return others
    lengths = np.maximum(examples.lengths[others], examples.lengths[index])
    return others[np.argsort(lengths, kind="stable")]


def load_in_memory(examples: Examples, threads: int) -> ArrayExamples:
    """Returns all examples in memory, read by `threads` threads."""
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
    return ArrayExamples(
        raw,
        ok,
        identities=examples.identities,
        names=examples.names,
        lengths=examples.lengths,
    )
