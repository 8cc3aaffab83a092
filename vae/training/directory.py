"""The run directory: who owns it, and how its files are written and read."""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ml_collections

from vae.config import from_dict
from vae.errors import InputError
from vae.files import check_file, whole

STATUSES = ("completed", "preempted", "diverged", "failed")
NUMBER = int | float
DETAILS = "details.json"  # what the figures are means of, see vae/evaluation/details.py
STOP = "stop"  # a file that asks one of several runs trained together to save and end


class Damaged(InputError):
    """A file of a run directory is not what was written there."""


@contextlib.contextmanager
def owned(workdir: Path) -> Iterator[None]:
    """Holds the run directory's lock, which the system releases however the process ends.

    Raises:
      InputError: another process holds it, or the directory cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(open(workdir / ".lock", "w"))
        except OSError as error:
            raise InputError(f"--workdir={workdir} cannot be written: {error.strerror}.") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--workdir={workdir} is in use by another process; wait for it to end or choose "
                "another directory."
            ) from None
        yield


def is_owned(workdir: Path) -> bool:
    """Returns whether a process holds a run directory's lock."""
    try:
        with open(workdir / ".lock") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def check_writable(folder: Path, flag: str = "out") -> None:
    """Refuses a folder that a task could not make or write into, and leaves nothing behind.

    Args:
      folder: the folder.
      flag: the flag that gives another; "" where none does.

    Raises:
      InputError: it cannot be written.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        advice = f"; give --{flag}=DIR, a directory for what the command makes" if flag else ""
        raise InputError(f"{folder} cannot be written: {error.strerror}{advice}.") from None


def as_json(value: Any, *, indent: int | None = None) -> str:
    """Returns JSON that every reader takes: a number that is not finite becomes null."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """Returns the value with None for each number that is not finite, and lists for tuples."""
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file as a whole or not at all, see `as_json`."""
    with whole(path, "w") as file:
        file.write(as_json(value, indent=2) + "\n")


def read_json(path: Path, needed: Mapping[str, Any] | None = None) -> Any:
    """Reads a JSON file, None where there is none.

    Args:
      path: the file.
      needed: the type of the value at each key that the file must have; None for any JSON.

    Raises:
      Damaged: it is no JSON, or not an object with these keys.
      InputError: it cannot be read.
    """
    try:
        check_file(path)
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise Damaged(f"{path} is damaged: it holds no JSON.") from None
    if needed is not None:
        check_keys(path, value, needed)
    return value


def check_keys(path: Path, value: Any, needed: Mapping[str, Any]) -> None:
    """Checks the content of a file, or a part of it.

    Raises:
      Damaged: it is no object, or lacks one of these keys with a value of this type.
    """
    if not isinstance(value, dict):
        raise Damaged(f"{path} is damaged: it has no keys.")
    for key, kind in needed.items():
        if not isinstance(value.get(key), kind):
            raise Damaged(f"{path} is damaged: it has no {key!r}, or one of another kind.")


@contextlib.contextmanager
def described(path: Path) -> Iterator[None]:
    """Reports a file as damaged if what is made from its content in this context fails.

    Raises:
      Damaged: the content lacks a key, or has a value of another kind.
    """
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        MemoryError,
        TypeError,
        ValueError,
    ) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise Damaged(f"{path} is damaged: {what}.") from None


def read_result(workdir: Path) -> dict[str, Any] | None:
    """Returns how a run ended, see `vae.train`; None if it has not yet.

    Raises:
      Damaged: `result.json` does not say how.
      InputError: it cannot be read.
    """
    file = workdir / "result.json"
    result = read_json(file, {"status": str, "seconds": NUMBER})
    if result is None:
        return None
    if result["status"] not in STATUSES:
        raise Damaged(f"{file} is damaged: {result['status']!r} is no status.")
    reached = {} if result["status"] == "failed" else {"step": int, "metrics": dict}
    reached |= {"protocol": dict} if "protocol" in result else {}
    check_keys(file, result, reached)
    for name, figure in (result["metrics"] if "metrics" in reached else {}).items():
        if not isinstance(figure, NUMBER | None):
            raise Damaged(f"{file} is damaged: {name} is {figure!r}, no number.")
    return result


def read_line(text: bytes) -> tuple[int, dict[str, float]] | None:
    """Returns the step and the metrics of a line of metrics.jsonl; None if it is damaged.

    A metric that was not finite is NaN.
    """
    try:
        figures = json.loads(text)
        step = figures.pop("step")
        figures = {name: math.nan if x is None else float(x) for name, x in figures.items()}
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
        return None  # it is no JSON, or JSON of another shape
    return (step, figures) if type(step) is int and step >= 0 else None


def read_metric(workdir: Path, metric: str) -> dict[int, float]:
    """Returns a metric of a run so far, by the step at which it was logged.

    It has what can be read: a run may be at work on its last line.
    """
    found = {}
    file = workdir / "metrics.jsonl"
    with contextlib.suppress(FileNotFoundError, InputError):
        check_file(file)
        for text in file.read_bytes().splitlines():
            step, figures = read_line(text) or (0, {})
            if math.isfinite(figures.get(metric, math.nan)):
                found[step] = figures[metric]
    return found


def read_config(workdir: Path) -> ml_collections.ConfigDict | None:
    """Returns the config of a run, None where there is none.

    Raises:
      Damaged: `config.json` is no config.
      InputError: it cannot be read.
    """
    file = workdir / "config.json"
    values = read_json(file)
    if values is None:
        return None
    try:
        return from_dict(values)
    except InputError as error:
        raise Damaged(f"{file} is damaged: {error}") from None
