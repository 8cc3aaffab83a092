"""Labels: made into classes, checked, and kept for some examples only (`data.labelled`)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import numpy as np

from vae.data.attributes import Table, from_signs
from vae.data.examples import ArrayExamples, Examples, Source
from vae.data.fields import classes_told
from vae.data.splits import digest
from vae.errors import InputError

logger = logging.getLogger(__name__)

EXACT = 2**53  # up to here float64 has every whole number
MANY = 100  # more classes are rarely meant as such
_WHOLE = re.compile("0|-?[1-9][0-9]{0,14}|(?i:nan)|")  # a number that float64 holds, or no label


class Classes(NamedTuple):
    """The labels of a data set, as classes; or else its attributes.

    Attributes:
      labels: for each split, [N] int32 from 0, -1 where an example has none; or [N, A] float32.
      keys: for each split, [N] int32 to sort examples by: the given label where that fits int32, so
        that the order does not depend on which other labels there are; else the class. Equal rows
        of attributes have equal keys.
      names: the names of the classes; none where they are the numbers 0, 1, ....
      number: how many classes there are; 0 for attributes.
      attributes: the names of the attributes.
    """

    labels: dict[str, np.ndarray]
    keys: dict[str, np.ndarray]
    names: tuple[str, ...]
    number: int
    attributes: tuple[str, ...] = ()


def classes_of(
    given: Mapping[str, np.ndarray | Table | None], examples: Mapping[str, np.ndarray], what: str
) -> Classes:
    """Maps the sorted distinct labels of all splits to the classes 0, 1, ....

    Logs the names of the classes where they are not their numbers. Attributes stay what they are.

    Args:
      given: the labels of each split, numbers or text, one an example; NaN, the empty text and None
        mean that there is no label. Or the attributes of each split.
      examples: the examples of each split.
      what: the data, for messages.

    Raises:
      InputError: labels are neither numbers nor text, or both, or not one an example; or splits
        have different attributes.
    """
    if any(isinstance(values, Table) for values in given.values()):
        return _attributes(given, examples, what)
    columns = {
        name: _column(values, len(examples[name]), f"{what}: labels of {name}")
        for name, values in cast(Mapping[str, np.ndarray | None], given).items()
    }
    distinct = {value for column in columns.values() for value in np.unique(column).tolist()}
    distinct -= {value for value in distinct if value == "" or value != value}  # none, or NaN
    if len({isinstance(value, str) for value in distinct}) > 1:
        raise InputError(f"{what}: some labels are numbers and some are text: give one kind.")
    ordered = sorted(distinct)
    number = {value: i for i, value in enumerate(ordered)}
    plain = ordered == list(range(len(ordered)))
    names = () if plain else tuple(map(_name, ordered))
    if names:
        few = ", ".join(names[:3]) + (f", ..., {names[-1]}" if len(names) > 3 else "")
        logger.info("%s: the labels %s are the classes 0 to %d", what, few, len(names) - 1)
    labels, keys = {}, {}
    for name, column in columns.items():
        values, where = np.unique(column, return_inverse=True)
        mapped = np.array([number.get(value, -1) for value in values.tolist()], np.int32)
        own = [v if _is_key(v) else n for v, n in zip(values.tolist(), mapped, strict=True)]
        labels[name] = mapped[where].reshape(len(column))
        keys[name] = np.array(own, np.int32)[where].reshape(len(column))
    return Classes(labels, keys, names, len(ordered))


def _attributes(given: Mapping[str, Any], examples: Mapping[str, np.ndarray], what: str) -> Classes:
    known = {name: table for name, table in given.items() if isinstance(table, Table)}
    names = next(iter(known.values())).names
    for name in given:
        if name not in known or known[name].names != names:
            other = ", ".join(known[name].names) if name in known else "none"
            raise InputError(
                f"{what}: the factors of {name} are {other}, those of another split "
                f"{', '.join(names)}: give the same of all splits."
            )
        if len(known[name].values) != len(examples[name]):
            raise InputError(
                f"{what}: the factors of {name} have {len(known[name].values)} rows for "
                f"{len(examples[name])} examples: give one for each."
            )
    whole = from_signs(np.concatenate([table.values for table in known.values()]))
    starts = np.cumsum([len(table.values) for table in known.values()])[:-1]
    labels = dict(zip(known, np.split(whole, starts), strict=True))
    keys = {
        name: np.array([int.from_bytes(digest(row.tobytes())[:3]) for row in values], np.int32)
        for name, values in labels.items()
    }
    return Classes(labels, keys, (), 0, names)


def numbered(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns labels of splits as numbers (NaN: none) where all are whole numbers in text.

    Each must be written as a number is: 01 and 1, or 1 and 1.0, are different labels and stay text.
    """
    texts = [x for x in given.values() if isinstance(x, np.ndarray) and x.dtype.kind == "U"]
    if not all(map(_WHOLE.fullmatch, {*np.concatenate([np.zeros(0, "U1"), *texts]).tolist()})):
        return dict(given)
    return {
        split: np.array([float(t) if t else np.nan for t in x.tolist()])
        if isinstance(x, np.ndarray) and x.dtype.kind == "U"
        else x
        for split, x in given.items()
    }


