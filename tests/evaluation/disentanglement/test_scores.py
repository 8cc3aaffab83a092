"""All scores at once: which are defined, their errors, and factors as classes."""

import numpy as np
import pytest
from known_factors import grid, perfect

from vae.errors import InputError
from vae.evaluation.disentanglement import (
    SCORES,
    as_classes,
    interventions,
    measure,
    scores,
    varies,
)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(interventions, "TRAIN", 300)
    monkeypatch.setattr(interventions, "TEST", 300)


def test_perfect_codes_have_all_scores():
    factors = grid(2, 3, times=12)
    found = measure(perfect(factors), factors, resamples=2)
    assert list(found.figures) == list(SCORES)
    others = {name: value for name, value in found.figures.items() if name != "sap"}
    assert others == pytest.approx(dict.fromkeys(others, 1.0), abs=0.01)
    assert found.errors.keys() == found.figures.keys()
    assert {m.shape for m in found.matrices.values()} == {(2, 2)}
    assert found.entropies == pytest.approx(np.log([2, 3]))
    assert found.figures == measure(perfect(factors), factors).figures  # the same seed


def test_scores_that_are_not_defined_are_missing():
    factors = grid(3, times=30)
    found = measure(perfect(factors), factors)
    missing = {"beta_vae", "factor_vae", "dci_disentanglement", "modularity", "infom"}
    assert SCORES.keys() - found.figures.keys() == missing | {"dci_completeness", "infoc"}
    assert np.isfinite(list(found.figures.values())).all()


def test_the_error_of_a_mean_is_its_own(monkeypatch):
    rng = np.random.default_rng(0)
    codes, factors = rng.normal(size=(300, 1)), grid(2, times=150)

    def mean(z, f, rng, steps=0):
        return {"mig": z[200:].mean()}, {}

    monkeypatch.setattr(scores, "_scores", mean)
    found = measure(codes, factors, resamples=400)
    assert found.errors["mig"] == pytest.approx(codes[200:].std() / 10, rel=0.15)
    low, high = scores.Scores({"mig": 0.5}, {"mig": 0.1}, {}, np.zeros(1)).interval("mig")
    assert (low, high) == pytest.approx((0.304, 0.696))


def test_what_cannot_be_measured_is_said():
    factors = grid(2, 2, times=20)
    codes = perfect(factors)
    with pytest.raises(InputError, match="1 of 80 codes are not finite"):
        measure(np.where(np.arange(80)[:, None] == 3, np.nan, codes), factors)
    with pytest.raises(InputError, match="same code"):
        measure(np.ones((80, 2)), factors)
    with pytest.raises(InputError, match="columns 1 hardly vary"):
        measure(codes, factors * [1, 0])


def test_factors_as_classes():
    assert as_classes(np.array([5.0, 7, 5, 9] * 10)).tolist() == [0, 1, 0, 2] * 10
    drawn = np.random.default_rng(0).normal(size=1000)
    cut = as_classes(drawn)
    assert np.bincount(cut).tolist() == [100] * 10
    assert (np.diff(cut[np.argsort(drawn)]) >= 0).all()
    tied = np.concatenate([np.zeros(900), drawn[:100]])  # most values are one
    assert len(np.unique(as_classes(tied)[:900])) == 1
    assert np.bincount(as_classes(np.arange(40.0))).tolist() == [10, 10, 10, 10]


def test_a_factor_varies_if_both_parts_have_enough_of_another_value():
    rows = np.arange(60)
    every = np.column_stack([rows % 2, rows * 0, rows < 20, rows >= 56, rows % 10 == 0])
    assert varies(every.astype(int)).tolist() == [True, False, False, False, False]
