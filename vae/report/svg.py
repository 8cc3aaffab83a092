"""Charts as SVG within a page: lines, points and bars, in the colours of the page's style.

A chart is as wide as its column, a few hundred pixels on a phone as on a large screen, so that its
text keeps its size. Colours are variables of `pages/style.css`, for a light and a dark page. Each
function returns a whole `<figure>` with its title and a legend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from vae.report.axes import Axis, axis

WIDTH, HEIGHT = 360, 220  # of a chart, in its own pixels
TOP, RIGHT, BOTTOM = 8, 12, 34  # around what is drawn
LETTER = 6.1  # the mean width of a letter of a tick
COLOURS = 10  # variables --c0 to --c9 of the style; an eleventh group has the first one again
MOST = 300  # places along a line; more cannot be told apart
BAR = 22  # the height of a row of bars


class Series(NamedTuple):
    """Values that belong together: a line, or points of one colour.

    Attributes:
      name: what the legend says; "" is left out of it.
      x, y: the values; what is not finite is a gap.
      error: half the length of an error bar at each; none if it is empty.
      dashed: whether its line is dashed.
      colour: the number of its colour; its place among the series if None.
      titles: what is said of each point that is pointed at.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    error: Sequence[float] = ()
    dashed: bool = False
    colour: int | None = None
    titles: Sequence[str] = ()


def lines(
    series: Sequence[Series],
    *,
    title: str,
    x: str = "",
    y: str = "",
    log_x: bool = False,
    log_y: bool = False,
    marked: bool = False,
    note: str = "",
) -> Markup:
    """Returns a chart of lines.

    Args:
      series: the lines.
      title: its title.
      x, y: what the axes are, with units.
      log_x, log_y: makes an axis logarithmic, if all values are above 0.
      marked: draws a point at each value, too.
      note: a sentence below it.
    """
    series = [_numbered(each, i) for i, each in enumerate(series)]
    frame = _Frame.of(series, log_x=log_x, log_y=log_y, robust=True)
    drawn = [_line(each, frame) for each in series]
    if marked:
        drawn += [_marks(each, frame, 3) for each in series]
    return _figure(frame.drawn(x, y, drawn), series, title, note)


def points(
    series: Sequence[Series],
    *,
    title: str,
    x: str = "",
    y: str = "",
    log_x: bool = False,
    note: str = "",
    height: int = 300,
) -> Markup:
    """Returns a chart of points, a colour for each series; see `lines`."""
    series = [_numbered(each, i) for i, each in enumerate(series)]
    frame = _Frame.of(series, log_x=log_x, height=height)
    number = sum(len(each.x) for each in series)
    drawn = [_marks(each, frame, 2 if number > 200 else 3) for each in series]
    return _figure(frame.drawn(x, y, drawn), series, title, note)


def columns(
    values: Sequence[float],
    *,
    title: str,
    x: str = "",
    y: str = "",
    level: float | None = None,
    note: str = "",
) -> Markup:
    """Returns a chart of upright bars, one beside the other.

    Args:
      values: the height of each.
      title: its title.
      x, y: what the axes are, with units.
      level: bars of at least this height stand out, and a line is drawn at it.
      note: a sentence below it.
    """
    numbers = [float(i) for i in range(len(values))]
    frame = _Frame.of([Series("", [-0.5, len(values) - 0.5], [0, 0]), Series("", numbers, values)])
    frame = frame._replace(y=axis(values, frame.y.start, frame.y.end, zero=True))
    width = max(0.5, (frame.x.end - frame.x.start) / max(1, len(values)) - (len(values) < 120))
    drawn = []
    for i, value in enumerate(values):
        if math.isfinite(value):
            ends = sorted((frame.y.at(value), frame.y.at(0)))
            faint = "" if level is None or value >= level else ' class="faint"'
            drawn.append(
                f'<rect x="{frame.x.at(i) - width / 2:.1f}" y="{ends[0]:.1f}" width="{width:.1f}" '
                f'height="{max(0.5, ends[1] - ends[0]):.1f}"{faint}><title>{i}: {value:.4g}'
                "</title></rect>"
            )
    if level is not None and frame.y.low <= level <= frame.y.high:
        at = frame.y.at(level)
        drawn.append(f'<path class="level" d="M{frame.x.start:.1f} {at:.1f}H{frame.x.end:.1f}"/>')
    return _figure(frame.drawn(x, y, drawn), [], title, note)


def bars(
    values: Sequence[tuple[str, float, str]],
    *,
    title: str,
    error: Sequence[float] = (),
    note: str = "",
) -> Markup:
    """Returns a chart of named bars, one below the other.

    Args:
      values: a name, a length and its text, for each.
      title: its title.
      error: half the length of an error bar at each; none if it is empty.
      note: a sentence below it.
    """
    longest = max((len(name) for name, *_ in values), default=0)
    left = min(0.45 * WIDTH, 10 + LETTER * longest)
    room = LETTER * max((len(text) for *_, text in values), default=0) + 10
    errors = list(error) or [0.0] * len(values)
    ends = [value + e for (_, value, _), e in zip(values, errors, strict=True)]
    along = axis([0.0, *ends], left, WIDTH - room, zero=True)
    drawn = []
    for i, ((name, value, text), e) in enumerate(zip(values, errors, strict=True)):
        middle, end = BAR * (i + 0.5), along.at(value)
        first, last = sorted((along.at(0), end))
        short = name if LETTER * len(name) <= left - 8 else f"…{name[-int((left - 14) / LETTER) :]}"
        drawn.append(
            f'<rect x="{first:.1f}" y="{middle - 7}" width="{max(0.5, last - first):.1f}" '
            f'height="14" rx="2"/><text x="{left - 6:.1f}" y="{middle + 4}" text-anchor="end">'
            f"{escape(short)}<title>{escape(name)}</title></text>"
        )
        if e:
            at = f"M{along.at(value - e):.1f} {middle}H{along.at(value + e):.1f}"
            drawn.append(f'<path class="error" d="{at}"/>')
        beside = along.at(max(0.0, value + e)) + 6
        drawn.append(f'<text x="{beside:.1f}" y="{middle + 4}">{escape(text)}</text>')
    return _figure(_svg(BAR * len(values) + 4, drawn), [], title, note)


