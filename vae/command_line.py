"""Reads the command line by the signatures of functions, and explains it.

A flag is written --name=value or --name value, with _ or - between words. A switch is written
--name, --no-name or --name=False; a list has commas between its values. A mistake is one sentence.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from vae.errors import InputError, did_you_mean, not_one_of
from vae.files import user_path
from vae.signature import REQUIRED, Parameter, Signature

WIDTH, COLUMN = 80, 22  # of help
ALIASES = {"images": "files"}  # old names of flags


class Kind(NamedTuple):
    """How values of an annotation are written on a command line.

    Attributes:
      shown: what help shows after the name of a flag.
      read: text -> value; raises ValueError where there is none.
      must: completes "must be ...".
    """

    shown: str
    read: Callable[[str], Any]
    must: str


def _from(low: int, high: float = math.inf) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return read


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError
    return float(text)


def _settings(text: str) -> dict[str, float]:
    """Returns the values by name in "Smiling=1,Hat"; a name without a value gets 1."""
    pairs = (pair.partition("=") for pair in text.split(","))
    return {name: _finite(value) if equals else 1.0 for name, equals, value in pairs}


def _each(read: Callable[[str], Any], separator: str = ",") -> Callable[[str], list[Any]]:
    return lambda text: [read(part) for part in text.split(separator)]


WHOLE, TEXT, PATH = Kind("N", int, "a whole number"), Kind("TEXT", str, "text"), user_path
LIST = Kind("A,B", _each(str), "a list")
KINDS = {
    "int": WHOLE,
    "Count": Kind("N", _from(1), "a whole number from 1"),
    "Seed": Kind("N", _from(0, 2**32 - 1), f"a whole number from 0 to {2**32 - 1}"),
    "float": Kind("X", _finite, "a number"),
    "str": TEXT,
    "Path": Kind("PATH", PATH, "a path"),
    "str | Path": Kind("PATH", PATH, "a path"),
    "Sequence[str]": LIST,
    "Sequence[int | str]": LIST,
    "Sequence[int]": Kind("N,N", _each(int), "whole numbers"),
    "Sequence[float]": Kind("X,X", _each(_finite), "numbers"),
    "Sequence[str | Path]": Kind("A,B", _each(str), "paths"),
    "Sequence[Mapping[str, float]]": Kind(
        "A=1,B", _each(_settings, "/"), "numbers by name, as Smiling=1,Hat=0"
    ),
}


def parse(
    arguments: Sequence[str], command: str, parameters: Mapping[str, Parameter], words: str = ""
) -> tuple[dict[str, Any], dict[str, str]]:
    """Reads the arguments of a command.

    Args:
      arguments: what follows the name of the command.
      command: its name, for messages.
      parameters: its flags by name. "config" also stands for --config.KEY with any key.
      words: the name of the parameter that takes words without a flag; "" if there is none.

    Returns:
      The given values by name, and the texts of --config.KEY by key.

    Raises:
      InputError: an argument is not understood, or a value is missing or wrong.
    """
    values: dict[str, Any] = {}
    settings: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if words and not word.startswith("-"):
            values.setdefault(words, []).append(word)
            continue
        named = any(each.split("=")[0] == "--config" for each in arguments)
        if "config" in parameters and not named and "config" not in values and word[:1] != "-":
            word = f"--config={word}"  # `vae config FILE`
        if not word.startswith("--"):
            meant = "--name=value"
            if "workdir" in parameters and "workdir" not in values and "=" not in word:
                meant = f"--name=value, such as --workdir={word}"
            raise InputError(f"{word!r} is not understood; a flag is written {meant}.")
        flag, equals, text = word[2:].partition("=")
        name = _spelt(flag)
        positive = _spelt(flag.removeprefix("no").removeprefix("-").removeprefix("_"))
        if not equals and _switch(positive, parameters) and not _known(name, parameters):
            name, equals, text = positive, "=", "False"
        known = _known(name, parameters)
        if known is None:
            near = did_you_mean(f"--{name}", [f"--{each}" for each in parameters])
            hint = near.removesuffix(".") or f"; see `vae {command} --help`."
            raise InputError(f"{command} does not read --{flag}{hint}")
        of_config = name not in parameters
        if not equals and known.kind != "bool" and rest and not rest[0].startswith("--"):
            equals, text = "=", rest.pop(0)
        if not equals and _switch(name, parameters):
            text = "True"
        elif not text and not of_config:
            raise InputError(f"--{flag} needs a value: --{flag}={_metavar(known)}.")
        if of_config:
            settings[name.removeprefix("config.")] = text
        elif isinstance(values.get(name), list):
            raise InputError(f"--{flag} is given twice: give all of it once, with commas between.")
        else:
            values[name] = _value(name, text, known)
    for name, parameter in parameters.items():
        if parameter.default is REQUIRED and name not in values:
            about = parameter.about
            if not about[1:2].isupper():  # USER/NAME
                about = about[:1].lower() + about[1:]
            raise InputError(f"--{name}={_metavar(parameter)} is missing: {about}")
    return values, settings


def _spelt(flag: str) -> str:
    """Returns the name that a flag has in its function."""
    first, dot, key = flag.partition(".")
    name = first.replace("-", "_") + dot + key
    return ALIASES.get(name, name)


def _known(name: str, parameters: Mapping[str, Parameter]) -> Parameter | None:
    """Returns the parameter of a flag; None where there is no such flag."""
    return parameters.get(name) or (name.startswith("config.") and parameters.get("config")) or None


def _switch(name: str, parameters: Mapping[str, Parameter]) -> bool:
    """Returns whether a flag may stand without a value; a key of the config always may."""
    known = _known(name, parameters)
    return known is not None and (known.kind == "bool" or name not in parameters)


def _value(name: str, text: str, parameter: Parameter) -> Any:
    if parameter.choices:
        if text not in parameter.choices:
            raise InputError(not_one_of(f"--{name}={text}", text, parameter.choices))
        return text
    if parameter.kind == "bool":
        if text.lower() not in ("true", "1", "false", "0"):
            raise InputError(f"--{name}={text} must be True or False.")
        return text.lower() in ("true", "1")
    kind = _kind(name, parameter)
    try:
        return kind.read(text)
    except (ValueError, OverflowError):
        raise InputError(f"--{name}={text} must be {kind.must}.") from None


def _kind(name: str, parameter: Parameter) -> Kind:
    """Returns how values of a parameter are written.

    Raises:
      InputError: a command line cannot give such values.
    """
    written = parameter.kind
    for other in ("list[", "tuple["):
        if written.startswith(other):
            written = f"Sequence[{written.removeprefix(other).replace(', ...', '')}"
    if written not in KINDS:
        raise InputError(
            f"{name}: {parameter.kind} is no annotation of a flag; those are bool, Literal[...], "
            f"{', '.join(KINDS)}."
        )
    return KINDS[written]


def _metavar(parameter: Parameter) -> str:
    if parameter.choices:
        return "|".join(parameter.choices)
    return _kind("", parameter).shown


def flags(parameters: Mapping[str, Parameter]) -> list[str]:
    """Returns lines of help, with a paragraph for each flag."""
    lines: list[str] = []
    for name, parameter in parameters.items():
        flag = f"  --{name}"
        if parameter.kind != "bool":
            flag += f"={_metavar(parameter)}"
        about = parameter.about[:1].upper() + parameter.about[1:]
        if parameter.default not in (None, REQUIRED, (), False):
            about = f"{about.removesuffix('.')} ({parameter.default}).".lstrip()
        first = flag.ljust(COLUMN - 2) + "  "
        if len(first) > COLUMN and len(first + about) > WIDTH:
            lines, first = [*lines, flag], " " * COLUMN
        fold = textwrap.TextWrapper(WIDTH, initial_indent=first, break_on_hyphens=False)
        fold.subsequent_indent = " " * COLUMN
        lines += fold.wrap(about) or [flag]
    return lines


def explain(command: str, signature: Signature, shared: Mapping[str, Parameter]) -> str:
    """Returns the help of a command, including the flags that it shares with others."""
    lines = textwrap.wrap(f"{command}: {signature.summary}", WIDTH)
    for paragraph in filter(None, signature.text.split("\n\n")):
        lines += ["", *textwrap.wrap(paragraph, WIDTH)]
    lines += ["", *(f"  {example}" for example in signature.examples)]
    lines += [""] if signature.examples else []
    parameters = signature.parameters | dict(shared)
    needed = {name: each for name, each in parameters.items() if each.default is REQUIRED}
    return "\n".join([*lines, *flags(needed | parameters)])


def start_logging(*, several: bool) -> None:
    """Shows the messages of the package, but not the remarks of libraries.

    Args:
      several: whether this is one of several processes.
    """
    # TensorFlow, if imported, writes remarks into the progress line. With several processes, XLA's
    # errors are shown: they say which process was lost.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if several else "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("vae").setLevel(logging.INFO)
    # Orbax logs a remark through absl on each checkpoint without a validation figure, and the
    # traceback of a failure that is raised, and reported in one line, anyway.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
    sys.unraisablehook = without_closed_loops(sys.unraisablehook)


def without_closed_loops(show: Callable[[Any], None]) -> Callable[[Any], None]:
    """Returns a `sys.unraisablehook` that leaves out what follows a checkpoint on a full disk.

    TensorStore's threads then tell Orbax's event loop, which has been closed; the failure itself is
    raised, and reported in one line.
    """

    def hook(found: Any) -> None:
        if found.object is not None or str(found.exc_value) != "Event loop is closed":
            show(found)

    return hook
