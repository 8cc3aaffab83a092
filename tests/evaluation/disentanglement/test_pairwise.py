"""Mutual information of latents and factors, and its scores, against closed forms."""

import numpy as np
import pytest
from known_factors import grid, perfect, rotated
from numpy.testing import assert_allclose

from vae.evaluation.disentanglement import pairwise

BINARY = grid(2, 2, 2, times=75)
H = np.log(2)


def of(codes, factors=BINARY):
    return pairwise.by_histogram(codes, factors), pairwise.entropies(factors)


def test_information_is_that_of_latent_d_and_factor_f():
    factors = grid(2, 3, 4, times=40)
    codes = np.column_stack([perfect(factors)[:, [2, 0]], np.zeros(len(factors))])
    expected = np.diag(np.log([2, 3, 4]))[[2, 0]]
    for found in (of(codes, factors)[0], pairwise.by_nearest(codes, factors)):
        assert found.shape == (3, 3)
        assert_allclose(found[:2], expected, atol=0.03)  # by neighbours a bias of order 1/N
        assert_allclose(found[2], 0)
    assert_allclose(of(codes, factors)[0][:2], expected, atol=1e-12)


@pytest.mark.parametrize(
    ("codes", "gap"),
    [
        (perfect(BINARY), 1),
        (rotated(BINARY), 1 / 3),  # each of the turned latents has half of both factors
        (np.tile(perfect(BINARY), 2), 0),
        (perfect(BINARY)[:, [2, 0, 1]] * [-3, 0.1, 9], 1),
        (perfect(BINARY)[:, :1], 1 / 3),  # of one latent the second says nothing
        (np.zeros((len(BINARY), 2)), 0),
    ],
)
def test_mutual_information_gap(codes, gap):
    assert pairwise.mig(*of(codes)) == pytest.approx(gap, abs=1e-9)


def test_modularity():
    for codes, value in (
        (perfect(BINARY), 1),
        (np.tile(perfect(BINARY), 2), 1),  # redundant latents are modular
        (rotated(BINARY), (1 / 2 + 1 / 2 + 1) / 3),  # two of three factors alike: 1 - 1 / 2
        (np.column_stack([perfect(BINARY), np.zeros(len(BINARY))]), 1),  # a dead one is left out
        (np.column_stack([perfect(BINARY)[:, 0], BINARY.sum(1) % 2]), 1 / 2),  # one says nothing
    ):
        found = pairwise.modularity(of(codes)[0], np.ptp(codes, axis=0) > 0)
        assert found == pytest.approx(value, abs=1e-9)


def test_preference():
    for shares, value in (
        (np.eye(3), 1),
        (np.ones((3, 4)), 0),
        ([[1, 1, 0], [0, 0, 1], [0, 0, 0]], (1 / 4 + 1 + 0) / 3),
    ):
        assert pairwise.preference(np.asarray(shares, float)) == pytest.approx(value)
    shares = pairwise.by_nearest(rotated(BINARY), BINARY) / H
    assert pairwise.preference(shares) == pytest.approx((1 / 4 + 1 / 4 + 1) / 3, abs=0.02)
    assert pairwise.preference(shares.T) == pytest.approx((1 / 4 + 1 / 4 + 1) / 3, abs=0.02)


def test_a_latent_of_a_small_range_is_not_wide():
    codes = perfect(BINARY) * [1, 0.06, 0.04]
    assert pairwise.wide(codes).tolist() == [True, True, False]
    assert not pairwise.wide(np.zeros((5, 2))).any()


def test_information_of_a_continuous_latent():
    rng = np.random.default_rng(0)
    factor = rng.integers(0, 2, (3000, 1))
    z = factor / 2 + rng.random((3000, 1))  # uniform on [0, 1] or [1/2, 3/2]: half of it tells
    assert_allclose(pairwise.by_nearest(z, factor), H / 2, atol=0.03)
    assert_allclose(pairwise.by_nearest(1e6 + 1e-3 * z, factor), H / 2, atol=0.03)
    assert_allclose(pairwise.by_histogram(z, factor), H / 2, atol=0.03)


def test_the_bias_of_histograms():
    rng = np.random.default_rng(0)
    codes, factor = rng.random((2000, 50)), rng.integers(0, 4, (2000, 1))
    found = pairwise.by_histogram(codes, factor).mean()
    assert found == pytest.approx(pairwise.bias(2000, 4), rel=0.1)


def test_rare_classes_have_no_more_information_than_there_is():
    """By neighbours, scikit-learn finds 2 to 200 times the entropy in a constant."""
    rng = np.random.default_rng(0)
    factor = (np.arange(20_000) < 20).astype(int)[:, None]
    codes = np.column_stack([np.full(20_000, 3.0), rng.normal(size=20_000), 5 * factor[:, 0]])
    found = pairwise.by_nearest(codes, factor)[:, 0] / pairwise.entropies(factor)
    assert found[0] == 0
    assert found[1] < 0.1
    assert found[2] == pytest.approx(1, abs=0.01)


def test_a_class_of_one_example_is_left_out():
    factor = np.array([0] * 50 + [1] * 50 + [2])[:, None]
    z = np.array([0.0] * 50 + [1.0] * 50 + [2.0])[:, None]
    assert_allclose(pairwise.by_nearest(z, factor), H, atol=0.02)
    alone = np.arange(5)[:, None]
    assert_allclose(pairwise.by_nearest(alone.astype(float), alone), 0)
