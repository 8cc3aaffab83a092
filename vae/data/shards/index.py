"""What has to be known of each record before one is read: built once, by reading all, and kept.

It is kept beside the data or, where nothing can be written there, in the user's cache directory
($XDG_CACHE_HOME, else ~/.cache), and built anew where a file's name, size or time has changed.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.data.splits import digest
from vae.errors import readable
from vae.files import whole

logger = logging.getLogger(__name__)

_VERSION = 1
_MARK = "fingerprint"


def kept(
    files: Sequence[tuple[str, Path]], build: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Returns the index of files: arrays by name, which `build` makes where none is kept.

    Args:
      files: the names and paths of the files.
      build: returns the arrays; none of them is of Python objects.
    """
    status = [(name, os.stat(path)) for name, path in files]
    mark = digest(repr([(n, s.st_size, s.st_mtime_ns) for n, s in status] + [_VERSION]).encode())
    named, where = (
        digest("\n".join(names).encode(errors="surrogateescape")).hex()
        for names in ([name for name, _ in files], [str(path.resolve()) for _, path in files])
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "vae")
    places = (files[0][1].parent / f".vae-index-{named[:8]}", cache / f"index-{where}")
    for place in places:
        # numpy and zipfile raise many kinds for a damaged index, which is then built anew.
        with contextlib.suppress(Exception), np.load(place, allow_pickle=False) as found:
            if found[_MARK].tobytes() == mark:
                return {name: found[name] for name in found.files if name != _MARK}
    made = dict(build())
    arrays: dict[str, Any] = {_MARK: np.frombuffer(mark, np.uint8), **made}
    for place in places:
        try:
            with whole(place) as file:
                np.savez(file, allow_pickle=False, **arrays)
        except OSError:
            continue
        logger.info("%s: kept the index of %d files", readable(place), len(files))
        break
    return made
