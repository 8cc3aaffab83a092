"""Examples in shards, decoded when they are read."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from vae.data.columns import LABEL, told
from vae.data.examples import Examples, Raw, Source, rows_at
from vae.data.labels import check_exact, classes_of, numbered
from vae.data.order import BUFFER, Blocks
from vae.data.shards.base import NUMBER, TEXT, Reader, Shards, hashed
from vae.errors import InputError

logger = logging.getLogger(__name__)

IDENTITY = "identity"
_COARSE = BUFFER // 8  # bytes of a block: larger ones are too few at a time to shuffle well
_BLOCKS = 8  # that are read to know the data again

# Takes the numbers of records [n] and their columns, and returns raw values and ok [n].
Decode = Callable[[np.ndarray, list[Any]], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class ShardExamples(Examples):
    """Examples of one base split.

    Attributes:
      shards: the records.
      reader: reads the columns that `decode` needs.
      decode: makes them values.
      records: [N] int64, numbers in `shards`.
      labels: classes [N] int32 or attributes [N, A] float32.
      identities: [N] int32, or None.
      shape: (*places, C).
      itemsize: the bytes of a value.
    """

    shards: Shards
    reader: Reader
    decode: Decode
    records: np.ndarray
    labels: np.ndarray
    identities: np.ndarray | None
    shape: tuple[int, ...]
    itemsize: int = 1

    def __len__(self) -> int:
        return len(self.records)

    @property
    def nbytes(self) -> int:
        return len(self) * math.prod(self.shape) * self.itemsize

    @functools.cached_property
    def blocks(self) -> Blocks | None:  # type: ignore[override]  # a field of others
        """Returns which consecutive examples are in one block of the file."""
        if self.shards.bounds is None:
            return None
        of = np.searchsorted(self.shards.bounds, self.records, side="right")
        starts = np.flatnonzero(np.diff(of, prepend=-1))
        return Blocks(np.append(starts, len(of)), self.reader.nbytes)

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        records = self.records[indices]
        values, ok = self.decode(records, self.reader.read(records))
        return Raw(values, self.labels[indices]), ok

    def take(self, indices: np.ndarray) -> ShardExamples:
        identities = rows_at(self.identities, indices)
        records, labels = self.records[indices], self.labels[indices]
        return replace(self, records=records, labels=labels, identities=identities)

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield "\n".join(self.shards.names).encode(errors="surrogateescape")
        yield self.records.astype("<i8").tobytes()
        yield self.labels.tobytes()
        if self.blocks is not None:
            sample = sample[:: -(-len(sample) // _BLOCKS)]
        for column in self.reader.read(self.records[sample]):
            for value in column:
                yield value if isinstance(value, bytes) else value.tobytes()


class Told(NamedTuple):
    """What shards say of their examples besides the values.

    Attributes:
      labels: for each split classes [N] int32 or attributes [N, A] float32.
      identities: for each split [N] int32, or None.
      number, classes, attributes: see `Source`.
    """

    labels: dict[str, np.ndarray]
    identities: dict[str, np.ndarray | None]
    number: int
    classes: tuple[str, ...]
    attributes: tuple[str, ...]


def told_by(splits: Mapping[str, Shards], config: ConfigDict) -> Told:
    """Returns the labels, attributes and identities in the columns of shards.

    Raises:
      InputError: a column that the config names is not there, or has no value in some records.
    """
    first = next(iter(splits.values()))
    ends = np.cumsum([shards.starts[-1] for shards in splits.values()])[:-1]
    columns = _Known(splits)
    found = told(columns, config, first.what, "records")
    if found is None or isinstance(found, np.ndarray):
        parts: Any = [None] * len(splits) if found is None else np.split(found, ends)
    else:
        parts = [found._replace(values=values) for values in np.split(found.values, ends)]
    every = {name: np.arange(shards.starts[-1]) for name, shards in splits.items()}
    given = numbered(dict(zip(splits, parts, strict=True)))
    labels, _, classes, number, attributes = classes_of(given, every, first.what)
    identities: dict[str, np.ndarray | None] = dict.fromkeys(splits)
    if IDENTITY in columns:
        people = columns[IDENTITY]
        check_exact(people, f"{first.what}: identities")
        _, numbers = np.unique(people, return_inverse=True)
        nobody = people == "" if people.dtype.kind == "U" else np.isnan(people)
        numbers = np.where(nobody, -1, numbers).astype(np.int32)
        identities |= dict(zip(splits, np.split(numbers, ends), strict=True))
    return Told(labels, identities, number, classes, attributes)


def check_unread(config: ConfigDict, source: Source) -> None:
    """Refuses keys that name columns where the examples are in no shards.

    Raises:
      InputError: there is such a key.
    """
    if isinstance(next(iter(source.splits.values())), ShardExamples):
        return
    for key, default in (("image_column", ""), ("label_column", LABEL), ("covariates", "")):
        if config[key] != default:
            raise InputError(
                f"data.{key} names a column of shards, but there are {source.description}: leave "
                "it out."
            )


class _Known(Mapping[str, np.ndarray]):
    """The columns of numbers and texts of all splits, one after the other, read when asked for."""

    def __init__(self, splits: Mapping[str, Shards]) -> None:
        self._splits = list(splits.values())
        kinds = self._splits[0].columns
        self._names = [name for name, kind in kinds.items() if kind in (NUMBER, TEXT)]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names:
            raise KeyError(name)
        return np.concatenate([shards.known(name) for shards in self._splits])

    def __contains__(self, name: object) -> bool:  # without reading the column
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def in_splits(
    splits: Mapping[str, Shards],
    told: Told,
    names: list[str],
    decoder: Callable[[Shards], Decode],
    shape: tuple[int, ...],
    itemsize: int = 1,
) -> dict[str, ShardExamples]:
    """Returns the examples of each base split, in the order of a hash of their place.

    Args:
      splits: the records.
      told: what is known of them.
      names: the columns that have the values.
      decoder: returns what makes these columns values.
      shape: (*places, C).
      itemsize: the bytes of a value.
    """
    made = {}
    for split, shards in splits.items():
        reader, records = shards.reader(names), hashed(shards)
        if reader.nbytes > _COARSE:
            logger.warning(
                "%s: examples are read by blocks of up to %.0f MiB, of which few are shuffled at "
                "a time: write smaller row groups, of %d rows",
                *(shards.what, reader.nbytes / 2**20, _rows(shards, reader.nbytes)),
            )
        every = ShardExamples(
            *(shards, reader, decoder(shards), records, told.labels[split][records]),
            *(None, shape, itemsize),
        )
        people = told.identities[split]
        made[split] = replace(every, identities=rows_at(people, records))
    return made


def _rows(shards: Shards, nbytes: int) -> int:
    """Returns how many records make a block small enough, rounded down to a power of two."""
    bounds: Any = shards.bounds
    return 2 ** int(math.log2(max(1, np.diff(bounds).max() * _COARSE // nbytes)))


def column_of(splits: Mapping[str, Shards], wanted: str, kinds: tuple[str, ...], few: str) -> str:
    """Returns the name of the column that has the examples.

    Args:
      splits: the records.
      wanted: `data.image_column`, the name if a person gave one.
      kinds: what kinds it may be.
      few: the names that it has by custom, with commas between.

    Raises:
      InputError: there is none, or there are several and none has such a name.
    """
    shards = next(iter(splits.values()))
    names = [name for name, kind in shards.columns.items() if kind in kinds]
    if wanted and wanted not in names:
        there = ", ".join(names) or "none"
        raise InputError(
            f"{shards.what} has no column {wanted!r} of images, which data.image_column names; "
            f"there are {there}."
        )
    known = [name for name in few.split(", ") if name in names]
    if not names:
        there = ", ".join(shards.columns) or "none"
        raise InputError(
            f"{shards.what} has no column of images, only {there}: write image files or .npy "
            f"arrays into a column named {few.partition(',')[0]}."
        )
    if not (wanted or known) and len(names) > 1:
        raise InputError(
            f"{shards.what} has several columns of images, {', '.join(names)}: name one of them as "
            "data.image_column."
        )
    return wanted or (known or names)[0]
