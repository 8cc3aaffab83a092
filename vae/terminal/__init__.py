"""What a person sees while a command works.

A terminal has one line at its bottom: the task, its progress, the time that remains. What is
logged, warned of or printed meanwhile goes above it. Tasks nest, as an evaluation does in training,
and the line shows the innermost. A pipe or a file gets plain lines instead, now and then.

A thread draws the line from numbers that the host has anyway, so reporting progress costs one
assignment.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import numbers
import sys
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Self

EVERY = 30.0  # seconds between two plain lines of a task
SHORTEST = 0.2  # seconds of which a speed is told: two steps may be begun before one has ended
BLOCKS = "▁▂▃▄▅▆▇█"
CELLS = 12  # of a curve

_lock = threading.RLock()
_tasks: list[Progress] = []  # the innermost last
_line: Any = None  # the terminal's, see `vae.terminal.live`, while there is a task
_quiet = False


def quiet() -> None:
    """Makes this process show nothing: if several compute as one, the first is seen."""
    global _quiet, _line
    _quiet = True
    if _line is not None:
        _line.stop()
        _line = None


def doing() -> str:
    """Returns the line of the innermost task within the command; "" where there is none."""
    with _lock:
        parts = _tasks[-1].parts() if len(_tasks) > 1 else []
    return "  ".join(part.text for part in parts)


class Moment(NamedTuple):
    """How many units are done, and the seconds that they took."""

    done: int
    seconds: float


class Part(NamedTuple):
    """A piece of a line; if there is no room for all, those of the lowest `rank` are kept."""

    rank: int
    text: str


class Progress:
    """A task that takes a while, as a context.

    Args:
      doing: the task, as "training"; the line begins with it.
      total: the number of units; if None the line shows the time that has passed.
      unit: the name of a unit, in the plural, if its speed is to be shown.
      start: how many units were done before.
      examples: how many examples a unit is, if their speed is to be shown.

    Attributes:
      curve: the name of the figure that a terminal shows as a curve, too.
    """

    curve = ""

    def __init__(
        self,
        doing: str,
        total: int | None = None,
        unit: str = "",
        *,
        start: int = 0,
        examples: float = 0.0,
    ) -> None:
        self.doing, self.total, self.unit, self.examples = doing, total, unit, examples
        self.done = start
        self.figures: Mapping[str, float | str] = {}
        self._course: list[float] = []  # of the figure that is shown as a curve
        self._began = self._said = time.monotonic()
        self._inside = 0.0  # seconds spent in tasks within this one
        self._first: Moment | None = None  # at the first `at`
        self._since: Moment | None = None  # where the latter half begins,
        self._mark: Moment | None = None  # and where the next one will
        self._lap: Moment | None = None

    def __enter__(self) -> Self:
        global _line
        with _lock:
            self._began = self._said = time.monotonic()
            _tasks.append(self)
            if _line is None and not _quiet and sys.stderr.isatty():
                from vae.terminal import live  # rich, which a log file does not need

                _line = live.open_line(lambda: _tasks[-1])
        return self

    def __exit__(self, *_: object) -> None:
        global _line
        with _lock:
            if len(_tasks) == 1 and _line is not None:
                _line.stop()
                _line = None
            _tasks.remove(self)
            if _tasks:
                _tasks[-1]._inside += time.monotonic() - self._began

    @property
    def seconds(self) -> float:
        """Returns the time that it has taken, without that of tasks within it."""
        return time.monotonic() - self._began - self._inside

    def at(
        self,
        done: int,
        figures: Mapping[str, float | str] | None = None,
        *,
        tell: bool = False,
    ) -> None:
        """Notes how many units are done, and figures to show by name.

        Speeds are those of the latter half, or somewhat more, of the units since the first call:
        what came before it, and some of the first units, took time to be compiled. With `tell` a
        pipe or a file gets a line at once.
        """
        now = Moment(done, self.seconds)
        if self._first is None or self._mark is None or done < self.done:
            self._first = self._since = self._mark = self._lap = now
        elif done - self._first.done >= 2 * (self._mark.done - self._first.done) > 0:
            self._since, self._mark = self._mark, now
        elif self._mark == self._first:
            self._mark = now
        self.done = done
        if figures is not None:
            self.figures = figures
            value = figures.get(self.curve)
            if isinstance(value, numbers.Real) and math.isfinite(value):
                self._course.append(float(value))
        if _line is None and (tell or time.monotonic() > self._said + EVERY):
            self.tell()

    def tell(self) -> None:
        """Writes a line if there is no terminal."""
        self._said = time.monotonic()
        if _line is None and not _quiet:
            with contextlib.suppress(OSError):  # nobody reads it any more
                shown = self.parts() if self.total else self.parts()[:1]
                print("  ".join(part.text for part in shown), file=sys.stderr, flush=True)

    def lap(self) -> float | None:
        """Returns units per second since the lap before; None without one."""
        before, self._lap = self._lap, Moment(self.done, self.seconds)
        return _rate(before, self._lap)

    def parts(self, *, curve: bool = False) -> list[Part]:
        """Returns the pieces of the line, in their order.

        With `curve` they have the course of a figure, of late: of the latter half of the task.
        """
        if self.total is None:
            return [Part(0, self.doing), Part(1, duration(self.seconds))]
        rate = _rate(self._since, Moment(self.done, self.seconds), SHORTEST)
        whole = f"{self.total:,}"
        parts = [Part(0, self.doing), Part(1, f"{self.done:>{len(whole)},}/{whole}")]
        for i, (name, value) in enumerate(self.figures.items()):
            text = value if isinstance(value, str) else f"{number(value):>6}"
            parts.append(Part(3 + 2 * i, f"{name} {text}".strip()))
            if curve and name == self.curve and len(self._course) > 2:
                first = max(0, min(len(self._course) // 2, len(self._course) - CELLS))
                parts.append(Part(4, spark(self._course[first:])))
        if not rate and self.done < self.total and self.seconds > 1:
            parts.append(Part(2, duration(self.seconds)))
        if rate and self.unit:
            parts.append(Part(6, speed(rate, self.unit)))
        if rate and self.examples:
            parts.append(Part(8, speed(rate * self.examples, "examples")))
        if rate and self.done < self.total:
            parts.append(Part(2, f"{duration((self.total - self.done) / rate):>5} left"))
        return parts


def shown(doing: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates a function so that each call is shown as a task."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with Progress(doing):
                return function(*args, **kwargs)

        return call

    return decorate


def first(
    doing: str, function: Callable[..., Any], form: Callable[..., str] = lambda *_: ""
) -> Callable[..., Any]:
    """Returns the function, whose first call, which compiles it, is shown as a task.

    Args:
      doing: the task.
      function: is compiled for each form of its arguments.
      form: names that of the arguments; the first call of every other form is shown, too.
    """
    forms: set[str] = set()

    def call(*args: Any) -> Any:
        named = form(*args)
        if named in forms:
            return function(*args)
        with Progress(f"{doing} for {named}" if forms else doing) as progress:
            forms.add(named)
            progress.tell()
            return function(*args)

    return call


def _rate(before: Moment | None, now: Moment, shortest: float = 0.0) -> float | None:
    """Returns units per second between two moments; None if they are no longer apart than that."""
    if before is None or now.done <= before.done or now.seconds <= before.seconds + shortest:
        return None
    return (now.done - before.done) / (now.seconds - before.seconds)


def speed(rate: float, unit: str) -> str:
    """Returns "12.50 steps/s", or "1.250 s/step" if a unit takes longer than a second."""
    named, rate = (f"{unit}/s", rate) if rate >= 1 else (f"s/{unit[:-1]}", 1 / rate)
    return f"{number(rate):>6} {named}"


def spark(values: Sequence[float]) -> str:
    """Returns a curve of figures, at most `CELLS` wide: each block is the mean of its share."""
    cells = min(CELLS, len(values))
    ends = [round(i * len(values) / cells) for i in range(cells + 1)]
    means = [math.fsum(values[a:b]) / (b - a) for a, b in itertools.pairwise(ends)]
    low, high = min(means), max(means)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)


def measured(value: float, error: float | None) -> str:
    """Returns a figure with its standard error, both to the second digit of the error.

    Without an error, or with one that is nothing beside it, it is as `number` has it.
    """
    if error is None:
        return number(value)
    if not (math.isfinite(value) and math.isfinite(error) and error > 1e-5 * abs(value)):
        return f"{number(value)} ± {error:.2g}"
    places = max(0, 1 - math.floor(math.log10(float(f"{error:.1e}"))))  # 0.0996 is 0.10
    return f"{round(value, places) + 0.0:,.{places}f} ± {error:,.{places}f}"


def number(value: float) -> str:
    """Returns a number for a person: four digits, and whole numbers whole."""
    if isinstance(value, numbers.Integral) or (math.isfinite(value) and abs(value) >= 999.95):
        return f"{value:,.0f}"
    return f"{value:#.4g}"


def aligned(rows: Sequence[Sequence[str]], right: Collection[int]) -> list[str]:
    """Returns lines of a table for a terminal, the header first; columns `right` end together."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = (x.rjust(w) if i in right else x.ljust(w) for i, (x, w) in enumerate(cells))
        lines.append("  ".join(padded).rstrip())
    return lines


def duration(seconds: float) -> str:
    """Returns minutes and seconds as 1:05, with hours as 1:00:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
