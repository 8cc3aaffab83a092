"""A path to the checkpoints of a run that Orbax and TensorStore read literally."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Orbax reads the first three as a pattern, TensorStore the last as "/"; neither takes a name that
# is not UTF-8, which Python writes with surrogates.
_SPECIAL = re.compile(r"[*?\[\\\ud800-\udfff]")


@contextlib.contextmanager
def plain(directory: Path) -> Iterator[str]:
    """Gives a path to a directory without characters that would be read as anything else."""
    if not _SPECIAL.search(str(directory)):
        yield str(directory)
        return
    with tempfile.TemporaryDirectory(prefix="checkpoints-") as folder:
        link = Path(folder) / "checkpoints"
        link.symlink_to(directory, target_is_directory=True)
        yield str(link)
