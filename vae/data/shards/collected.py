"""Collects what is known of records while they are read through: numbers, and short texts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vae.data.shards.base import NUMBER, TEXT
from vae.errors import InputError

_LONGEST = 100  # characters of a text that may be a class
_MOST = 50_000  # different texts: a column of more has no classes

Known = Mapping[str, float | str]


class Collected:
    """The columns of numbers and texts of N records; those that a record lacks are NaN or ""."""

    def __init__(self) -> None:
        self._count = 0
        self._columns: dict[str, list[float]] = {}
        self._texts: dict[str, dict[str, int]] = {}  # the number of each text, by column

    def add(self, known: Known, what: str) -> None:
        """Takes the next record, which `what` names in messages.

        Raises:
          InputError: a column has a number where others have texts, or the other way round.
        """
        for name, value in known.items():
            if (name in self._columns) and isinstance(value, str) != (name in self._texts):
                raise InputError(
                    f"{what}: {name} is {value!r}, where others are "
                    f"{'texts' if name in self._texts else 'numbers'}: give one kind."
                )
            if isinstance(value, str):
                value = self._number(name, value)
            column = self._columns.setdefault(name, [])
            column += [np.nan] * (self._count - len(column))
            column.append(value)
        self._count += 1

    def _number(self, name: str, text: str) -> float:
        texts = self._texts.setdefault(name, {})
        if len(texts) > _MOST or len(text) > _LONGEST:
            return np.nan
        return texts.setdefault(text, len(texts))

    def arrays(self) -> dict[str, np.ndarray]:
        """Returns the columns as arrays, for an index."""
        made: dict[str, np.ndarray] = {}
        for name, column in self._columns.items():
            column += [np.nan] * (self._count - len(column))
            texts = self._texts.get(name)
            if texts is None:
                made[f"{NUMBER}:{name}"] = np.array(column)
            elif len(texts) <= _MOST:
                codes = np.nan_to_num(np.array(column), nan=len(texts)).astype(np.int32)
                made[f"{TEXT}:{name}"] = codes
                made[f"texts:{name}"] = np.array([*texts, ""])
        return made


def columns_of(index: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Returns the kinds of the columns in an index by their names."""
    split = (key.partition(":") for key in index)
    return {name: kind for kind, mark, name in split if mark and kind in (NUMBER, TEXT)}


def known(index: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Returns a column of an index, see `Shards.known`."""
    if f"{NUMBER}:{name}" in index:
        return index[f"{NUMBER}:{name}"]
    return index[f"texts:{name}"][index[f"{TEXT}:{name}"]]
