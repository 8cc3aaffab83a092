"""Explains a word of the configuration: `help model.prior`, `help model`, `help vamp`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from vae.config.axes import AXES, Choice
from vae.config.keys import FREE, KEYS, SECTIONS, Key, settings_key
from vae.config.reads import READERS
from vae.config.values import Choices
from vae.errors import InputError, did_you_mean

WIDTH = 80


def help_text(word: str, others: Iterable[str] = ()) -> str:
    """Explains the configuration, or a section, key or choice of it.

    Args:
      word: "config", a section, a key with or without its section, a choice, or KEY=CHOICE.
      others: other words that may be meant, such as the names of commands.

    Raises:
      InputError: the configuration has no such word.
    """
    word = word.lstrip("-").removeprefix("config.")
    if word == "config":
        return _overview()
    if word in SECTIONS and word not in KEYS:
        return _section(word)
    keys = [key for key in KEYS if word in (key, key.rpartition(".")[2])]
    named = [(axis, word) for axis, choices in AXES.items() if word in choices]
    axis, _, name = word.partition("=")
    if name in AXES.get(axis, ()):
        named = [(axis, name)]
    found = [_key(key, KEYS[key]) for key in keys] + [_choice(*choice) for choice in named]
    if not found:
        known = {
            "config",
            *SECTIONS,
            *KEYS,
            *(key.rpartition(".")[2] for key in KEYS),
            *_names(),
            *others,
        }
        raise InputError(f"There is nothing called {word!r}{did_you_mean(word, known)}")
    return "\n\n".join(found)


def _names() -> Iterable[str]:
    return (name for choices in AXES.values() for name in choices)


def _overview() -> str:
    rows = [(section, about) for section, about in SECTIONS.items()]
    lines = [
        "An experiment is a configuration: --config=FILE has it, and --config.KEY=VALUE",
        "changes one value of it. Its sections are:",
        "",
        *_table(rows),
        "",
        "`vae help SECTION` lists its keys, `vae help model.prior` explains a key, and",
        "`vae help vamp` a choice.",
    ]
    return "\n".join(lines)


def _section(section: str) -> str:
    inside = {key: row for key, row in KEYS.items() if key.startswith(f"{section}.")}
    rows = [
        (f"{key.partition('.')[2]} = {_value(row.default)}", row.about.splitlines()[0])
        for key, row in inside.items()
        if key not in FREE
    ]
    free = [key for key in inside if key in FREE]
    lines = [SECTIONS[section], "", *_table(rows)]
    if free:
        lines += ["", *_wrapped(f"Settings of a part, by any name: {', '.join(free)}.")]
    return "\n".join(lines)


def _key(key: str, row: Key) -> str:
    head = key if key in FREE else f"{key} = {_value(row.default)}"
    lines = [head, "", *_wrapped(row.about, "  ")]
    if isinstance(row.rule, Choices):
        lines += ["", "Choices, each with the keys that are read with it:"]
        lines += _table((n, _with_reads(choice)) for n, choice in AXES[key].items())
        if row.rule.are_parts():
            settings = settings_key(key)
            own = f", with its arguments as {settings}.NAME" if settings in FREE else ""
            lines += _table([("module:Name", f"One of your own{own}.")], _width(AXES[key]))
    elif key not in FREE:
        lines += ["", *_wrapped(f"It must be {row.rule}.", "  ")]
    else:
        lines += ["", *_wrapped(f"Each is {row.rule}: --config.{key}.NAME=VALUE.", "  ")]
    if key in READERS:
        readers = [f"{axis}: {', '.join(names)}" for axis, names in READERS[key].items()]
        lines += ["", "It is read only with", *(x for r in readers for x in _wrapped(r, "  "))]
    return "\n".join(lines)


def _with_reads(choice: Choice) -> str:
    return choice.about + (f"\nReads {', '.join(choice.reads)}." if choice.reads else "")


def _choice(axis: str, name: str) -> str:
    choice, section = AXES[axis][name], axis.partition(".")[0]
    lines = [f"{name}, a choice of {axis}", "", *_wrapped(choice.about, "  ")]
    reads = [key if "." in key else f"{section}.{key}" for key in choice.reads]
    if reads:
        rows = [(f"{key} = {_value(KEYS[key].default)}", KEYS[key].about) for key in reads]
        lines += ["", "Keys that are read with it:", *_table(rows)]
    if choice.part:
        lines += ["", f"It is {choice.part}."]
    lines += ["", f"--config.{axis}={name}"]
    return "\n".join(lines)


def _value(value: object) -> str:
    return value if isinstance(value, str) and value else repr(value)


def _width(words: Iterable[str]) -> int:
    return min(30, max(map(len, words)))


def _table(rows: Iterable[tuple[str, str]], width: int = 0) -> list[str]:
    """Returns a table of two columns in 80; a word too long for the first gets its own line."""
    rows = list(rows)
    width = width or _width(word for word, _ in rows)
    lines = []
    for word, about in rows:
        indent = " " * (width + 4)
        text = _wrapped(about, indent)
        if len(word) <= width:
            text[0] = f"  {word:{width}}  {text[0].strip()}"
        else:
            text.insert(0, f"  {word}")
        lines += text
    return lines


def _wrapped(text: str, indent: str = "") -> list[str]:
    """Returns the lines of a text, each within 80 columns."""
    fold = textwrap.TextWrapper(
        WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    return [line for part in text.splitlines() for line in fold.wrap(part)]
