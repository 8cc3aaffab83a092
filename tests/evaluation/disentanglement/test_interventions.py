"""Scores by factors held fixed, against closed forms."""

import numpy as np
import pytest
from known_factors import grid, perfect, rotated

from vae.evaluation.disentanglement import interventions
from vae.evaluation.disentanglement.interventions import Sharing, beta_vae, factor_vae, irs

BINARY = grid(2, 2, 2, times=6)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(interventions, "TRAIN", 600)
    monkeypatch.setattr(interventions, "TEST", 600)


def test_examples_share_the_value_that_is_held_fixed():
    rng = np.random.default_rng(0)
    factors = np.column_stack([rng.integers(0, 4, 60), np.arange(60)])
    factors[0, 0] = 4  # a value that no other example has
    sharing = Sharing(factors)
    rows = sharing.first(0, 5000, rng)
    assert set(rows) == set(range(1, 60))
    like = sharing.like(rows, 0, rng)
    assert (factors[like, 0] == factors[rows, 0]).all()
    same = np.flatnonzero(factors[:, 0] == factors[1, 0])
    counts = np.bincount(sharing.like(np.ones(20_000, int), 0, rng), minlength=60)[same]
    assert counts == pytest.approx(np.full(len(same), 20_000 / len(same)), rel=0.2)
    others = sharing.other(np.ones(20_000, int), 0, rng)
    counts = np.bincount(others, minlength=60)[same[same != 1]]
    assert counts.sum() == 20_000
    assert counts == pytest.approx(np.full(len(same) - 1, 20_000 / (len(same) - 1)), rel=0.2)


def test_how_many_share_a_value_does_not_tell_which_factor_is_fixed():
    rng = np.random.default_rng(0)
    factors = np.column_stack([rng.integers(0, size, 600) for size in (2, 100)])
    assert beta_vae(rng.normal(size=(600, 2)), factors, rng) < 0.7  # .9 and more where it does


@pytest.mark.parametrize("score", [beta_vae, factor_vae])
@pytest.mark.parametrize(
    ("codes", "value"),
    [
        (perfect(BINARY), 1),
        (np.tile(perfect(BINARY), 2), 1),
        (perfect(BINARY)[:, [1, 2, 0]] * [2, 1, 3], 1),
        (np.column_stack([perfect(BINARY), np.zeros(len(BINARY))]), 1),
        (rotated(BINARY), 2 / 3),  # of two factors, which one cannot be told
        (np.random.default_rng(0).normal(size=(len(BINARY), 3)), None),
    ],
)
def test_scores(score, codes, value):
    found = score(codes, BINARY, np.random.default_rng(0))
    if value is None:
        assert found < 0.75
    else:
        assert found == pytest.approx(value, abs=0.06)


def test_latents_of_a_small_variance_have_no_vote():
    codes, rng = perfect(BINARY) * 0.2, np.random.default_rng(0)
    assert factor_vae(codes, BINARY, rng) == 0  # a variance of .04
    assert factor_vae(codes * [2, 2, 1], BINARY, rng) == pytest.approx(2 / 3, abs=0.06)


def test_interventional_robustness():
    for codes, value in (
        (perfect(BINARY), 1),
        (rotated(BINARY), (2 * np.sqrt(2) * 1 / 2 + 1) / (2 * np.sqrt(2) + 1)),
        (np.column_stack([BINARY.sum(1) % 2 * 2.0 - 1, np.zeros(len(BINARY))]), 0),
        (np.zeros((len(BINARY), 2)), 0),
    ):
        assert irs(codes, BINARY)[0] == pytest.approx(value)
    scores = irs(np.column_stack([perfect(BINARY)[:, 2], np.zeros(len(BINARY))]), BINARY)[1]
    assert scores == pytest.approx(np.array([[0, 0, 1], [0, 0, 0]]))
