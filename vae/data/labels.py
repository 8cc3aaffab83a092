"""Labels as classes, which of them a run is given, and whether it has those that it needs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from vae.data.examples import Examples, Source
from vae.errors import InputError

logger = logging.getLogger(__name__)

MANY = 100  # classes, more of which are rarely meant as such


class Classes(NamedTuple):
    """The labels of a data set, as classes.

    Attributes:
      labels: of each split, [N] int32 from 0, -1 where an example has none.
      keys: of each split, [N] int32: the label itself where it is such a number, for the order of
        examples must not change with what other labels there are.
      names: of the classes; none where they are the numbers 0, 1, ....
      number: how many there are.
    """

    labels: dict[str, np.ndarray]
    keys: dict[str, np.ndarray]
    names: tuple[str, ...]
    number: int


def classes_of(
    given: Mapping[str, np.ndarray | None], examples: Mapping[str, np.ndarray], what: str
) -> Classes:
    """Maps the distinct labels of all splits, in their order, to the classes 0, 1, ....

    Labels are numbers or texts, one for each of `examples`; NaN and the empty text are none. Logs
    the names where they are not the classes' numbers.

    Raises:
      InputError: labels are neither, both, or not one an example.
    """
    columns = {
        name: _column(values, len(examples[name]), f"{what}: labels of {name}")
        for name, values in given.items()
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


def _column(values: np.ndarray | None, count: int, what: str) -> np.ndarray:
    """Returns labels [N] of numbers or text; NaN where there are none."""
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
    return values.astype(np.int64) if values.dtype == bool else values


def _is_key(value: Any) -> bool:
    return not isinstance(value, str) and value == value and 0 <= value < 2**31 and value % 1 == 0


def _name(value: Any) -> str:
    return str(int(value)) if not isinstance(value, str) and value % 1 == 0 else str(value)


def class_name(label: int, names: tuple[str, ...]) -> str:
    """Returns what a class is called; `names` are those of a data set's or a run's classes."""
    return names[label] if names else str(label)


def called(labels: np.ndarray | None, names: tuple[str, ...]) -> list[str]:
    """Returns what examples of classes [N] (-1: none) are called under a picture of them.

    Nothing of attributes [N, A], which are too many for that, nor where there are no labels.
    """
    if labels is None or labels.ndim > 1:
        return []
    return [f"class {class_name(int(label), names)}" if label >= 0 else "" for label in labels]


def check_classes(source: Source) -> None:
    """Warns where classes are so many, or so small, that labels may be something else."""
    known = [getattr(examples, "labels", None) for examples in source.splits.values()]
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
    """Labels [N] int32 of which `number` are kept, as even over the classes as can be.

    The others become -1. Which are kept depends on the seed, and with more of them the same are
    kept and others beside them.
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
    """The training examples with `number` of their labels; with all of them where that is 0.

    Raises:
      InputError: they have not so many, or their labels are not known before they are read.
    """
    if number == 0:
        return examples
    labels = getattr(examples, "labels", None)
    if labels is None:
        raise InputError(
            f"data.labelled={number} needs the data in memory: raise data.device_bytes."
        )
    if labels.ndim > 1:
        raise InputError(f"data.labelled={number} needs classes, but the data have attributes.")
    if number > (there := int((labels >= 0).sum())):
        raise InputError(f"data.labelled={number} is more than the {there} labels there are.")
    kept = keep(labels, number, seed=seed)
    return replace(examples, raw=examples.raw._replace(labels=kept))
