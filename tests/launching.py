"""The command line in a process of its own, forked from one that has imported what it needs."""

import functools
import importlib
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vae.sweeps.executors.local import PRELOADED

ROOT = Path(__file__).resolve().parents[1]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["vae.sweeps.commands", "vae.modalities.page", *PRELOADED])


class Launched(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def launch(*arguments, first=None) -> Launched:
    """Runs a command in the repository's root; what it prints, and its exit code.

    `first` is a function that is called in its process before.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("stdout", "stderr")]
        process = _context.Process(target=_main, args=([str(a) for a in arguments], files, first))
        process.start()
        process.join(240)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"vae {' '.join(map(str, arguments))}")
        return Launched(process.exitcode, *(file.read_text() for file in files))


def end_at(place, number, after, sign):
    """Sends this process a signal before or after the `number`-th call of a function."""
    module, _, path = place.partition(":")
    *names, name = path.split(".")
    owner = functools.reduce(getattr, names, importlib.import_module(module))
    function, calls = getattr(owner, name), []

    def counted(*args, **kwargs):
        calls.append(1)
        if len(calls) == number and not after:
            os.kill(os.getpid(), sign)
        result = function(*args, **kwargs)
        if len(calls) == number and after:
            os.kill(os.getpid(), sign)
        return result

    setattr(owner, name, counted)


def _main(arguments: list[str], files: list[Path], first: Callable[[], None] | None) -> None:
    for number, file in enumerate(files, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(ROOT)
    os.environ["COLUMNS"] = "100"
    sys.argv = ["vae", *arguments]
    from vae.commands import main

    if first:
        first()
    sys.exit(main(arguments))
