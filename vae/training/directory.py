"""The run directory: who owns it, how its files are written and read, and what a run records."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import jax

from vae.errors import InputError

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "clu", "numpy")


@contextlib.contextmanager
def owned(workdir: Path) -> Iterator[None]:
    """Holds the run directory's lock; the system gives it back when the process ends, however.

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


def check_writable(folder: Path) -> None:
    """Refuses a folder that a task could not write into, or make, and leaves nothing behind.

    Raises:
      InputError: it cannot be written.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        raise InputError(
            f"{folder} cannot be written: {error.strerror}; give --out=DIR, a directory for what "
            "the command makes."
        ) from None


@contextlib.contextmanager
def whole(path: Path, mode: str = "wb") -> Iterator[IO]:
    """A file that is written as a whole or not at all, in its folder, which is made.

    Until it is written what lay there before stays, and where that fails it stays for good.
    """
    encoded = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, mode, **encoded) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON as every reader takes it: a number that is not finite is null."""
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file as a whole or not at all, see `as_json`."""
    with whole(path, "w") as file:
        file.write(as_json(value, indent=2) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file, None where there is none.

    Raises:
      InputError: it is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise InputError(f"{path} is damaged: it holds no JSON.") from None


def provenance(overrides: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """What else decided the result: overrides, data, code, versions, devices."""
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "overrides": overrides,
        "data": data,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "hardware": _hardware(),
        "devices": [f"{d.platform}:{d.device_kind}:{d.id}" for d in jax.devices()],
        "processes": jax.process_count(),
    }


def _hardware() -> str:
    """What computes, for a person: "2 cores of AMD EPYC 7B13", "8 x NVIDIA H200"."""
    if jax.default_backend() != "cpu":
        return f"{jax.device_count()} x {jax.devices()[0].device_kind}"
    cores, name = os.cpu_count(), platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{cores} cores of {name}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    directory = Path(__file__).resolve().parent
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
