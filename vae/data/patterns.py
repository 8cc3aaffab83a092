"""Labels, identities and attributes from the names of files, by a pattern (`data.label_pattern`).

    {label}_{*}.png                             cat_0012.png
    {identity}/{*}.jpg                          anna/7.jpg: a field may be the name of a folder
    {label}_{identity}_{*}.wav                  7_jackson_32.wav
    {age}_{sex}_{*}.jpg                         31_0_20170104.jpg
    {digit:label}_{speaker:label}_{identity}    7_jackson_32: two classes, and which take it is

A field stands for any text without a "/", as short as the rest of the pattern allows. `label` is
the class, `identity` whose the example is, and `*` is ignored. `NAME:label` is a class that has a
name, of which there may be several (`vae/data/fields.py`). Any other field is an attribute, which
is a number. Folders above those in the pattern may have any name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae.data.attributes import as_number, from_signs
from vae.data.fields import one_hot
from vae.data.labels import MANY, class_name, classes_of, numbered
from vae.errors import InputError, readable

logger = logging.getLogger(__name__)

KEY = "data.label_pattern"
_CLASS = ":label"  # ends the field of a class with a name
_FIELD = re.compile(r"\{([^{}]*)\}")


class Named(NamedTuple):
    """What the names of N files say.

    Attributes:
      labels: classes [N] int32 (-1: the pattern has no label), or attributes [N, A] float32.
      classes: the names of the classes; none where they are the numbers 0, 1, ....
      number: how many classes there are.
      attributes: the names of the attributes.
      identities: [N] int32, or None.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    number: int
    attributes: tuple[str, ...]
    identities: np.ndarray | None


def read_names(pattern: str, files: Sequence[str], what: str) -> Named:
    """Returns what the names of files say, by a pattern.

    Args:
      pattern: see above.
      files: [N] paths with "/".
      what: where the files lie, for messages.

    Raises:
      InputError: the pattern has no field, a field twice, or a label and attributes; it does not
        fit a file; or an attribute is no number.
    """
    fields, expression = _compiled(pattern)
    depth = pattern.count("/") + 1
    matches = [expression.fullmatch("/".join(file.split("/")[-depth:])) for file in files]
    if others := [file for file, match in zip(files, matches, strict=True) if not match]:
        raise InputError(
            f"{KEY} = {pattern!r} does not fit {len(others)} of {len(files)} files of {what}, "
            f"{readable(others[0])} for one: change it, or move them away."
        )
    texts = {
        field: np.array([match[i + 1] for match in matches if match])
        for i, field in enumerate(fields)
    }
    identities = None
    if "identity" in texts:
        people = numbered({"": texts.pop("identity")})[""]
        _, identities = np.unique(np.asarray(people), return_inverse=True)
        identities = identities.astype(np.int32)
    if "label" in texts:
        labels, classes, number = _classes(texts["label"], what)
        return Named(labels, classes, number, (), identities)
    if not texts:
        return Named(np.full(len(files), -1, np.int32), (), 0, (), identities)
    names: list[str] = []
    columns: list[np.ndarray] = []
    for field, column in texts.items():
        name = field.removesuffix(_CLASS)
        if name == field:
            names.append(field)
            columns.append(from_signs(_numbers(column, files, field)))
            continue
        labels, classes, number = _classes(column, f"{what}, {name}")
        known = [class_name(i, classes) for i in range(number)]
        if number > MANY:
            logger.warning("%s: %s has %d classes: are they classes?", what, name, number)
        attributes, values = one_hot(name, known, labels)
        names += attributes
        columns.append(values)
    return Named(np.concatenate(columns, axis=1), (), 0, tuple(names), identities)


def _compiled(pattern: str) -> tuple[list[str], re.Pattern]:
    """Returns a pattern's fields without `*`, and an expression that has a group for each."""
    text, *rest = _FIELD.split(pattern)
    named, literals = rest[::2], rest[1::2]
    fields = [field for field in named if field != "*"]
    names = [field.removesuffix(_CLASS) for field in fields]
    wrong = next(
        (
            field
            for field, name in zip(fields, names, strict=True)
            if not name.isidentifier() or (field != name and name in ("label", "identity"))
        ),
        None,
    )
    if wrong is not None or any(mark in "".join((text, *literals)) for mark in "{}"):
        reason = "has a brace too many" if wrong is None else f"has the field {{{wrong}}}"
    elif not fields:
        reason = "has no field to read"
    elif len(set(names)) < len(names):
        reason = "has a field twice"
    elif "label" in fields and {*fields} - {"label", "identity"}:
        reason = (
            "has a label and attributes, but a model's condition is either, so that this label "
            "needs a name, as {kind:label}"
        )
    else:
        groups = ("[^/]+?" if f == "*" else "([^/]+?)" for f in named)
        parts = zip(groups, map(re.escape, literals), strict=True)
        return fields, re.compile(re.escape(text) + "".join(map("".join, parts)), re.DOTALL)
    raise InputError(
        f"{KEY} = {pattern!r} {reason}: write it like {{label}}_{{*}}.png, "
        "{identity}/{*}.jpg or {digit:label}_{speaker:label}_{*}.wav."
    )


def _classes(texts: np.ndarray, what: str) -> tuple[np.ndarray, tuple[str, ...], int]:
    """Returns classes [N] int32, their names (none where these are their numbers), and how many."""
    found = classes_of(numbered({"": texts}), {"": texts}, what)
    return found.labels[""], tuple(map(readable, found.names)), found.number


def _numbers(column: np.ndarray, files: Sequence[str], field: str) -> np.ndarray:
    """Returns an attribute [N, 1] float32."""
    numbers = np.array([as_number(text) for text in column.tolist()], np.float32)
    if len(bad := np.flatnonzero(~np.isfinite(numbers))):
        raise InputError(
            f"{KEY}: {field} of {readable(files[bad[0]])} is {readable(str(column[bad[0]]))!r}, "
            f"which is no finite number: write {{{field}:label}} for a class, {{identity}}, or "
            "{*} for what says nothing."
        )
    return numbers[:, None]
