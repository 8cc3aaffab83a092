"""Signals that ask a program to stop: Ctrl-C, and those of closed terminals and clusters.

Nothing here needs JAX, so that a program can listen before its slow imports.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def listen(act: Callable[[int], None]) -> dict[int, Any]:
    """Calls `act` with the number of each such signal from now on; returns the old handlers.

    A signal that this process was started to ignore (by nohup, or in the background) stays ignored.
    Outside the main thread it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    heard = [number for number in ASKING if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, lambda n, _: act(n)) for number in heard}


@contextlib.contextmanager
def heard(act: Callable[[int], None]) -> Iterator[None]:
    """Listens in this context, see `listen`."""
    previous = listen(act)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def end(number: int) -> None:
    """Ends the process at once, with one line, when there is nothing to save.

    The exit code is 130 for Ctrl-C, else 75: the same command may be run again.
    """
    if number == signal.SIGINT:
        say("stopped by Ctrl-C")
        os._exit(130)
    say(f"stopped by {signal.Signals(number).name}; run the same command again to go on")
    os._exit(75)


def say(line: str) -> None:
    """Writes a line to stderr in place of the progress line, which comes again below it.

    It is safe in a signal handler, which may have interrupted a `print`.
    """
    start = "\r\x1b[2K" if os.isatty(2) else ""
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(2, f"{start}{line}\n".encode())
