"""What the names of files say of them, as a person writes it: `data.label_pattern`.

    {label}_{*}.png              cat_0012.png
    {identity}/{*}.jpg           anna/7.jpg: folders are as good as parts of a name
    {label}_{identity}_{*}.wav   7_jackson_32.wav
    {age}_{sex}_{*}.jpg          31_0_20170104.jpg

A field stands for any text without a "/", as short as the rest of the pattern allows. `label` is
the class, `identity` whose the example is, and `*` is left unread; any other name is that of an
attribute, a number. Folders above those of the pattern may be any.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vae.data.attributes import as_number, from_signs
from vae.data.labels import classes_of
from vae.errors import InputError, readable

KEY = "data.label_pattern"
_FIELD = re.compile(r"\{([^{}]*)\}")


class Named(NamedTuple):
    """What the names of N files say.

    Attributes:
      labels: classes [N] int32, -1 where the pattern has none; or attributes [N, A] float32.
      classes: the names of the classes, none where they are the numbers 0, 1, ....
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
    """Reads the names of `files`, paths with "/"; `what` is where they lie, for messages.

    Raises:
      InputError: the pattern names nothing, or one thing twice, or classes and attributes; a file
        is not as it says; an attribute is no number.
    """
    fields, expression = _compiled(pattern)
    depth = pattern.count("/") + 1
    found = [expression.fullmatch("/".join(file.split("/")[-depth:])) for file in files]
    if others := [file for file, match in zip(files, found, strict=True) if not match]:
        raise InputError(
            f"{KEY} = {pattern!r} does not fit {len(others)} of {len(files)} files of {what}, "
            f"{readable(others[0])} for one: change it, or move them away."
        )
    columns = {field: [match[field] for match in found] for field in fields}
    identities = None
    if "identity" in columns:
        _, identities = np.unique(columns.pop("identity"), return_inverse=True)
        identities = identities.astype(np.int32)
    if "label" in columns:
        texts = np.array(columns["label"])
        try:
            values = texts.astype(np.int64)
        except (ValueError, OverflowError):
            values = texts
        labels, _, classes, number = classes_of({"": values}, {"": texts}, what)
        return Named(labels[""], tuple(map(readable, classes)), number, (), identities)
    if not columns:
        return Named(np.full(len(files), -1, np.int32), (), 0, (), identities)
    values = np.stack([_numbers(column, files, field) for field, column in columns.items()], 1)
    return Named(from_signs(values), (), 0, tuple(columns), identities)


def _compiled(pattern: str) -> tuple[list[str], re.Pattern]:
    """Returns the fields of a pattern but `*`, and what matches the names, the fields as groups."""
    text, *rest = _FIELD.split(pattern)
    named, literals = rest[::2], rest[1::2]
    fields = [field for field in named if field != "*"]
    wrong = next((field for field in fields if not field.isidentifier()), None)
    if wrong is not None or any(mark in "".join((text, *literals)) for mark in "{}"):
        reason = "has a brace too many" if wrong is None else f"has the field {{{wrong}}}"
    elif not fields:
        reason = "has no field that is asked for"
    elif len(set(fields)) < len(fields):
        reason = "has a field twice"
    elif "label" in fields and {*fields} - {"label", "identity"}:
        reason = "has a label and attributes, which one model is not told together"
    else:
        groups = ("([^/]+?)" if f == "*" else f"(?P<{f}>[^/]+?)" for f in named)
        parts = zip(groups, map(re.escape, literals), strict=True)
        return fields, re.compile(re.escape(text) + "".join(map("".join, parts)), re.DOTALL)
    raise InputError(
        f"{KEY} = {pattern!r} {reason}: write it like {{label}}_{{*}}.png or "
        "{identity}/{*}.jpg."
    )


def _numbers(column: Sequence[str], files: Sequence[str], field: str) -> np.ndarray:
    """Returns an attribute [N] float32."""
    numbers = np.array([as_number(text) for text in column], np.float32)
    if len(bad := np.flatnonzero(~np.isfinite(numbers))):
        raise InputError(
            f"{KEY}: {field} of {readable(files[bad[0]])} is {readable(column[bad[0]])!r}, which "
            "is no finite number: call it label or identity, or write {*} for it."
        )
    return numbers
