"""Pages of tables: that something is drawn, and which columns are."""

import numpy as np

from vae.modalities import tables
from vae.modalities.tables import plots
from vae.probability.event import Event, Values

RNG = np.random.default_rng(0)
EVENT = Event((2,), Values("real", scale=(2.0, 0.5), offset=(10.0, -1.0)), ("a", "b"))


def test_pages_show_what_they_are_given():
    x = RNG.normal(size=(30, 2)).astype(np.float32)
    pages = [
        tables.sheet(x, EVENT),
        tables.sheet(x, EVENT, beside=x + 1),
        tables.sheet(x, EVENT, data=x + 1),
        tables.table(x.reshape(5, 6, 2), EVENT, list("012345"), list("abcde")),
        tables.sheet(x[:, :1], Event((1,), Values("real"), ("a",))),
    ]
    for page in pages:
        assert page.ndim == 3 and page.shape[2] == 3 and page.dtype == np.uint8
        assert (np.ptp(page.astype(int), axis=2) > 60).any()  # colours
    assert tables.sheet(np.full_like(x, np.nan), EVENT).shape[2] == 3  # of a model that diverged


def test_the_columns_of_pairs_explain_the_others():
    a, b = RNG.normal(size=(2, 500, 1))
    rows = np.concatenate([b, *(a + 0.1 * RNG.normal(size=a.shape) for _ in range(4))], axis=1)
    chosen = plots.principal(rows, 2)
    assert 0 in chosen and len(chosen) == 2  # b, and one of the four that are nearly a
    assert plots.principal(rows, 9) == [0, 1, 2, 3, 4]


def test_names_of_columns_are_no_formulas():
    event = Event((2,), Values("real"), (r"$\price$", "x_{$"))
    assert tables.sheet(RNG.normal(size=(9, 2)), event).ndim == 3
