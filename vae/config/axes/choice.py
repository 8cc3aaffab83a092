"""One of the choices of a key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Choice(NamedTuple):
    """A row of an axis.

    Attributes:
      about: a sentence that explains it.
      part: the class or function that it stands for, "module:Name"; "" for a mere word.
      reads: the keys that are read with it: bare names in its own section, others dotted.
      given: further arguments of the part, which no key changes.
    """

    about: str
    part: str = ""
    reads: tuple[str, ...] = ()
    given: Mapping[str, Any] = {}
