"""Pages of tables: that something is drawn, and which columns are."""

import numpy as np
import pytest

from vae.modalities import tables
from vae.modalities.tables import plots, show
from vae.probability.event import Event, Values

RNG = np.random.default_rng(0)
EVENT = Event((2,), Values("real", scale=(2.0, 0.5), offset=(10.0, -1.0)), ("a", "b"))


def test_pages_show_what_they_are_given():
    x = RNG.normal(size=(30, 2)).astype(np.float32)
    pages = [
        tables.sheet(x, EVENT, "Rows"),
        tables.sheet(x, EVENT, "Pairs", beside=x + 1),
        tables.sheet(x, EVENT, "Samples", data=x + 1),
        tables.table(
            x.reshape(5, 6, 2),
            EVENT,
            "Steps",
            columns=list("012345"),
            rows=list("abcde"),
            before={"given": np.full((5, 2), np.nan)},
        ),
        tables.surface(x.reshape(5, 6, 2), EVENT, "Maps", np.arange(6), np.arange(5)),
        tables.sheet(x[:, :1], Event((1,), Values("real"), ("a",)), "One column"),
    ]
    for page in (sheet.picture for sheet in pages):
        assert page.ndim == 3 and page.shape[2] == 3 and page.dtype == np.uint8
        assert (np.ptp(page.astype(int), axis=2) > 60).any()  # colours
    none = np.full_like(x, np.nan)  # of a model that diverged
    assert tables.sheet(none, EVENT, "None").picture.shape[2] == 3


def test_the_columns_of_pairs_explain_the_others():
    a, b = RNG.normal(size=(2, 500, 1))
    rows = np.concatenate([b, *(a + 0.1 * RNG.normal(size=a.shape) for _ in range(4))], axis=1)
    chosen = plots.principal(rows, 2)
    assert 0 in chosen and len(chosen) == 2  # b, and one of the four that are nearly a
    assert plots.principal(rows, 9) == [0, 1, 2, 3, 4]


def test_names_of_columns_are_no_formulas():
    event = Event((2,), Values("real"), (r"$\price$", "x_{$"))
    assert tables.sheet(RNG.normal(size=(9, 2)), event, "A $title$").picture.ndim == 3


@pytest.mark.parametrize("unit", [1e-30, 1.0, 1e30])
def test_the_units_of_the_data_change_no_figure(unit):
    x = RNG.normal(size=(30, 8)).astype(np.float32)
    event = Event((8,), Values("real", scale=unit), tuple("abcdefgh"))
    one, other = (show._raw(part, event)[:, 0] for part in (x, x + np.float32(0.5)))
    expected = 1 - 30 * 0.25 / ((x[:, 0] - x[:, 0].mean()) ** 2).sum()
    assert plots._explained(one, other) == f"$R^2$ {expected:.2f}"
    assert plots._explained(np.ones(5), one[:5]) == "constant"
    assert plots.principal(show._raw(x, event), 3) == plots.principal(x, 3)
    steps = tables.table(x.reshape(5, 6, 8), event, "Six steps", columns=list("123456"))
    assert steps.picture.ndim == 3