class _Frame(NamedTuple):
    """Where a chart is drawn."""

    x: Axis
    y: Axis
    height: int

    @classmethod
    def of(
        cls,
        series: Sequence[Series],
        *,
        log_x: bool = False,
        log_y: bool = False,
        robust: bool = False,
        height: int = HEIGHT,
    ) -> _Frame:
        ends = [y for each in series for y in each.y]
        for each in series:
            some = [(y, e) for y, e in zip(each.y, each.error, strict=False) if math.isfinite(e)]
            ends += [y + sign * e for y, e in some for sign in (1, -1)]
        up = axis(ends, height - BOTTOM, TOP, log=log_y, robust=robust)
        left = 26 + LETTER * max(map(len, up.labels), default=1)
        across = axis([x for each in series for x in each.x], left, WIDTH - RIGHT, log=log_x)
        if not across.log:  # lines reach from side to side
            known = [x for each in series for x in each.x if math.isfinite(x)]
            if known and min(known) < max(known):
                low, high = min(known), max(known)
                ticks = tuple(t for t in across.ticks if low <= t <= high)
                across = across._replace(low=low, high=high, ticks=ticks)
        return cls(across, up, height)

    def drawn(self, x: str, y: str, inside: Sequence[str]) -> str:
        """Returns the chart with its axes."""
        left, right = self.x.start, self.x.end
        top, bottom = self.y.end, self.y.start
        grid = "".join(f"M{left:.1f} {self.y.at(t):.1f}H{right}" for t in self.y.ticks)
        marks = "".join(f"M{self.x.at(t):.1f} {bottom}v4" for t in self.x.ticks)
        texts = [
            f'<text x="{left - 6:.1f}" y="{self.y.at(t) + 4:.1f}" text-anchor="end">{label}</text>'
            for t, label in zip(self.y.ticks, self.y.labels, strict=True)
        ]
        texts += [
            f'<text x="{self.x.at(t):.1f}" y="{bottom + 16}" text-anchor="middle">{label}</text>'
            for t, label in zip(self.x.ticks, self.x.labels, strict=True)
        ]
        middle = (left + right) / 2
        texts.append(
            f'<text class="name" x="{middle:.1f}" y="{self.height - 4}" text-anchor="middle">'
            f"{escape(x)}</text>"
        )
        texts.append(
            f'<text class="name" transform="translate(10 {(top + bottom) / 2:.1f}) rotate(-90)" '
            f'text-anchor="middle">{escape(y)}</text>'
        )
        axes = f'<path class="grid" d="{grid}"/><path class="axis" d="M{left:.1f} {bottom}H{right}'
        return _svg(self.height, [f'{axes}{marks}"/>', *texts, *inside])


def _numbered(series: Series, place: int) -> Series:
    number = place if series.colour is None else series.colour
    return series._replace(colour=number % COLOURS)


def _line(series: Series, frame: _Frame) -> str:
    """Returns a line, broken where a value is not finite, and its error bars."""
    step = max(1, math.ceil(len(series.x) / MOST))
    places = sorted({*range(0, len(series.x), step), len(series.x) - 1} if len(series.x) else ())
    path, drawing, errors = [], False, []
    for i in places:
        x, y = series.x[i], series.y[i]
        if not (math.isfinite(x) and math.isfinite(y)):
            drawing = False
            continue
        path.append(f"{'L' if drawing else 'M'}{frame.x.at(x):.1f} {frame.y.at(y):.1f}")
        drawing = True
        if len(series.error) and math.isfinite(series.error[i]):
            ends = frame.y.at(y - series.error[i]), frame.y.at(y + series.error[i])
            errors.append(f"M{frame.x.at(x):.1f} {ends[0]:.1f}V{ends[1]:.1f}")
    dashed = ' stroke-dasharray="5 4"' if series.dashed else ""
    colour = f'style="stroke:var(--c{series.colour})"'
    drawn = f'<path class="line" {colour}{dashed} d="{"".join(path)}"/>'
    return drawn + (f'<path class="error" {colour} d="{"".join(errors)}"/>' if errors else "")


def _marks(series: Series, frame: _Frame, radius: float) -> str:
    drawn = []
    for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        if math.isfinite(x) and math.isfinite(y):
            said = series.titles[i] if len(series.titles) else ""
            title = f"<title>{escape(said)}</title>" if said else ""
            place = f'cx="{frame.x.at(x):.1f}" cy="{frame.y.at(y):.1f}"'
            drawn.append(f'<circle {place} r="{radius}">{title}</circle>')
    return f'<g style="fill:var(--c{series.colour})">{"".join(drawn)}</g>'


def _svg(height: float, inside: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img">{"".join(inside)}</svg>'


def _figure(drawn: str, series: Sequence[Series], title: str, note: str) -> Markup:
    legend = "".join(
        f'<span class="key"><i style="background:var(--c{each.colour})"></i>{escape(each.name)}'
        "</span>"
        for each in series
        if each.name
    )
    said = f"<p>{escape(note)}</p>" if note else ""
    caption = f"<figcaption><b>{escape(title)}</b>{legend}</figcaption>"
    return Markup(f'<figure class="chart">{caption}{drawn}{said}</figure>')
