"""One of the values that a key may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Choice(NamedTuple):
    """A row of an axis.

    Attributes:
      about: what it is, in a sentence.
      part: what it stands for, "module:Name"; "" where it is a word that its reader understands.
      reads: keys that are read with it: those of its own section by their names, others dotted.
      given: further arguments of the part, which no key changes.
    """

    about: str
    part: str = ""
    reads: tuple[str, ...] = ()
    given: Mapping[str, Any] = {}
