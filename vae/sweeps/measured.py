"""What tasks measured on the trials of a sweep, and what others published.

Tasks leave their figures in run directories; `vae.report.results.TASKS` says which are shown. An
experiment's file may have published figures by the same names, as a literal beside `sweep`:

    PUBLISHED_SCORES = {"beta-VAE (Locatello et al. 2019)": {"MIG": 0.102}}
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vae.files import user_path
from vae.report.results import TASKS, at
from vae.training.directory import Damaged, read_json

logger = logging.getLogger(__name__)

PUBLISHED = "PUBLISHED_SCORES"
OWN = ("params_sha256", "step")  # what every run has of its own, in a record or its protocol


def figures(run: Path) -> dict[str, float]:
    """Returns what tasks measured on a run, by the names that are shown."""
    found: dict[str, float] = {}
    for file, names, record in _records(run):
        for name, path in names.items():
            if (value := at(record, path)) is not None:
                found[f"{name} ({file.stem})" if name in found else name] = value
    return found


def protocols(runs: Sequence[Path]) -> list[str]:
    """Returns a line for each task on how it measured; what differs between runs is said."""
    known: dict[str, dict[str, set[str]]] = {}
    for run in runs:
        for file, _, record in _records(run):
            values = {"num": record.get("num")} | record.get("protocol", {})
            for key, value in values.items():
                if key not in OWN and value is not None:
                    known.setdefault(file.stem, {}).setdefault(key, set()).add(_shown(value))
    return [
        f"{task}: " + ", ".join(f"{key} {' or '.join(sorted(x))}" for key, x in protocol.items())
        for task, protocol in known.items()
    ]


def published(config: str) -> dict[str, dict[str, float]]:
    """Returns the published figures in an experiment's file: {of what: {name: figure}}.

    The file is not run. One that is not there any more, or has none, has no published figures.
    """
    file = user_path(config.partition(":")[0])
    try:
        body = ast.parse(file.read_text("utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return {}
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == PUBLISHED:
            return ast.literal_eval(node.value)
    return {}


def _records(run: Path) -> Iterator[tuple[Path, dict[str, str], dict[str, Any]]]:
    """Yields each file that a task left in a run, the names of its figures, and its content."""
    for pattern, names in TASKS.items():
        for file in sorted(run.glob(pattern)):
            try:
                yield file, names, read_json(file, {}) or {}
            except Damaged as error:
                logger.warning("%s It is left out.", error)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
