"""The command line as it is read: its flags, what is said of wrong ones, and the terminal's log."""

from __future__ import annotations

import logging
import math
import os
import re
import sys
from pathlib import Path

from absl import flags

from vae.errors import InputError, not_one_of
from vae.files import user_path

PATHS = ("--config", "--workdir", "--out", "--mask", "--pairs")
LONGEST = 300  # characters of what a library says of a wrong value, which it repeats in full


def parse(values: flags.FlagValues, arguments: list[str]) -> None:
    """Gives the flags their values.

    Raises:
      InputError: an argument is not understood, or a value is wrong.
    """
    arguments = [_expanded(argument) for argument in arguments]
    for argument in arguments:
        file = argument.removeprefix("--config=").split(":")[0]
        if file != argument.split(":")[0] and not Path(file).is_file():
            raise InputError(f"--config={file}: there is no such file.")
    try:
        rest = values(["launch.py", *arguments])[1:]
    except (AttributeError, KeyError) as error:
        raise InputError(_unknown_key(str(error))) from None
    except (flags.Error, TypeError, ValueError, OSError) as error:
        message = _said(" ".join(str(error).split()))
        raise InputError(
            message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
        ) from None
    if rest:
        raise InputError(f"{rest[0]!r} is not understood; a flag is written --name=value.")


def define_places(values: flags.FlagValues, reads: str) -> None:
    """Defines the --config.KEY flags among those that a command `reads` which reads no --config."""
    for name in reads.split():
        if name.startswith("config."):
            flags.DEFINE_string(name, None, "Where the run's data are now.", flag_values=values)


def refuse_others(values: flags.FlagValues, command: str, reads: str) -> None:
    """Refuses flags that a command does not read: whoever gives one expects something of it.

    Args:
      values: the flags as they were given.
      command: for the message.
      reads: the names of the flags that it reads, with spaces between.

    Raises:
      InputError: another flag is given.
    """
    for name in values:
        own = name.partition(".")[0]  # --config.KEY is read by what reads --config
        if values[name].present and not {own, name} & set(reads.split()):
            there = ", ".join(f"--{flag}" for flag in reads.split())
            raise InputError(f"{command} does not read --{name}, only {there}.")


def whole_numbers(name: str, values: flags.FlagValues) -> list[int]:
    """What a flag lists, none where it is absent.

    Raises:
      InputError: it is no list of whole numbers.
    """
    given = values[name].value or []
    try:
        return [int(value) for value in given]
    except ValueError:
        raise InputError(f"--{name}={','.join(given)} must be whole numbers.") from None


def settings(pairs: list[str]) -> dict[str, float]:
    """From "Smiling=1", or "Smiling" alone, to what is set to which value.

    Raises:
      InputError: a value is no finite number.
    """
    found = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            found[name] = float(value or 1)
        except ValueError:
            found[name] = math.nan
        if not math.isfinite(found[name]):
            raise InputError(f"--attributes={pair}: {value!r} must be a number.")
    return found


def _expanded(argument: str) -> str:
    """Returns an argument with the home directory for ~, which no shell puts after an = sign."""
    name, equals, path = argument.partition("=")
    if name == "--images":  # as it was called when there were no other data
        return f"--files{equals}{path}"
    if name not in PATHS or not equals:
        return argument
    return f"{name}={user_path(path)}" if path else argument


def require_config(values: flags.FlagValues, command: str) -> None:
    """Refuses a command line without an experiment.

    Raises:
      InputError: --config is missing.
    """
    if not values["config"].present:
        raise InputError(
            f"{command} needs --config=FILE; `python launch.py list` shows experiments."
        )


def _unknown_key(message: str) -> str:
    """From what ml_collections says of a key that a config lacks to one sentence."""
    names = re.findall(r"Did you mean \\?[\"'](\w+)\\?[\"'] instead of \\?[\"'](\w+)", message)
    if not names:
        return "--config has no such key: " + " ".join(message.split())
    close, given = names[0]
    return f"--config has no key {given!r}; did you mean {close!r}?"


def _said(message: str) -> str:
    """What absl says of a wrong value; of one that is not among several, with the nearest."""
    found = re.fullmatch(r"flag --(\w+)=(.*): value should be one of <(.*)>", message)
    if not found:
        return message
    name, given, choices = found.groups()
    return not_one_of(f"--{name}={given}", given, choices.split("|"))


def flag_help(values: flags.FlagValues) -> str:
    """A line for each flag of launch.py."""
    own = values.get_key_flags_for_module("launch.py") or values.get_key_flags_for_module(
        "__main__"
    )
    return "\n".join(f"  --{flag.name:12} {flag.help}" for flag in own)


def start_logging(*, several: bool) -> None:
    """Shows what the package says, not what its libraries remark, of one process or `several`."""
    # TensorFlow, where it is imported, has remarks of its own amid the progress line. Of several
    # processes XLA's errors are seen, which say which one was lost.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if several else "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    logging.basicConfig(format="%(message)s", level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("vae").setLevel(logging.INFO)
    # Orbax remarks through absl on every checkpoint without a validation figure, and prints the
    # traceback of a failure that is raised, and told in one line, anyway.
    logging.getLogger("absl").setLevel(logging.CRITICAL)
