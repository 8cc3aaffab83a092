"""Slices of a base split that keep each group of examples together: all of one person, say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vae.data.examples import Source
from vae.data.fields import fields_of
from vae.data.splits import digest, order
from vae.errors import InputError, did_you_mean

SORTED = ":sorted"  # ends a column whose groups come in increasing order


def together(
    column: str, source: Source, selected: Mapping[str, tuple[str, range]]
) -> dict[str, np.ndarray]:
    """Returns the indices of each slice's examples, such that no group is in two slices.

    Args:
      column: what makes a group (`data.split_by`): "identity", "label" or the name of an attribute
        or of a field. With ":sorted", groups are in increasing order; else they are shuffled.
      source: the base splits.
      selected: the slices, as `splits.select` gives them.

    Raises:
      InputError: the column is not known, a slice is left empty, or a group is in two base splits.
    """
    groups = _groups(column.removesuffix(SORTED), source)
    chosen: dict[str, np.ndarray] = {}
    seen: dict[str, set[int]] = {}
    for key, (name, span) in selected.items():
        chosen[key] = of_groups(groups[name], span, in_order=column.endswith(SORTED))
        own = set(groups[name][chosen[key]].tolist()) - {-1}
        if not len(chosen[key]):
            raise InputError(
                f"{key} has no examples with data.split_by = {column!r}, whose groups are too few "
                "or too large: give larger slices."
            )
        for other, theirs in seen.items():
            if shared := own & theirs:
                raise InputError(
                    f"{other} and {key} share {len(shared)} of the groups of data.split_by = "
                    f"{column!r}, as the data's own splits do: take both from one of these."
                )
        seen[key] = own
    return chosen


def of_groups(groups: np.ndarray, span: range, *, in_order: bool = False) -> np.ndarray:
    """Returns the indices, in increasing order, of a slice of whole groups.

    The groups are put into an order that depends on their numbers alone, and the slice's bounds
    move to the nearest bounds of groups: adjacent slices stay adjacent.

    Args:
      groups: [N], the group of each example, -1 for an example on its own.
      span: the slice, in examples.
      in_order: takes groups by increasing number, examples on their own last; else shuffled.
    """
    alone = groups < 0
    names = np.where(alone, np.arange(len(groups)), groups)
    keys: list[Any] = list(zip(alone.tolist(), names.tolist(), strict=True))
    if not in_order:
        keys = [digest(f"{kind} {name}".encode()) for kind, name in keys]
    ordered = order(keys)
    changes = [i for i in range(1, len(keys)) if keys[ordered[i]] != keys[ordered[i - 1]]]
    bounds = np.array([0, *changes, len(keys)])
    start, stop = (bounds[np.abs(bounds - end).argmin()] for end in (span.start, span.stop))
    return np.sort(ordered[start:stop])


def _groups(column: str, source: Source) -> dict[str, np.ndarray]:
    """Returns, for each base split, the group of each example [N], -1 where it is not known.

    Raises:
      InputError: the data have no such column.
    """
    columns: dict[str, list[np.ndarray]] = {}
    for examples in source.splits.values():
        labels = getattr(examples, "labels", None)
        if examples.identities is not None:
            columns.setdefault("identity", []).append(examples.identities)
        if labels is not None and source.num_classes:
            columns.setdefault("label", []).append(labels)
        if labels is not None:
            for name, values in zip(source.attributes, labels.T, strict=False):
                columns.setdefault(name, []).append(values)
            for field in fields_of(source.attributes):
                columns.setdefault(field.name, []).append(labels[:, field.columns].argmax(1))
    if column not in columns:
        there = f"there are {', '.join(columns)}" if columns else "nothing is known of its examples"
        hint = did_you_mean(column, columns)
        raise InputError(
            f"data.split_by = {column!r} is not in {source.description}; {there}{hint}"
        )
    found = np.concatenate(columns[column])
    if column not in ("identity", "label"):
        found = np.unique(found, return_inverse=True)[1]
    ends = np.cumsum([len(examples) for examples in source.splits.values()])[:-1]
    return dict(zip(source.splits, np.split(found, ends), strict=True))
