"""The line at the bottom of a terminal, drawn by rich while there are tasks."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

if TYPE_CHECKING:
    from vae.terminal import Part, Progress

PER_SECOND = 4  # times the line is drawn
SPARE = 3  # columns at its end, for the ^C that a terminal writes there
BAR = (8, 40)  # columns of the bar, at least and at most


class _Stream:
    """A terminal that may be closed while the work goes on: then nothing is shown."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    def show_cursor(self, show: bool = True) -> bool:
        """Leaves the cursor as it is: a killed process could not bring it back."""
        return False


class _Above:
    """A stream of a terminal while it has the line: what is written there goes above it.

    What another library overwrites again and again, such as a bar, is shown once, when complete.
    """

    def __init__(self, console: Console, stream: Any) -> None:
        self._console, self._stream, self._rest = console, stream, ""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._console.print(Text.from_ansi(line.rstrip("\r").rpartition("\r")[2]))
        return len(text)

    def flush(self) -> None:
        if self._rest and "\r" not in self._rest:  # a question that waits for its answer
            self.write("\n")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Line(Live):
    """The line, with what is written meanwhile above it, by handlers of `logging`, too."""

    def __init__(self, task: Callable[[], Progress], stream: Any) -> None:
        console = _Console(file=cast(IO[str], _Stream(stream)), soft_wrap=True)
        spinner = Spinner("line" if console.options.ascii_only else "dots")
        super().__init__(
            console=console,
            get_renderable=lambda: render(task(), console, spinner),
            refresh_per_second=PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._before: tuple[Any, Any] | None = None
        self._handlers: list[logging.StreamHandler] = []

    def start(self, refresh: bool = False) -> None:
        super().start(refresh)
        self._before = sys.stdout, sys.stderr
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream in self._before:
                self._handlers.append(handler)
        if sys.stdout.isatty():
            sys.stdout = cast(TextIO, _Above(self.console, sys.stdout))
        sys.stderr = cast(TextIO, _Above(self.console, sys.stderr))
        for handler in self._handlers:
            handler.setStream(sys.stderr)

    def stop(self) -> None:
        if self._before:
            sys.stdout.flush()
            sys.stderr.flush()
            for handler in self._handlers:
                handler.setStream(self._before[1])
            sys.stdout, sys.stderr = self._before
        super().stop()


def open_line(task: Callable[[], Progress]) -> Line | None:
    """Opens the line of a terminal for the task to show; returns None if it cannot be drawn."""
    line = Line(task, sys.stderr)
    if not line.console.is_interactive:  # a terminal without a cursor to move
        return None
    line.start()
    return line


def render(task: Progress, console: Console, spinner: Spinner) -> Text:
    """Returns the line of a task, in one row of the console."""
    room = console.width - SPARE - 2  # behind the spinner
    ascii_only = console.options.ascii_only
    parts = task.parts(curve=not ascii_only)
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: part.rank):
        length = sum(cell_len(other.text) + 2 for other in kept) + cell_len(part.text)
        if not kept or length <= room:
            kept.append(part)
    room -= sum(cell_len(part.text) + 2 for part in kept)
    texts = [Text(part.text) for part in parts if part in kept]
    if task.total and room >= BAR[0]:
        width = min(room, BAR[1])
        filled = round(width * min(1.0, task.done / task.total))
        bar = Text(("#" if ascii_only else "━") * filled, style="bar.complete")
        texts.insert(1, bar.append(("-" if ascii_only else "━") * (width - filled), "bar.back"))
    turning = cast(Text, spinner.render(console.get_time()))
    text = Text.assemble(turning, " ", Text("  ").join(texts))
    text.truncate(console.width - SPARE, overflow="ellipsis")
    text.no_wrap = True
    return text
