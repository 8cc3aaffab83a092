"""Files: checks of those a person names, writing as a whole or not at all, and as an address."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from vae.errors import InputError


def user_path(name: str | os.PathLike) -> Path:
    """Returns the path that a person means, `~` being the home directory; it need not exist.

    Raises:
      InputError: there is no home directory, or no file of this system can have the name.
    """
    try:
        path = Path(name).expanduser()
        path.stat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # whoever needs the file reports it
    except RuntimeError:
        raise InputError(f"{name}: ~ has no home directory here: write the whole path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{_short(name)} is no path ({reason}): give another.") from None
    return path


def check_file(path: Path) -> None:
    """Refuses a path that is no regular file.

    Reading a pipe, a socket or a device may never end.

    Raises:
      InputError: it is a directory, a pipe, a socket or a device.
    """
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "a pipe, a socket or a device"
        raise InputError(f"{path} is {what}, not a file: move it away.")


def check_memory(size: int, what: str) -> None:
    """Refuses data that would take more than half of the machine's memory.

    A small file can become very large when it is unpacked.

    Raises:
      InputError: `size`, in bytes, is more.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory / 2:
        raise InputError(
            f"{what} would take {size / 2**30:,.1f} GiB, and this machine has "
            f"{memory / 2**30:,.1f} GiB: give fewer or smaller examples."
        )


@contextlib.contextmanager
def named(path: Path) -> Iterator[None]:
    """Adds the file's name to an OSError, from which the system omits it when the disk is full."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


@contextlib.contextmanager
def whole(path: Path, mode: str = "wb") -> Iterator[IO]:
    """Opens a file that is written as a whole or not at all, and makes its folder.

    An earlier file stays until the new one is complete, and for good if that fails.
    """
    encoded: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with named(path):
            with open(temporary, mode, **encoded) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def _short(name: str | os.PathLike) -> str:
    text = ascii(os.fspath(name))[1:-1]
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"


def data_uri(content: bytes, kind: str) -> str:
    """Returns what stands in the place of an address: the content, of a kind as "image/png"."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
