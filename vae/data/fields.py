"""Fields: several classes of one example, each with a name, as digit 7 and speaker jackson.

Each class of a field is an attribute that is 0 or 1, "digit=7"; an example has one class of each
field, so that the attributes of a field are one-hot. What is told of examples is written

    digit=7,speaker=jackson     one set of classes
    digit=7,digit=3             two sets, for a field that comes again begins another

or, from Python, as a dict for each set: {"digit": 7, "speaker": "jackson"}.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vae.errors import InputError, did_you_mean

MARK = "="  # between a field and a class, in the name of an attribute


class Field(NamedTuple):
    """A field.

    Attributes:
      name: its name.
      classes: the names of its classes.
      columns: the column of each class among the attributes.
    """

    name: str
    classes: tuple[str, ...]
    columns: tuple[int, ...]


def fields_of(attributes: Sequence[str]) -> tuple[Field, ...]:
    """Returns the fields among attributes, given the names of these."""
    found: dict[str, list[tuple[str, int]]] = {}
    for column, attribute in enumerate(attributes):
        name, mark, of = attribute.partition(MARK)
        if mark:
            found.setdefault(name, []).append((of, column))
    return tuple(Field(name, *zip(*known, strict=True)) for name, known in found.items())


def field_with(column: int, attributes: Sequence[str]) -> Field | None:
    """Returns the field that has a column of the attributes; None where it is of no field."""
    return next((field for field in fields_of(attributes) if column in field.columns), None)


def without_field(attributes: Sequence[str]) -> list[str]:
    """Returns the attributes that are of no field."""
    return [attribute for attribute in attributes if MARK not in attribute]


def by_name(labels: Any) -> bool:
    """Returns whether labels name classes, see `read_sets`, and are no numbers."""
    if isinstance(labels, np.ndarray):
        return labels.dtype.kind == "U"
    first = labels if isinstance(labels, Mapping | str) else next(iter(labels or ()), None)
    return isinstance(first, Mapping | str)


def classes_told(y: np.ndarray, attributes: Sequence[str]) -> list[str]:
    """Returns the classes in attributes y [N, A] as captions, "7, jackson"; [] without fields."""
    fields = fields_of(attributes)
    chosen = [
        [field.classes[k] for k in y[:, field.columns].argmax(1).tolist()] for field in fields
    ]
    return [", ".join(each) for each in zip(*chosen, strict=True)]


def read_sets(labels: Any, attributes: Sequence[str]) -> list[dict[str, str]]:
    """Returns sets of classes, a class by field, from what a person gives.

    Args:
      labels: a dict, or a list of dicts or of texts, see above; empty or None for no set.
      attributes: the names of the attributes.

    Raises:
      InputError: a field or a class is not known.
    """
    fields = {field.name: field for field in fields_of(attributes)}
    if isinstance(labels, str):
        labels = labels.split(",")
    given = [labels] if isinstance(labels, Mapping) else [] if labels is None else list(labels)
    sets: list[dict[str, str]] = []
    for each in given:
        if isinstance(each, Mapping):
            sets.append({str(name): str(of) for name, of in each.items()})
            continue
        name, mark, of = str(each).partition(MARK)
        if not mark:
            raise InputError(
                f"the label {str(each)!r} does not say of which field it is: "
                f"{_listed(fields)}; write {_example(fields)}."
            )
        if not sets or name in sets[-1]:
            sets.append({})
        sets[-1][name] = of
    for name, of in itertools.chain.from_iterable(each.items() for each in sets):
        if name not in fields:
            hint = did_you_mean(name, fields)
            raise InputError(f"the data have no labels of {name!r}: {_listed(fields)}{hint}")
        if of not in (known := fields[name].classes):
            few = ", ".join(known[:10]) + (", ..." if known[10:] else "")
            hint = did_you_mean(of, known)
            raise InputError(f"there is no {name} {of!r}; there are {few}{hint}")
    return sets


def told(
    labels: Any,
    num: int,
    attributes: Sequence[str],
    others: np.ndarray | None = None,
    *,
    in_turn: bool = False,
) -> np.ndarray:
    """Returns attributes [num, A] in which every field has a class.

    Args:
      labels: a set for each example, or one for all, see `read_sets`.
      num: the number of examples.
      attributes: the names of the attributes.
      others: [num, A], the attributes that are of no field; may be None where there are none.
      in_turn: uses sets in turn, however many there are; and a field that a set does not name runs
        through its classes, the first such field fastest.

    Raises:
      InputError: a field or a class is not known, or missing; or there are more or fewer sets.
    """
    fields, sets = fields_of(attributes), read_sets(labels, attributes) or [{}]
    if not in_turn:
        _check_complete(sets, num, {field.name: field for field in fields})
    if others is None and (rest := without_field(attributes)):
        raise InputError(f"labels do not say {', '.join(rest)}: give attributes [N, A] instead.")
    y = np.zeros((num, len(attributes)), np.float32) if others is None else np.array(others)
    y[:, [column for field in fields for column in field.columns]] = 0
    turns, which = np.divmod(np.arange(num), len(sets))
    for i, chosen in enumerate(sets):
        rows, turn = np.flatnonzero(which == i), turns[which == i]
        for field in fields:
            if field.name in chosen:
                number = np.full(len(rows), field.classes.index(chosen[field.name]))
            else:
                turn, number = np.divmod(turn, len(field.classes))
            y[rows, np.array(field.columns)[number]] = 1
    return y


def _check_complete(
    sets: Sequence[Mapping[str, str]], num: int, fields: Mapping[str, Field]
) -> None:
    if len(sets) not in (1, num):
        raise InputError(
            f"there are {len(sets)} sets of labels for {num} examples: give one for each, or one "
            "for all."
        )
    for each in sets:
        if missing := [name for name in fields if name not in each]:
            raise InputError(
                f"this model is conditional on {' and '.join(fields)}, and the {missing[0]} is not "
                f"given: give labels like {_example(fields)}."
            )


def as_text(chosen: Mapping[str, str]) -> str:
    """Returns a set of classes for the name of a file, "digit=7_speaker=jackson"."""
    return "_".join(f"{name}{MARK}{of}" for name, of in chosen.items())


def one_hot(name: str, classes: Sequence[str], numbers: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Returns the names of a field's attributes, and their values [N, K] for classes [N]."""
    values = (numbers[:, None] == np.arange(len(classes))).astype(np.float32)
    return [f"{name}{MARK}{of}" for of in classes], values


def _listed(fields: Iterable[str]) -> str:
    names = list(fields)
    return f"they have {' and '.join(names)}" if names else "they have no named labels"


def _example(fields: Mapping[str, Field]) -> str:
    return ",".join(f"{name}{MARK}{field.classes[0]}" for name, field in fields.items())
