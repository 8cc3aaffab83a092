"""What a task returns, to Python and to the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Output(NamedTuple):
    """What a task made.

    Attributes:
      paths: the files that it wrote, a picture first.
      figures: what it found, as in its JSON file.
      text: the figures as shown on a terminal; "" shows them as a table.
    """

    paths: Sequence[Path]
    figures: Mapping[str, Any] = {}
    text: str = ""
