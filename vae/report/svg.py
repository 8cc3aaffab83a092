"""Charts as SVG within a page: lines, points and bars, in the colours of the page's style.

A chart is as wide as its column, a few hundred pixels on a phone as on a large screen, so that its
text keeps its size. Colours are variables of `pages/style.css`, for a light and a dark page. Each
function returns a whole `<figure>` with its title and a legend.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from vae.report.axes import Axis, axis

WIDTH, HEIGHT = 360, 220  # of a chart, in its own pixels
TOP, RIGHT, BOTTOM = 8, 16, 34  # around what is drawn
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
      joined: whether a chart of lines joins its values; else it has points.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    error: Sequence[float] = ()
    dashed: bool = False
    colour: int | None = None
    titles: Sequence[str] = ()
    joined: bool = True


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
    robust = all(each.joined for each in series)
    frame = _Frame.of(series, log_x=log_x, log_y=log_y, robust=robust)
    drawn = [_line(each, frame) for each in series if each.joined]
    drawn += [_marks(each, frame, 3) for each in series if marked or not each.joined]
    return figure(frame.drawn(x, y, drawn), title=title, series=series, note=note)


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
    return figure(frame.drawn(x, y, drawn), title=title, series=series, note=note)


def columns(
    values: Sequence[float],
    *,
    title: str,
    x: str = "",
    y: str = "",
    level: float | None = None,
    names: Sequence[str] = (),
    note: str = "",
) -> Markup:
    """Returns a chart of upright bars, one beside the other.

    Args:
      values: the height of each.
      title: its title.
      x, y: what the axes are, with units.
      level: bars of at least this height stand out, and a line is drawn at it.
      names: the name of each bar, which is said when it is pointed at.
      note: a sentence below it.
    """
    numbers = [float(i) for i in range(len(values))]
    frame = _Frame.of([Series("", [-0.5, len(values) - 0.5], [0, 0]), Series("", numbers, values)])
    ends = values if level is None else [*values, level]
    frame = frame._replace(y=axis(ends, frame.y.start, frame.y.end, zero=True))
    width = max(0.5, (frame.x.end - frame.x.start) / max(1, len(values)) - (len(values) < 120))
    drawn = []
    for i, value in enumerate(values):
        if math.isfinite(value):
            ends = sorted((frame.y.at(value), frame.y.at(0)))
            said = f"{escape(names[i])}: " if names else ""
            faint = "" if level is None or value >= level else ' class="faint"'
            drawn.append(
                f'<rect x="{frame.x.at(i) - width / 2:.1f}" y="{ends[0]:.1f}" width="{width:.1f}" '
                f'height="{max(0.5, ends[1] - ends[0]):.1f}"{faint}><title>{said}{value:.4g}'
                "</title></rect>"
            )
    if level is not None and frame.y.low <= level <= frame.y.high:
        at = frame.y.at(level)
        drawn.append(f'<path class="level" d="M{frame.x.start:.1f} {at:.1f}H{frame.x.end:.1f}"/>')
    return figure(frame.drawn(x, y, drawn), title=title, note=note)


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
    left = _room(name for name, *_ in values)
    room = LETTER * max((len(text) for *_, text in values), default=0) + 10
    errors = list(error) or [0.0] * len(values)
    ends = [value + e for (_, value, _), e in zip(values, errors, strict=True)]
    along = axis([0.0, *ends], left, WIDTH - room, zero=True)
    drawn = []
    for i, ((name, value, text), e) in enumerate(zip(values, errors, strict=True)):
        middle = BAR * (i + 0.5)
        first, last = sorted((along.at(0), along.at(value)))
        drawn.append(
            f'<rect x="{first:.1f}" y="{middle - 7}" width="{max(0.5, last - first):.1f}" '
            f'height="14" rx="2"/>{_row_name(name, left, middle)}'
        )
        if e:
            at = f"M{along.at(value - e):.1f} {middle}H{along.at(value + e):.1f}"
            drawn.append(f'<path class="error" d="{at}"/>')
        beside = along.at(max(0.0, value + e)) + 6
        drawn.append(f'<text x="{beside:.1f}" y="{middle + 4}">{escape(text)}</text>')
    return figure(_svg(BAR * len(values) + 4, drawn), title=title, note=note)


def strips(groups: Mapping[str, Sequence[float]], *, title: str, x: str = "") -> Markup:
    """Returns a chart of values in named rows, a point for each, over one axis `x`."""
    left, bottom = _room(groups), BAR * len(groups) + 4
    along = axis([x for own in groups.values() for x in own], left, WIDTH - RIGHT)
    drawn = [
        f'<path class="grid" d="{"".join(f"M{along.at(t):.1f} 0V{bottom}" for t in along.ticks)}"/>'
    ]
    for i, (name, values) in enumerate(groups.items()):
        middle = BAR * (i + 0.5)
        marks = (f'<circle cx="{along.at(v):.1f}" cy="{middle}" r="3.5"/>' for v in values)
        drawn += [_row_name(name, left, middle), f'<g style="fill:var(--c0)">{"".join(marks)}</g>']
    drawn += [
        f'<text x="{along.at(t):.1f}" y="{bottom + 14}" text-anchor="middle">{label}</text>'
        for t, label in zip(along.ticks, along.labels, strict=True)
    ]
    middle = (left + WIDTH - RIGHT) / 2
    drawn.append(
        f'<text class="name" x="{middle:.1f}" y="{bottom + 30}" text-anchor="middle">'
        f"{escape(x)}</text>"
    )
    return figure(_svg(bottom + 34, drawn), title=title)


def figure(
    drawn: str, *, title: str, series: Sequence[Series] = (), note: str = "", width: float = WIDTH
) -> Markup:
    """Returns a chart with its title, a legend of series, and a sentence below it.

    Args:
      drawn: the chart, as SVG of `width` pixels.
      title: its title.
      series: those that the legend names.
      note: the sentence.
      width: its width in its own pixels; a wider one is moved sideways on a narrow page.
    """
    legend = "".join(
        f'<span class="key"><i style="background:var(--c{each.colour})"></i>{escape(each.name)}'
        "</span>"
        for each in series
        if each.name
    )
    said = f"<p>{escape(note)}</p>" if note else ""
    caption = f"<figcaption><b>{escape(title)}</b>{legend}</figcaption>"
    if width > WIDTH:
        drawn = f'<div class="wide"><div style="width:{width}px">{drawn}</div></div>'
    kind = "chart broad" if width > WIDTH else "chart"
    return Markup(f'<figure class="{kind}">{caption}{drawn}{said}</figure>')


def _room(names: Iterable[str]) -> float:
    """Returns the width of names at the left."""
    return min(0.45 * WIDTH, 10 + LETTER * max(map(len, names), default=0))


def _row_name(name: str, left: float, middle: float) -> str:
    """Returns a name at the left of a row; the end of one that is too long."""
    short = name if LETTER * len(name) <= left - 8 else f"…{name[-int((left - 14) / LETTER) :]}"
    return (
        f'<text x="{left - 6:.1f}" y="{middle + 4}" text-anchor="end">{escape(short)}'
        f"<title>{escape(name)}</title></text>"
    )


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
