"""The command line as it is read: its flags, what is said of wrong ones, and the terminal's log."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path

from absl import flags

from vae.errors import InputError

LONGEST = 300  # characters of what a library says of a wrong value, which it repeats in full


def parse(values: flags.FlagValues, arguments: list[str]) -> None:
    """Gives the flags their values.

    Raises:
      InputError: an argument is not understood, or a value is wrong.
    """
    for argument in arguments:
        file = argument.removeprefix("--config=").split(":")[0]
        if file != argument.split(":")[0] and not Path(file).is_file():
            raise InputError(f"--config={file}: there is no such file.")
    try:
        rest = values(["launch.py", *arguments])[1:]
    except (AttributeError, KeyError) as error:
        raise InputError(_unknown_key(str(error))) from None
    except (flags.Error, TypeError, ValueError, OSError) as error:
        message = " ".join(str(error).split())
        raise InputError(
            message if len(message) <= LONGEST else f"{message[:LONGEST]}..."
        ) from None
    if rest:
        raise InputError(f"{rest[0]!r} is not understood; a flag is written --name=value.")


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
