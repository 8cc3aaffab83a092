"""Charts and pages: where values are drawn, what is escaped, and that no network is asked."""

import math
import re

import jinja2
import pytest

from vae.report import html, svg
from vae.report.axes import axis, labels
from vae.report.svg import Series


@pytest.mark.parametrize(
    "values",
    [(0.0, 1.0), (-97.3, -85.1), (3.0, 3.0), (0.0, 0.0), (1e-9, 2e-9), (12.0, 91_000.0), (-5, 5)],
)
def test_ticks_are_round_lie_on_the_axis_and_can_be_told_apart(values):
    made = axis(values, 0.0, 100.0)
    assert made.low <= min(values) <= max(values) <= made.high
    assert 2 <= len(made.ticks) <= 7
    assert all(made.low <= tick <= made.high for tick in made.ticks)
    assert len(set(made.labels)) == len(made.ticks)
    steps = {
        round((b - a) / (made.ticks[1] - made.ticks[0]), 6)
        for a, b in zip(made.ticks, made.ticks[1:], strict=False)
    }
    assert steps == {1.0}


def test_labels_are_short_and_say_the_value():
    assert labels((0.0, 0.5, 1.0)) == ("0", "0.5", "1")
    assert labels((0.0, 5000.0, 10_000.0, 15_000.0)) == ("0", "5k", "10k", "15k")
    assert labels((-100.0, -97.5)) == ("−100", "−97.5")
    assert labels((1e-5, 1e-4)) == ("1e−5", "0.0001")


def test_a_logarithmic_axis_has_equal_ratios_at_equal_distances():
    made = axis((1e-4, 1e-2), 10.0, 210.0, log=True)
    assert made.at(1e-3) == pytest.approx(110.0)
    assert {1e-4, 1e-3, 1e-2} <= {float(f"{tick:.6g}") for tick in made.ticks}
    assert not axis((0.0, 1.0), 0, 1, log=True).log  # 0 has no logarithm


def test_the_losses_of_the_first_steps_do_not_set_the_scale():
    losses = [500.0, 300.0, *(90.0 + i % 10 for i in range(50))]
    assert axis(losses, 0, 1, robust=True).high < 130
    assert axis(losses, 0, 1).high > 500
    assert axis(losses, 0, 1, robust=True).at(500.0) == 1  # at the edge, not beyond


def test_a_line_goes_through_its_values_and_breaks_where_one_is_missing():
    y = [0.0, 1.0, math.nan, 1.0, 0.0]
    drawn = str(svg.lines([Series("a < b", range(5), y)], title="A & B"))
    path = re.search(r'class="line"[^>]* d="([^"]*)"', drawn)[1]
    places = [tuple(map(float, each[1:].split())) for each in re.findall(r"[ML][^ML]*", path)]
    assert path.count("M") == 2 and len(places) == 4
    (x0, y0), (x1, y1), (x3, y3), (x4, y4) = places
    assert y0 == y4 > y1 == y3  # up is less in pixels
    assert x3 - x1 == pytest.approx(2 * (x1 - x0), abs=0.2) and x4 - x3 == pytest.approx(
        x1 - x0, abs=0.2
    )
    assert "a &lt; b" in drawn and "A &amp; B" in drawn and "nan" not in drawn


def test_a_long_line_keeps_its_last_value():
    drawn = str(svg.lines([Series("", range(10_001), [0.0] * 10_000 + [1.0])], title=""))
    path = re.search(r'class="line"[^>]* d="([^"]*)"', drawn)[1]
    assert path.count("L") <= svg.MOST
    heights = [float(each.split()[1]) for each in re.findall(r"[ML][^ML]*", path)]
    assert heights[-1] < heights[-2]


def test_bars_are_as_long_as_their_values_and_those_below_a_level_are_faint():
    drawn = str(svg.bars([("a", 2.0, "2"), ("b", 1.0, "1")], title=""))
    first, second = (float(w) for w in re.findall(r'width="([\d.]+)" height="14"', drawn))
    assert first == pytest.approx(2 * second, abs=0.2)
    drawn = str(svg.columns([2.0, 1.0, 0.1], title="", level=0.5))
    heights = [float(h) for h in re.findall(r'height="([\d.]+)"', drawn)]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)
    assert drawn.count('class="faint"') == 1


@pytest.mark.parametrize("values", [[], [math.nan], [1.0], [math.inf, 2.0]])
def test_charts_of_little_are_drawn(values):
    numbers = range(len(values))
    for drawn in (
        svg.lines([Series("", numbers, values)], title="", log_y=True),
        svg.points([Series("", numbers, values)], title=""),
        svg.columns(values, title=""),
    ):
        assert "nan" not in drawn and "inf" not in drawn


def test_a_page_escapes_what_it_is_given_and_asks_no_network():
    page = html.render("base.html", title="<script>a & b")
    assert "<script>" not in page and "&lt;script&gt;a &amp; b" in page
    assert "default-src 'none'" in page and not re.search(
        r"""(src|href)=["']?http|url\(|@import""", page
    )
    with pytest.raises(jinja2.UndefinedError, match="title"):
        html.render("base.html")
