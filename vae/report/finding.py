"""Something that is wrong with a run or a sweep, in a plain sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

BAD, WARN, NOTE = "bad", "warn", "note"


class Finding(NamedTuple):
    """Something that is wrong, or worth a look.

    Attributes:
      level: BAD if what was trained is of little use, WARN if its figures or samples suffer, NOTE
        if it could be better.
      title: a few words.
      said: what is seen, with its figure, and what to try.
    """

    level: str
    title: str
    said: str


def ordered(found: Iterable[Finding | None]) -> list[Finding]:
    """Returns the findings that there are, the worst first."""
    known = [finding for finding in found if finding]
    return sorted(known, key=lambda finding: (BAD, WARN, NOTE).index(finding.level))
