"""What a task gives back, to Python and to the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Output(NamedTuple):
    """What a task made.

    Attributes:
      paths: the files that it wrote, a picture first.
      figures: what it found, as its JSON file has it.
      text: how these are shown on a terminal, where a table of them would not do.
    """

    paths: Sequence[Path]
    figures: Mapping[str, Any] = {}
    text: str = ""
