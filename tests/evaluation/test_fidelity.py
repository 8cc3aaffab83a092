"""The distances of samples from data, against closed forms."""

import numpy as np
import pytest
import scipy.linalg

from vae.evaluation.fidelity import (
    attribute_entropy,
    class_entropy,
    frechet,
    kernel_distance,
    precision_recall,
    squared_distances,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("few", "many"), [(40, 60), (5, 7)])  # more and fewer than features
def test_frechet_distance_is_that_of_the_gaussians_of_the_moments(rng, few, many):
    a, b = rng.normal(size=(few, 12)) @ rng.normal(size=(12, 12)), 1 + rng.normal(size=(many, 12))
    cov_a, cov_b = (np.cov(x, rowvar=False) for x in (a, b))
    root = scipy.linalg.sqrtm(cov_a @ cov_b + 1e-12 * np.eye(12)).real
    moved = ((a.mean(0) - b.mean(0)) ** 2).sum()
    expected = moved + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root)
    assert frechet(a, b) == pytest.approx(expected, rel=1e-4)
    assert frechet(b, a) == pytest.approx(frechet(a, b))


def test_frechet_distance_of_samples(rng):
    x = rng.normal(size=(500, 3))
    assert frechet(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet(x, x + np.array([3, 0, 4])) == pytest.approx(25)
    assert frechet(x, 3 * x) == pytest.approx(
        4 * np.trace(np.cov(x.T)) + 4 * (x.mean(0) ** 2).sum()
    )


def test_kernel_distance_is_the_unbiased_estimate(rng):
    a, b = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))

    def k(u, v):
        return (u @ v / 2 + 1) ** 3

    def mean(x, y, same):
        pairs = [(i, j) for i in range(len(x)) for j in range(len(y)) if not same or i != j]
        return np.mean([k(x[i], y[j]) for i, j in pairs])

    expected = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    assert kernel_distance(a, b) == pytest.approx(expected)


def test_kernel_distance_is_0_in_the_mean_for_samples_of_one_distribution(rng):
    same = [kernel_distance(*rng.normal(size=(2, 40, 3))) for _ in range(300)]
    assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(300)
    moved = [kernel_distance(rng.normal(size=(40, 3)), rng.normal(1, 1, (40, 3))) for _ in range(9)]
    assert np.mean(moved) > 3 * np.std(same)


def test_precision_and_recall_of_sets_whose_balls_are_known(rng):
    line = np.arange(10.0)[:, None]
    assert precision_recall(line, line) == (1, 1)
    assert precision_recall(line, line + 100) == (0, 0)
    # With k = 1 every ball about 0, 1, ..., 9 has radius 1 and their union is [-1, 10].
    samples = np.array([[-1.5], [-0.9], [4.5], [10.0], [10.1]])
    assert precision_recall(line, samples, k=1)[0] == 3 / 5
    # Their own balls reach 0.6, 0.6, 5.4, 0.1 and 0.1 far; only that about 4.5 has data in it.
    assert precision_recall(line, samples, k=1)[1] == 1.0
    assert precision_recall(line + 20, samples, k=1) == (0, 0)


def test_mode_collapse_costs_recall_not_precision(rng):
    data = rng.normal(size=(1500, 2)) + 20 * rng.integers(0, 2, (1500, 1))
    samples = rng.normal(size=(1200, 2))
    precision, recall = precision_recall(data, samples)
    assert precision > 0.9 and 0.4 < recall < 0.55


def test_distances_are_those_of_a_loop(rng):
    a, b = rng.normal(size=(3, 5)), rng.normal(size=(4, 5))
    expected = [[((x - y) ** 2).sum() for y in b] for x in a]
    np.testing.assert_allclose(squared_distances(a, b), expected)


def test_entropies():
    uniform, one = np.tile(np.eye(4), (5, 1)), np.tile(np.eye(4)[:1], (5, 1))
    assert class_entropy(uniform) == pytest.approx(np.log(4))
    assert class_entropy(one) == 0
    assert attribute_entropy(np.array([0.1, 0.2, 0.7, 1.0]), bins=2) == pytest.approx(np.log(2))
    assert attribute_entropy(np.linspace(0, 1, 1000)) == pytest.approx(np.log(10), abs=1e-4)
    assert attribute_entropy(np.full(7, 0.5)) == 0


def test_features_that_are_no_numbers_have_no_figures():
    good = np.random.default_rng(0).normal(size=(20, 3))
    for value in (np.nan, np.inf):
        bad = good.copy()
        bad[3, 1] = value
        for pair in ((good, bad), (bad, good)):
            assert np.isnan([frechet(*pair), *precision_recall(*pair)]).all()
        assert np.isnan([class_entropy(bad), attribute_entropy(bad[:, 1])]).all()
