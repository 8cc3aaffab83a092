"""Makes the page of every key from the rows: `python -m vae.config.page docs/configuration.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from vae.config.axes import AXES
from vae.config.keys import FREE, KEYS, SECTIONS, settings_key
from vae.config.reads import READERS
from vae.config.values import Choices

HEAD = """\
# The configuration

This page lists every key with its default. An experiment's file starts from `vae.config.base()`,
which has them all, and changes the keys that it is about; `--config.KEY=VALUE` changes one on the
command line. `vae help model.prior` explains a key in the terminal, `vae help vamp` a choice. A key
that is set but that nothing reads is refused, and so are values that do not go together; a sentence
says why.

Where the choices are parts, `"module:Name"` names one of your own, in a file beside the
experiment's; its arguments are settings, such as `model.prior_settings.df = 3`.

`python -m vae.config.page docs/configuration.md` makes this page from the rows of
`vae/config/keys/` and `vae/config/axes/`.
"""


def page() -> str:
    """Returns the page as Markdown."""
    lines = [HEAD]
    for section, about in SECTIONS.items():
        keys = [key for key in KEYS if key.partition(".")[0] == section]
        rows = [(_code(key), _default(key), _about(key)) for key in keys if key not in FREE]
        lines += [f"## {section}\n", about.splitlines()[0] + "\n"]
        lines += [_table(("key", "default", ""), rows)]
        for key in keys:
            if key in AXES:
                lines += [f"### {key}\n", *_choices(key)]
    return "\n".join(lines)


def _choices(axis: str) -> list[str]:
    rows = [
        (_code(name), choice.about, ", ".join(map(_code, choice.reads)))
        for name, choice in AXES[axis].items()
    ]
    if settings_key(axis) in FREE:
        rows.append((_code("module:Name"), "One of your own.", _code(f"{settings_key(axis)}.*")))
    return [_table(("choice", "", "reads"), rows)]


def _default(key: str) -> str:
    return _code(repr(KEYS[key].default))


def _about(key: str) -> str:
    row = KEYS[key]
    said = row.about.replace("|", r"\|").replace("\n", "<br>")
    if isinstance(row.rule, Choices):
        said += f" [Choices](#{key.replace('.', '')})."
    readers = [
        f"`{axis}` = {', '.join(map(_code, names))}" for axis, names in READERS.get(key, {}).items()
    ]
    return said + (f"<br>Read with {' or '.join(readers)}." if readers else "")


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
