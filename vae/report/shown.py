"""What a command prints of its output: a short table and the paths of its files, or JSON."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from typing import Any

from vae.tasks.output import Output
from vae.terminal import aligned, measured, number
from vae.training import directory

WIDTH = 100
SHOWN = 8  # numbers of a list; a longer one is shown by its range
LONGEST = 60  # characters of a text in a line of the table
STDERR = "_stderr"
UNITS = {
    **dict.fromkeys(("elbo", "nll", "kl", "mutual_information", "off_centre"), "nats"),
    **dict.fromkeys(("negative_elbo", "ratio"), "nats"),
    **dict.fromkeys(("nll_ais", "nll_reverse", "nll_minus_ais", "bracket", "chains_error"), "nats"),
    **dict.fromkeys(("psnr", "lsd", "snr"), "dB"),
    "seconds": "s",
    "memory": "bytes",
}


def as_text(output: Output, *, as_json: bool = False) -> str:
    """Returns a short table and the paths of the files; or all, as JSON."""
    if as_json:
        figures = {"paths": [str(path) for path in output.paths]} | dict(output.figures)
        return directory.as_json(figures, indent=2)
    shown = output.text or table(output.figures)
    apart = [""] if output.text and output.paths else []  # no path is taken for a line of the text
    return "\n".join([*([shown] if shown else []), *apart, *map(str, output.paths)])


def table(figures: Mapping[str, Any]) -> str:
    """Returns figures to four digits, with their errors.

    Single figures come first. Figures that several things have (a metric of each split, an error of
    each method) get a column for each. What would be long is left to the file.
    """
    lines: list[tuple[str, str]] = []
    texts: list[str] = []
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    columns: dict[str, dict[str, str]] = {}
    for name, value in figures.items():
        if name == "error" or name.endswith(STDERR):
            continue
        if isinstance(value, str) and len(value) > LONGEST:
            texts += textwrap.wrap(value, width) if " " in value else []  # digests: in the file
        elif not isinstance(value, Mapping):
            lines += [(_named(name), shown)] if (shown := _cell(value, figures, name)) else []
        elif any(isinstance(each, str) for each in value.values()):
            said = (f"{key} {_cell(each)}" for key, each in value.items() if _cell(each))
            texts += textwrap.wrap(f"{name}: {', '.join(said)}", width, subsequent_indent="  ")
        else:
            for key, each in value.items():
                split, slash, metric = key.partition("/")
                column, row = (split, metric) if slash else (name, key)
                if not row.endswith(STDERR) and (shown := _cell(each, value, key)):
                    columns.setdefault(_named(column), {})[_named(row)] = shown
    # The rows of the last column first: in training that of the test set, which has most.
    rows = dict.fromkeys(row for column in reversed(columns.values()) for row in column)
    cells = [[row, *(column.get(row, "") for column in columns.values())] for row in rows]
    if cells:
        cells = [["", *columns], *cells]
    blocks = [aligned(lines, ()), aligned(cells, range(1, 1 + len(columns))), texts]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _named(name: str) -> str:
    return f"{name} ({UNITS[name]})" if name in UNITS else name


def _cell(value: Any, beside: Mapping[str, Any] = {}, name: str = "") -> str:
    """Returns a value as it is shown; "" if it is not."""
    if isinstance(value, str | bool):
        return str(value)
    if isinstance(value, list | tuple):
        if not value or not all(isinstance(each, int | float) for each in value):
            return ""
        if len(value) <= SHOWN:
            return ", ".join(map(number, value))
        return f"{number(min(value))} to {number(max(value))} ({len(value)})"
    if not isinstance(value, int | float):
        return ""
    return measured(value, beside.get(name + STDERR))
