"""Errors as a person sees them: one sentence, no traceback.

The exit code is 2 if an input was wrong, else 1.
"""

import difflib
import numbers
import os
import re
from collections.abc import Collection
from typing import Any


class InputError(Exception):
    """Something given to the program is wrong.

    The message is one sentence that names the thing, says what is wrong with it and what to do. It
    is one line, whatever characters the names of files contain, and has one full stop where it ends
    with a library's own sentence.
    """

    def __init__(self, message: str):
        super().__init__(re.sub(r"(?<!\.)\.\.$", ".", readable(message)))


def readable(text: str | os.PathLike) -> str:
    r"""Returns text, such as a file's name, with `\xe9` for bytes and unprintable characters."""
    return "".join(c if c.isprintable() else _escaped(c) for c in os.fspath(text))


def _escaped(character: str) -> str:
    byte = ord(character) - 0xDC00  # as the system's names are read
    if 0x80 <= byte <= 0xFF:
        return f"\\x{byte:02x}"
    return character.encode("unicode_escape").decode()


def reason(error: OSError) -> str:
    """Returns what the system refused: "runs/digits/config.json: No space left on device"."""
    name = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{name}{error.strerror or error}"


def did_you_mean(given: str, known: Collection[str]) -> str:
    """Returns the end of a sentence about an unknown name: the nearest one, if any is near."""
    near = difflib.get_close_matches(given, [str(name) for name in known], n=1)
    return f"; did you mean {near[0]!r}?" if near else "."


def not_one_of(what: str, given: str, known: Collection[str]) -> str:
    """Returns one sentence about a value that is none of the known ones.

    Args:
      what: the value with its name, as "--step=bset".
      given: the value.
      known: the allowed values.
    """
    return f"{what} must be one of {', '.join(known)}{did_you_mean(given, known)}"


def whole_number(given: Any, what: str, least: int) -> int:
    """Returns a value given from Python as a whole number.

    Raises:
      InputError: it is no whole number, less than `least`, or has more than 63 bits.
    """
    whole = isinstance(given, numbers.Integral) and not isinstance(given, bool)
    if not (whole and least <= given < 2**63):
        raise InputError(f"{what}={given!r} must be a whole number of at least {least}.")
    return int(given)
