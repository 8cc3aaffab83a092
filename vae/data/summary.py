"""What a data set holds: counts, ranges, what is missing, what is there twice, what leaks."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.data.checks import marks_of
from vae.data.examples import ArrayExamples, Dataset, Examples, spread
from vae.data.labels import class_name
from vae.probability.event import Values

SPLITS = ("train", "valid", "test")
IN_MEMORY, IN_FILES = 10_000, 2_000  # the most examples of a split that are looked at
VALUES = 2**25  # the most values of them
SHOWN = 8  # pairs of equal examples of two splits whose places are kept


class Column(NamedTuple):
    """Values of one channel, or of one attribute.

    Attributes:
      low, high, mean, std: of those that are there; NaN where none is.
      missing: the share that is not there.
    """

    name: str
    low: float
    high: float
    mean: float
    std: float
    missing: float


class Part(NamedTuple):
    """A split.

    Attributes:
      number: how many examples it has.
      looked: how many of these the figures of values are from.
      unreadable: how many of those looked at cannot be read.
      classes: the number of examples of each class; empty without classes.
      unlabelled: how many examples have no class.
      values: all values, as they are stored.
      channels: those of each channel, if there are several.
      attributes: those of each attribute.
      lengths: the least, the median and the largest length of ragged examples; None of others.
      compared: how many examples `copies` is of: all but unreadable ones and texts so short that
        they are equal by chance; None where that is not known.
      copies: how many of these are copies of others in the split; None where that is not known, or
        there are none of these.
    """

    number: int
    looked: int
    unreadable: int
    classes: dict[str, int]
    unlabelled: int
    values: Column
    channels: tuple[Column, ...]
    attributes: tuple[Column, ...]
    lengths: tuple[int, int, int] | None
    compared: int | None
    copies: int | None


class Shared(NamedTuple):
    """What two splits have in common.

    Attributes:
      first, second: the splits.
      examples: how many examples of the second are in the first, too; None: not known.
      identities: how many of the second's identities are in the first; None: not known.
      places: a few equal examples: their indices in the first and in the second.
    """

    first: str
    second: str
    examples: int | None
    identities: int | None
    places: tuple[tuple[int, int], ...]


class Summary(NamedTuple):
    """A data set.

    Attributes:
      parts: the splits by name.
      shared: each two of them.
      contradictions: how many different examples occur with several classes; None: not known.
    """

    parts: dict[str, Part]
    shared: tuple[Shared, ...]
    contradictions: int | None


def summarise(dataset: Dataset) -> Summary:
    """Returns what a data set holds.

    Ranges are of up to 10,000 examples of each split in memory, and 2,000 of others. Equal examples
    are found as `Examples.marks` knows them.
    """
    splits: dict[str, Examples] = {name: getattr(dataset, name) for name in SPLITS}
    marks = marks_of(splits)
    parts = {name: _part(dataset, split, marks.get(name)) for name, split in splits.items()}
    pairs = [(a, b) for i, a in enumerate(SPLITS) for b in SPLITS[i + 1 :]]
    shared = tuple(_shared(a, b, splits, marks) for a, b in pairs)
    return Summary(parts, shared, _contradictions(dataset, splits, marks))


def _part(dataset: Dataset, examples: Examples, marks: Sequence[Hashable] | None) -> Part:
    most = IN_MEMORY if isinstance(examples, ArrayExamples) else IN_FILES
    most = max(1, min(most, VALUES // math.prod(examples.shape)))
    raw, ok = examples.read(spread(examples, most))
    found = raw.at(ok)
    labels = getattr(examples, "labels", found.labels)
    x, values = found.values, dataset.event.values
    rows = x.reshape(-1, x.shape[-1])
    channels: tuple[Column, ...] = ()
    if rows.shape[1] > 1:
        names = dataset.event.names or tuple(map(str, range(rows.shape[1])))
        channels = columns(rows, names, values)
    counts: dict[str, int] = {}
    if dataset.num_classes:
        numbers = Counter(labels[labels >= 0].tolist())
        numbered = range(dataset.num_classes)
        counts = {class_name(i, dataset.classes): numbers[i] for i in numbered}
    lengths = examples.lengths
    return Part(
        number=len(examples),
        looked=len(ok),
        unreadable=int((~ok).sum()),
        classes=counts,
        unlabelled=int((labels < 0).sum()) if dataset.num_classes else 0,
        values=columns(rows.reshape(-1, 1), ("all",), values)[0],
        channels=channels,
        attributes=columns(labels, dataset.attributes) if dataset.attributes else (),
        lengths=None
        if lengths is None
        else (int(lengths.min()), int(np.median(lengths)), int(lengths.max())),
        compared=None if marks is None else len(marks),
        copies=len(marks) - len(set(marks)) if marks else None,
    )


def columns(
    x: np.ndarray, names: Sequence[str], values: Values | None = None
) -> tuple[Column, ...]:
    """Returns the figures of each column of x [n, C].

    What is missing is NaN, or below 0 where `values` that may be missing are whole numbers.
    """
    x = x.astype(np.float64)
    there = np.isfinite(x)
    if values is not None and values.missing and values.kind != "real":
        there &= x >= 0
    counts = there.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = x.sum(0, where=there) / counts
        stds = np.sqrt(((x - means) ** 2).sum(0, where=there) / counts)
    lows, highs = (
        np.where(counts, one(x, axis=0, where=there, initial=end), np.nan)
        for one, end in ((np.min, np.inf), (np.max, -np.inf))
    )
    missing = 1 - counts / max(1, len(x))
    found = zip(lows, highs, means, stds, missing, strict=True)
    return tuple(Column(name, *map(float, row)) for name, row in zip(names, found, strict=True))


def _shared(
    first: str,
    second: str,
    splits: Mapping[str, Examples],
    marks: Mapping[str, Sequence[Hashable]],
) -> Shared:
    a, b = splits[first], splits[second]
    examples, identities = None, None
    places: list[tuple[int, int]] = []
    if marks and marks[first] and marks[second]:
        at = {mark: i for i, mark in reversed(list(enumerate(marks[first])))}
        both = [(at[mark], j) for j, mark in enumerate(marks[second]) if mark in at]
        examples = len(both)
        aligned = len(marks[first]) == len(a) and len(marks[second]) == len(b)
        places = both[:SHOWN] if aligned else []  # marks leave out what cannot be read
    if a.identities is not None and b.identities is not None:
        known = np.intersect1d(a.identities, b.identities)
        identities = int((known >= 0).sum())
    return Shared(first, second, examples, identities, tuple(places))


def _contradictions(
    dataset: Dataset, splits: Mapping[str, Examples], marks: Mapping[str, Sequence[Hashable]]
) -> int | None:
    """Returns how many different examples occur with several classes."""
    found: dict[Hashable, set[Any]] = defaultdict(set)
    if not dataset.num_classes or not marks:
        return None
    for name, examples in splits.items():
        labels = getattr(examples, "labels", None)
        if labels is None or len(labels) != len(marks[name]):
            return None
        for mark, label in zip(marks[name], labels.tolist(), strict=True):
            if label >= 0:
                found[mark].add(label)
    return sum(len(labels) > 1 for labels in found.values())
