"""Files of a data set that cannot be decoded."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from vae.errors import InputError

logger = logging.getLogger(__name__)

MAX_UNREADABLE = 0.01  # a share of the files: beyond it the whole folder is taken to be broken


@dataclass
class Unreadable:
    """Warns once of each file that cannot be decoded, and gives up when there are too many.

    All splits of a source, and all threads that read it, share one object.
    """

    what: str  # the folder or set, for the message
    total: int
    names: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, reason: object) -> None:
        """Counts `name`, the first time it is given.

        Raises:
          InputError: more than MAX_UNREADABLE of the files cannot be read.
        """
        with self.lock:
            if name not in self.names:
                self.names.add(name)
                logger.warning("%s cannot be read and is skipped: %s", name, reason)
            count = len(self.names)
            if count > MAX_UNREADABLE * self.total:
                few = ", ".join(sorted(self.names)[:3]) + (", ..." if count > 3 else "")
                raise InputError(
                    f"{self.what}: {count} of {self.total} files cannot be read, more than "
                    f"{MAX_UNREADABLE:.0%} ({few}): replace or remove them."
                )
