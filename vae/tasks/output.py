"""What a task returns, to Python, to a notebook and to the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from numbers import Real
from pathlib import Path
from typing import Any, NamedTuple

from vae.files import data_uri

SHOWN = {".png": "image/png", ".gif": "image/gif", ".wav": "audio/wav"}


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

    def _repr_html_(self) -> str:
        """What a notebook shows: pictures and sounds, then the text, or the single figures."""
        return "\n".join([*map(_player, self._players()), _text(self.text) or _table(self.figures)])

    def _players(self) -> Iterator[Path]:
        return (path for path in self.paths if path.suffix in SHOWN and path.exists())


def _player(path: Path) -> str:
    kind = SHOWN[path.suffix]
    data = data_uri(path.read_bytes(), kind)
    if kind.startswith("audio"):
        return f'<audio controls src="{data}"></audio>'
    return f'<img src="{data}" alt="{escape(path.stem)}">'


def _text(text: str) -> str:
    return text and f"<pre>{escape(text)}</pre>"


def _table(figures: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value:.6g}</td></tr>" for name, value in _single(figures)
    )
    return f"<table>{rows}</table>"


def _single(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in figures.items():
        if isinstance(value, Mapping):
            yield from _single(value)
        elif isinstance(value, Real):
            yield name, float(value)
