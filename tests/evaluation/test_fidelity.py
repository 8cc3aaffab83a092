"""The distances of samples from data, against closed forms."""

import numpy as np
import pytest
import scipy.linalg

from vae.evaluation import fidelity
from vae.evaluation.fidelity import (
    attribute_entropy,
    class_entropy,
    density_coverage,
    frechet,
    frechet_unbiased,
    inception_score,
    kernel_distance,
    precision_recall,
    squared_distances,
)


def values(estimates):
    return tuple(each.value for each in estimates)


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


def test_unbiased_frechet_distance_of_gaussians_is_that_of_their_parameters(rng):
    """Of N(0, I) and N(e, 1.44 I) in 8 dimensions: 1 + 8 (1.2 - 1)^2, from few samples."""
    scale, moved = 1.2, np.eye(8)[0]
    found = []
    for _ in range(40):
        a, b = rng.normal(size=(40, 8)), moved + scale * rng.normal(size=(50, 8))
        found.append((frechet(a, b), *frechet_unbiased(a, b)))
    plain, unbiased, errors = np.transpose(found)
    expected, spread = 1 + 8 * (scale - 1) ** 2, unbiased.std(ddof=1)
    assert plain.mean() > 1.5 * expected
    assert abs(unbiased.mean() - expected) < 4 * spread / np.sqrt(40)
    assert 0.75 < np.sqrt((errors**2).mean()) / spread < 1.5


def test_distances_of_pairs_have_no_bias_either(rng):
    """Both of a pair are N(0, I), and their correlation is 0.6."""
    a = rng.normal(size=(100, 40, 3))
    b = 0.6 * a + 0.8 * rng.normal(size=a.shape)
    distances = [frechet_unbiased(*pair) for pair in zip(a[:40], b, strict=False)]
    kernels = [kernel_distance(*pair, paired=True) for pair in zip(a, b, strict=True)]
    for found in (distances, kernels):
        value, error = np.transpose(found)
        assert abs(value.mean()) < 4 * value.std() / np.sqrt(len(value))
        assert 0.8 < np.sqrt((error**2).mean()) / value.std() < 1.8
    for metric in (frechet_unbiased(a[0], a[0]), kernel_distance(a[0], a[0], paired=True)):
        assert metric == pytest.approx((0, 0), abs=1e-9)


def test_the_bias_of_fewer_samples_than_features_is_not_known(rng):
    assert np.isnan(frechet_unbiased(*rng.normal(size=(2, 12, 12)))).all()


def test_kernel_distance_is_the_unbiased_estimate(rng):
    a, b = rng.normal(size=(4, 2)), rng.normal(size=(3, 2))

    def k(u, v):
        return (u @ v / 2 + 1) ** 3

    def mean(x, y, same):
        pairs = [(i, j) for i in range(len(x)) for j in range(len(y)) if not same or i != j]
        return np.mean([k(x[i], y[j]) for i, j in pairs])

    def distance(a, b):
        return mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)

    found = kernel_distance(a, b)
    assert found.value == pytest.approx(distance(a, b))
    without = [[distance(np.delete(a, i, 0), b) for i in range(4)]]
    without += [[distance(a, np.delete(b, i, 0)) for i in range(3)]]
    variance = sum((len(each) - 1) * np.var(each) for each in without)
    assert found.stderr == pytest.approx(np.sqrt(variance))


def test_kernel_distance_is_0_in_the_mean_for_samples_of_one_distribution(rng):
    same = np.array([kernel_distance(*rng.normal(size=(2, 40, 3))) for _ in range(300)])
    spread = same[:, 0].std()
    assert abs(same[:, 0].mean()) < 4 * spread / np.sqrt(300)
    assert 1 < np.sqrt((same[:, 1] ** 2).mean()) / spread < 1.8


def test_kernel_distance_of_gaussians_and_its_error(rng):
    """In one dimension k(u, v) = (uv + 1)^3, so E k = m^3 m'^3 + 3 m^2 m'^2 + 3 m m' + 1, with
    the moments E u^n and E v^n in place of the powers."""
    here, there = np.array([0, 1, 0]), np.array([1, 2, 4])  # of N(0, 1) and N(1, 1)

    def mean(u, v):
        return 1 + (np.array([3, 3, 1]) * u * v).sum()

    expected = mean(here, here) + mean(there, there) - 2 * mean(here, there)
    draws = [(rng.normal(size=(60, 1)), rng.normal(1, 1, (50, 1))) for _ in range(200)]
    found, errors = np.transpose([kernel_distance(*pair) for pair in draws])
    assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(200)
    assert 0.8 < np.sqrt((errors**2).mean()) / found.std() < 1.3


