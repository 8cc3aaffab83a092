"""Parallel coordinates: a line for each point, which crosses an axis for each key at its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from vae.report.axes import Axis, axis
from vae.report.svg import figure

HEIGHT, TOP, BOTTOM = 240, 34, 12
BETWEEN = 110  # pixels from one axis to the next
SIDE = 45  # and at either side
MOST = 60  # of the lines, the best ones
SPREAD = 10.0  # ratio of largest to smallest number beyond which an axis is logarithmic
LONGEST = 20  # characters of a name


def parallel(
    names: Sequence[str], values: Sequence[Sequence[Any]], *, title: str, best: int = 1
) -> Markup:
    """Returns the chart.

    Args:
      names: the names of the axes; the last is the objective.
      values: for each point its value on each axis: numbers, or anything else as text.
      title: its title.
      best: 1 if the largest objective is the best, -1 if the smallest is.
    """
    ordered = sorted(values, key=lambda row: best * row[-1])[-MOST:]  # the best are drawn last
    places, drawn = [], []
    for i, name in enumerate(names):
        x, column = SIDE + BETWEEN * i, [row[i] for row in ordered]
        across, marks = _axis(column)
        places.append(across)
        short = name.rpartition(".")[2]
        short = short if len(short) <= LONGEST else f"{short[: LONGEST - 1]}…"
        drawn.append(
            f'<path class="axis" d="M{x} {TOP}V{HEIGHT - BOTTOM}"/>'
            f'<text class="name" x="{x}" y="{12 if i % 2 == 0 else 26}" text-anchor="middle">'
            f"{escape(short)}<title>{escape(name)}</title></text>"
        )
        drawn += [f'<text x="{x + 5}" y="{y + 4:.1f}">{escape(text)}</text>' for y, text in marks]
    lines = []
    for rank, row in enumerate(ordered):
        share = (rank + 1) / len(ordered)
        points = [f"{SIDE + BETWEEN * i} {places[i](x):.1f}" for i, x in enumerate(row)]
        colour = "--c1" if rank == len(ordered) - 1 else "--c0"
        lines.append(
            f'<path class="line" style="stroke:var({colour});opacity:{0.15 + 0.85 * share**2:.2f}" '
            f'd="M{"L".join(points)}"/>'
        )
    width = 2 * SIDE + BETWEEN * (len(names) - 1)
    note = "A line is a point; the stronger, the better; the best is orange."
    svg = f'<svg viewBox="0 0 {width} {HEIGHT}" role="img">{"".join([*lines, *drawn])}</svg>'
    return figure(svg, title=title, note=note, width=width)


def _axis(column: Sequence[Any]) -> tuple[Any, list[tuple[float, str]]]:
    """Returns what places a value on an axis, and the marks on it with their texts."""
    if all(isinstance(x, int | float) and not isinstance(x, bool) for x in column):
        low, high = min(column), max(column)
        log = low > 0 and high / low >= SPREAD
        made: Axis = axis(column, HEIGHT - BOTTOM, TOP, log=log, most=4)
        pairs = zip(made.ticks, made.labels, strict=True)
        return made.at, [(made.at(tick), label) for tick, label in pairs]
    texts = sorted({str(x) for x in column})
    step = (HEIGHT - BOTTOM - TOP) / max(1, len(texts))
    place = {text: TOP + step * (i + 0.5) for i, text in enumerate(texts)}
    return (lambda x: place[str(x)]), [(y, text[:LONGEST]) for text, y in place.items()]
