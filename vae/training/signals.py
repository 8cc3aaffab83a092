"""Signals that ask a program to stop: Ctrl-C, and those of closed terminals and clusters.

Nothing here needs JAX, so that a program can listen before its slow imports.

Python calls a handler once the main thread returns from a library, and a compilation in it may take
minutes. A thread meanwhile answers the person at the keyboard.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
BY_CTRL_C = 130  # the exit code
SOON = 0.5  # seconds in which a main thread that is not in a library comes to a signal

_meanwhile: Callable[[int], None] | None = None
_handled: dict[int, float] = {}  # when the main thread last came to each signal
_watches = False


def listen(
    act: Callable[[int], None], meanwhile: Callable[[int], None] | None = None
) -> dict[int, Any]:
    """Calls `act` with the number of each such signal from now on; returns the old handlers.

    A signal that this process was started to ignore (by nohup, or in the background) stays ignored.
    Outside the main thread it does nothing.

    Args:
      act: is called in the main thread.
      meanwhile: is called in another thread, SOON after each signal.
    """
    global _meanwhile
    if threading.current_thread() is not threading.main_thread():
        return {}
    _meanwhile = meanwhile
    if meanwhile:
        _watch()

    def handle(number: int, _: Any) -> None:
        _handled[number] = time.monotonic()
        act(number)

    heard = [number for number in ASKING if signal.getsignal(number) is not signal.SIG_IGN]
    return {number: signal.signal(number, handle) for number in heard}


@contextlib.contextmanager
def heard(
    act: Callable[[int], None], meanwhile: Callable[[int], None] | None = None
) -> Iterator[None]:
    """Listens in this context, see `listen`."""
    global _meanwhile
    before = _meanwhile
    previous = listen(act, meanwhile)
    try:
        yield
    finally:
        _meanwhile = before
        for number, handler in previous.items():
            signal.signal(number, handler)


def _watch() -> None:
    """Starts the thread, unless another library is told of signals as they come."""
    global _watches
    if _watches:
        return
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    if before != -1:
        signal.set_wakeup_fd(before)
        return
    _watches = True
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))  # its signals are not ours
    threading.Thread(target=_look, args=(read,), daemon=True).start()


def _look(pipe: int) -> None:
    """Calls `_meanwhile` with each signal in the pipe, SOON after it came."""
    while numbers := os.read(pipe, 64):
        for number in filter(ASKING.__contains__, numbers):
            if _meanwhile:
                timer = threading.Timer(SOON, _meanwhile, (number,))
                timer.daemon = True
                timer.start()


def end(number: int) -> None:
    """Ends the process at once, with one line, when there is nothing to save.

    The exit code is 130 for Ctrl-C, else 75: the same command may be run again.
    """
    if number == signal.SIGINT:
        say("stopped by Ctrl-C")
        os._exit(BY_CTRL_C)
    say(f"stopped by {signal.Signals(number).name}; run the same command again to go on")
    os._exit(75)


def end_if_unheard(number: int) -> None:
    """Ends the process, see `end`, if the main thread has not come to a signal of late."""
    if time.monotonic() - _handled.get(number, -math.inf) > 4 * SOON:
        end(number)


def say(line: str) -> None:
    """Writes a line to stderr in place of the progress line, which comes again below it.

    It is safe in a signal handler, which may have interrupted a `print`.
    """
    start = "\r\x1b[2K" if os.isatty(2) else ""
    with contextlib.suppress(OSError):  # the terminal may be gone
        os.write(2, f"{start}{line}\n".encode())
