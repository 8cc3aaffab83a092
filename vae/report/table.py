"""A file of results: its sections, and how new rows are merged into an existing one.

    ## NAME, a title, a table of rows, a table of what tasks found, the command of each row

and last the fidelity of all runs' samples and reconstructions in one table, made of those above.

The first cell identifies a row. A run replaces the row of the same name, and rows without a run
here stay as they were: nobody with few of the runs empties the file. A file with other text, which
would be lost, is refused.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from vae.errors import InputError
from vae.files import check_file, whole

TITLE = "# Results"
HEADER = f"""{TITLE}

A row is an experiment, its figure the mean over seeds +- its standard error over seeds; of a single
run, +- the standard error over the examples, marked *. Nats per example, or bits per dimension
where the figure is named so. The commands are below each table; they take `--config.data.path=DIR`
for local files and `--config.seed=S --config.data.seed=S` for a seed. Written from run directories
by

    vae results --workdir=RUNS --out=FILE
"""
COLUMNS = (
    "variant",
    "data",
    "figure",
    "published",
    "here",
    "seeds",
    "steps",
    "minutes a run",
    "hardware",
)
DATA, HERE, STEPS = (COLUMNS.index(name) for name in ("data", "here", "steps"))
NOT_RUN = "not run"
TASK_COLUMNS = ("variant", "of its tasks", "examples", "figures")
COMPARED = "Samples and reconstructions compared"
COMPARED_COLUMNS = ("data", "experiment", *TASK_COLUMNS[:3])
COMPARED_TEXT = """What `vae fidelity` found, by data. Frechet distances compare only between equal
numbers of examples and equal features; those of validation examples are what a perfect model would
have."""
_FIGURE = re.compile(r"([A-Za-z][^,()]*?) (-?[\d.]+(?:e[+-]?\d+)?|nan)(?:, |$)")


class Row(NamedTuple):
    """A line of a section's table, and the command that makes it ("" if unknown)."""

    cells: tuple[str, ...]
    command: str

    @property
    def variant(self) -> str:
        return self.cells[0].split(" ")[0]

    @property
    def was_run(self) -> bool:
        return self.cells[HERE] != NOT_RUN


def of_tasks(rows: Sequence[Row]) -> dict[str, str]:
    """Returns what the runs of each row are called beside their tasks, by the row's first cell.

    It is the variant and the steps; where others would be called so, too, with the name of the
    data, or else all of the first cell.
    """
    names: dict[str, str] = {}
    for form in (
        lambda row: row.cells[0],
        lambda row: f"{row.variant}, {row.cells[DATA].partition(',')[0]}",
        lambda row: row.variant,
    ):
        called = [f"{form(row)}, {row.cells[STEPS]} steps" for row in rows]
        for row, name in zip(rows, called, strict=True):
            if called.count(name) == 1:
                names[row.cells[0]] = name
    return names


class Section(NamedTuple):
    """An experiment file's rows, and those of tasks, each with its run's first cell in front."""

    title: str
    rows: list[Row]
    tasks: list[tuple[str, ...]]


def merge(old: Section, new: Section) -> Section:
    """Returns the new rows in their order, with the old ones that were not run again."""
    rows = {row.cells[0]: row for row in old.rows if row.was_run}
    rows |= {row.cells[0]: row for row in new.rows if row.was_run}
    known = {row.variant for row in rows.values()}
    rows |= {r.cells[0]: r for r in (*old.rows, *new.rows) if r.variant not in known}
    order = list(dict.fromkeys(row.variant for row in (*new.rows, *old.rows)))
    merged = sorted(rows.values(), key=lambda row: order.index(row.variant))
    tasks = {row[:2]: row for row in (*old.tasks, *new.tasks)}
    named = {row.cells[0] for row in merged}
    return Section(new.title, merged, [row for row in tasks.values() if row[0] in named])


def write(path: Path, new: dict[str, Section]) -> None:
    """Merges sections, by name, into the file at `path`, or makes it.

    Raises:
      InputError: something else is at the path or in its file, or it cannot be read or written; the
        file is left unchanged.
    """
    try:
        check_file(path)
        old = _own(path) if path.exists() else {}
        merged = old | {name: merge(old[name], s) if name in old else s for name, s in new.items()}
        today = datetime.datetime.now(datetime.UTC).date()
        with whole(path, "w") as file:
            file.write(_text(merged, str(today)))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError(
            f"{path} cannot be written: {reason}; say where with --out=FILE."
        ) from None


