"""The scripts with which a page shows an example: `show.js` beside the `show.py` of a modality."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path


def beside(file: str) -> Callable[[], str]:
    """Returns a modality's `script`, which reads the .js file beside its module's file."""
    return functools.partial(Path(file).with_suffix(".js").read_text, "utf-8")