def test_precision_and_recall_of_sets_whose_balls_are_known(rng):
    line = np.arange(10.0)[:, None]
    assert values(precision_recall(line, line)) == (1, 1)
    assert values(precision_recall(line, line + 100)) == (0, 0)
    # With k = 1 every ball about 0, 1, ..., 9 has radius 1 and their union is [-1, 10].
    samples = np.array([[-1.5], [-0.9], [4.5], [10.0], [10.1]])
    precision, recall = precision_recall(line, samples, k=1)
    assert precision.value == 3 / 5
    assert precision.stderr == pytest.approx(np.sqrt(3 / 5 * 2 / 5 / 4))
    # Their own balls reach 0.6, 0.6, 5.4, 0.1 and 0.1 far; only that about 4.5 has data in it.
    assert recall == (1, 0)
    assert values(precision_recall(line + 20, samples, k=1)) == (0, 0)


def test_density_and_coverage_of_sets_whose_balls_are_known():
    line = np.arange(10.0)[:, None]
    assert values(density_coverage(line, line + 100)) == (0, 0)
    # With k = 2 the balls about 1 to 8 have radius 1, those about 0 and 9 radius 2.
    samples = np.array([[0.5], [2.0], [2.0], [2.5], [50.0]])
    # They are in the balls about 0 and 1; 0, 1, 2 and 3, twice; 2 and 3; none.
    density, coverage = density_coverage(line, samples, k=2)
    assert density.value == pytest.approx((2 + 4 + 4 + 2 + 0) / 5 / 2)
    assert coverage.value == 4 / 10


def test_density_and_coverage_of_samples_of_the_data(rng):
    """Their means are 1 and 1 - (N-1)...(N-k) / ((N+M-1)...(N+M-k)), whatever the data are."""
    n, m, k = 60, 40, 5
    pairs = [(rng.normal(size=(n, 2)), rng.normal(size=(m, 2))) for _ in range(200)]
    found = np.array([values(density_coverage(*pair, k=k)) for pair in pairs])
    i = np.arange(1, k + 1)
    expected = [1, 1 - ((n - i) / (n + m - i)).prod()]
    assert (abs(found.mean(0) - expected) < 4 * found.std(0) / np.sqrt(200)).all()


def test_samples_of_one_of_two_modes_are_dense_and_cover_half(rng):
    data = rng.normal(size=(600, 2)) + 50 * np.repeat([[0.0], [1.0]], 300, 0)
    # Half of the data, to each of which there are twice as many samples.
    density, coverage = density_coverage(data, rng.normal(size=(600, 2)))
    assert density.value == pytest.approx(1, abs=0.15)
    i = np.arange(1, 6)
    half = (1 - ((300 - i) / (300 + 600 - i)).prod()) / 2
    assert coverage.value == pytest.approx(half, abs=0.02)


def test_inception_score_of_predictions_whose_score_is_known():
    certain, uncertain = np.tile(np.eye(4), (10, 1)), np.full((40, 4), 0.25)
    assert inception_score(certain, splits=5) == pytest.approx((4, 0))
    assert inception_score(uncertain) == pytest.approx((1, 0))
    assert inception_score(np.repeat(np.eye(4), 10, 0), splits=4) == pytest.approx((1, 0))
    mixed = np.array([[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    # The first two have p(y) = (3/4, 1/4) and the mean divergence 3/4 log 4/3.
    assert inception_score(mixed[:2], splits=1) == pytest.approx(((4 / 3) ** 0.75, 0))
    scores = (4 / 3) ** 0.75, 2
    assert inception_score(mixed, splits=2) == pytest.approx((np.mean(scores), np.std(scores)))


def test_mode_collapse_costs_recall_not_precision(rng):
    data = rng.normal(size=(1500, 2)) + 20 * rng.integers(0, 2, (1500, 1))
    samples = rng.normal(size=(1200, 2))
    precision, recall = values(precision_recall(data, samples))
    assert precision > 0.9 and 0.4 < recall < 0.55


def test_metrics_are_the_same_by_blocks_of_rows(rng, monkeypatch):
    a, b = rng.normal(size=(2, 20, 3))
    metrics = (kernel_distance, precision_recall, density_coverage)
    whole = [metric(a, b) for metric in metrics] + [kernel_distance(a, b, paired=True)]
    monkeypatch.setattr(fidelity, "ROWS", 7)
    parts = [metric(a, b) for metric in metrics] + [kernel_distance(a, b, paired=True)]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other)


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
            assert np.isnan(frechet(*pair))
            for metric in (precision_recall, density_coverage):
                assert np.isnan(metric(*pair)).all()
            for metric in (frechet_unbiased, kernel_distance):
                assert np.isnan(metric(*pair)).all()
        scores = class_entropy(bad), attribute_entropy(bad[:, 1]), *inception_score(bad)
        assert np.isnan(scores).all()
