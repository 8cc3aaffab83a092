"""Files that a person names: found and checked before anything is read from them."""

from __future__ import annotations

import os
from pathlib import Path

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
        pass  # said by whoever needs it
    except RuntimeError:
        raise InputError(f"{name}: ~ has no home directory here: write the whole path.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{_short(name)} is no path ({reason}): give another.") from None
    return path


def check_file(path: Path) -> None:
    """Refuses what is no file.

    Reading a pipe, a socket or a device may never end.

    Raises:
      InputError: it is a directory or one of these.
    """
    if path.exists() and not path.is_file():
        what = "a directory" if path.is_dir() else "a pipe, a socket or a device"
        raise InputError(f"{path} is {what}, not a file: move it away.")


def check_memory(size: int, what: str) -> None:
    """Refuses what would take more than half of the machine's memory.

    A small file can hold very much once it is unpacked.

    Raises:
      InputError: `size`, in bytes, is more.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if size > memory / 2:
        raise InputError(
            f"{what} would take {size / 2**30:,.1f} GiB, and this machine has "
            f"{memory / 2**30:,.1f} GiB: give fewer or smaller examples."
        )


def _short(name: str | os.PathLike) -> str:
    text = ascii(os.fspath(name))[1:-1]
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