def _own(path: Path) -> dict[str, Section]:
    """Returns the sections of the file at `path`, all of which `write` made."""
    text = path.read_text("utf-8").replace("python launch.py ", "vae ")  # as earlier versions wrote
    sections = _parse(text)
    if sections is None:
        raise InputError(f"--out={path} holds no results; choose another file.")
    date = re.search(r"^\d{4}-\d\d-\d\d$", text, re.MULTILINE)
    made = _text(sections, date[0] if date else "").splitlines()
    for number, (line, own) in enumerate(zip_longest(text.splitlines(), made), start=1):
        if line != own:
            raise InputError(
                f"{path}, line {number}, is not as `results` writes it, and would be lost: give "
                "another file as --out, or keep that text elsewhere."
            )
    return sections


def _text(sections: dict[str, Section], date: str) -> str:
    names = sorted(sections, key=lambda name: ("." in name, name))  # your own files at the end
    sections = {name: sections[name] for name in names}
    rendered = [_render(name, section) for name, section in sections.items()]
    return "\n".join([f"{HEADER}\n{date}\n", *rendered, *_compared(sections)])


def _compared(sections: dict[str, Section]) -> list[str]:
    """Returns the lines of the table of fidelity, of what sections hold; none where they hold none.

    Rows of the same data stand together, and within them those of the same features.
    """
    found = []
    for name, section in sections.items():
        data, called = (
            {row.cells[0]: row.cells[DATA] for row in section.rows},
            of_tasks(section.rows),
        )
        for variant, task, examples, figures in section.tasks:
            of_each = dict(_FIGURE.findall(figures))
            if task.startswith("`fidelity") and of_each:
                features = task.partition("features")[2]
                row = (data[variant], name, called[variant], task, examples)
                found.append((row[0], features, row, of_each))
    if not found:
        return []
    found.sort(key=lambda each: each[:2])
    columns = list(dict.fromkeys(figure for *_, of_each in found for figure in of_each))
    rows = [(*row, *(of_each.get(c, "") for c in columns)) for *_, row, of_each in found]
    table = _table((*COMPARED_COLUMNS, *columns), rows)
    return [f"## {COMPARED}", "", COMPARED_TEXT, "", *table, ""]


def _render(name: str, section: Section) -> str:
    lines = [f"## {name}", "", section.title, "", *_table(COLUMNS, [r.cells for r in section.rows])]
    if section.tasks:
        called = of_tasks(section.rows)
        tasks = [(called[first], *cells) for first, *cells in section.tasks]
        lines += ["", *_table(TASK_COLUMNS, tasks)]
    commands = [row.command for row in section.rows]
    return "\n".join([*lines, "", "```", *commands, "```", ""])


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in (columns, *rows)]
    return [body[0], "|" + "---|" * len(columns), *body[1:]]


def _parse(text: str) -> dict[str, Section] | None:
    """Returns the sections of a file that `write` made, by name; None if it is another file."""
    if not text.startswith(f"{TITLE}\n"):
        return None
    sections = {}
    for part in text.split("\n## ")[1:]:
        name, _, body = part.partition("\n")
        if name == COMPARED:
            continue
        before, _, after = body.partition("\n```\n")
        lines = before.splitlines()
        tables = [tuple(line[2:-2].split(" | ")) for line in lines if line.startswith("| ")]
        rows = [cells for cells in tables if len(cells) == len(COLUMNS) and cells != COLUMNS]
        tasks = [c for c in tables if len(c) == len(TASK_COLUMNS) and c[:2] != TASK_COLUMNS[:2]]
        commands = after.partition("\n```")[0].splitlines()
        commands += [""] * (len(rows) - len(commands))
        title = lines[1] if len(lines) > 1 else ""
        made = [Row(cells, command) for cells, command in zip(rows, commands, strict=False)]
        first = {name: cell for cell, name in of_tasks(made).items()}
        known = [(first[c[0]], *c[1:]) for c in tasks if c[0] in first]
        sections[name] = Section(title, made, known)
    return sections