def _column(values: np.ndarray | None, count: int, what: str) -> np.ndarray:
    """Returns labels [N], numbers or text; NaN where there are none."""
    if values is None:
        return np.full(count, np.nan)
    values = values[:, 0] if values.shape == (count, 1) else values
    if values.shape != (count,):
        raise InputError(
            f"{what} have the shape {values.shape}: give one label for {count} examples."
        )
    if values.dtype.kind == "S":
        return np.array([value.decode("utf-8", "backslashreplace") for value in values.tolist()])
    if values.dtype.kind not in "iufbU":
        raise InputError(f"{what} are {values.dtype}: give numbers or text.")
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise InputError(f"{what} have infinity: give numbers, NaN where there is no label.")
    check_exact(values, what)
    return values.astype(np.int64) if values.dtype == bool else values


def check_exact(values: np.ndarray, what: str) -> None:
    """Refuses floats, meant as whole numbers, so large that different ones may have become equal.

    Raises:
      InputError: some are beyond 2**53.
    """
    if values.dtype.kind == "f" and (np.abs(values) > EXACT).any():
        raise InputError(
            f"{what} are numbers beyond 2**53, which floats do not tell apart: give them as text."
        )


def _is_key(value: Any) -> bool:
    return not isinstance(value, str) and value == value and 0 <= value < 2**31 and value % 1 == 0


def _name(value: Any) -> str:
    return str(int(value)) if not isinstance(value, str) and value % 1 == 0 else str(value)


def class_name(label: int, names: Sequence[str]) -> str:
    """Returns a class's name, given the names of all classes; its number where they have none."""
    return names[label] if names else str(label)


def called(labels: np.ndarray | None, names: Sequence[str]) -> list[str]:
    """Returns captions for a picture of examples, given the names of all classes or attributes.

    They are from classes [N] (-1: none), or from the fields of attributes [N, A]. Other attributes
    are too many for a caption: without fields it returns [], as without labels.
    """
    if labels is None:
        return []
    if labels.ndim > 1:
        return classes_told(labels, names)
    found = [class_name(int(label), names) if label >= 0 else "" for label in labels]
    return [f"class {name}" if name.isdecimal() else name for name in found]


def check_classes(source: Source) -> None:
    """Warns where classes are so many, or so small, that the labels may mean something else."""
    known: list[Any] = [getattr(examples, "labels", None) for examples in source.splits.values()]
    if not source.num_classes or any(labels is None for labels in known):
        return
    labels = np.concatenate(known)
    counts = np.bincount(labels[labels >= 0], minlength=source.num_classes)
    single = int((counts == 1).sum())
    if source.num_classes > MANY or 2 * single > source.num_classes:
        logger.warning(
            "%s: the labels are %d classes, %d of them with a single example: are they classes?",
            source.description,
            source.num_classes,
            single,
        )


def keep(labels: np.ndarray, number: int, *, seed: int) -> np.ndarray:
    """Returns labels [N] int32 with `number` of them kept, as evenly over the classes as can be.

    The others become -1. The seed decides which are kept; a larger number keeps the same ones and
    some more.
    """
    order = np.random.default_rng(seed).permutation(np.flatnonzero(labels >= 0))
    rank = np.zeros(len(order), int)  # in its class
    for label in np.unique(labels[order]):
        own = labels[order] == label
        rank[own] = np.arange(own.sum())
    kept = order[np.argsort(rank, kind="stable")[:number]]
    masked = np.full_like(labels, -1)
    masked[kept] = labels[kept]
    return masked


def with_labels(examples: Examples, number: int, *, seed: int) -> Examples:
    """Returns the training examples with `number` of their labels; 0 keeps all.

    Raises:
      InputError: there are fewer labels, they are attributes, or the examples are not in memory.
    """
    if number == 0:
        return examples
    if not isinstance(examples, ArrayExamples):
        raise InputError(
            f"data.labelled={number} needs the data in memory: raise data.device_bytes."
        )
    labels = examples.labels
    if labels.ndim > 1:
        raise InputError(f"data.labelled={number} needs classes, but the data have attributes.")
    if number > (there := int((labels >= 0).sum())):
        raise InputError(f"data.labelled={number} is more than the {there} labels there are.")
    kept = keep(labels, number, seed=seed)
    return replace(examples, raw=examples.raw._replace(labels=kept))
