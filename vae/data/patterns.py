"""Labels, identities and attributes from the names of files, by a pattern (`data.label_pattern`).

    {label}_{*}.png              cat_0012.png
    {identity}/{*}.jpg           anna/7.jpg: a field may be the name of a folder
    {label}_{identity}_{*}.wav   7_jackson_32.wav
    {age}_{sex}_{*}.jpg          31_0_20170104.jpg

A field stands for any text without a "/", as short as the rest of the pattern allows. `label` is
the class, `identity` whose the example is, and `*` is ignored; any other field is an attribute,
which is a number. Folders above those in the pattern may have any name.
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
    columns = {field: [match[field] for match in matches if match] for field in fields}
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
    """Returns a pattern's fields without `*`, and an expression that has a group for each."""
    text, *rest = _FIELD.split(pattern)
    named, literals = rest[::2], rest[1::2]
    fields = [field for field in named if field != "*"]
    wrong = next((field for field in fields if not field.isidentifier()), None)
    if wrong is not None or any(mark in "".join((text, *literals)) for mark in "{}"):
        reason = "has a brace too many" if wrong is None else f"has the field {{{wrong}}}"
    elif not fields:
        reason = "has no field to read"
    elif len(set(fields)) < len(fields):
        reason = "has a field twice"
    elif "label" in fields and {*fields} - {"label", "identity"}:
        reason = "has a label and attributes, but a model's condition is either"
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
