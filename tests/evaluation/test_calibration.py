"""P-values of scores against their definition, scipy, and simulated validation and test sets."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from vae.evaluation.calibration import (
    false_positives,
    ks_chance,
    ks_distance,
    ks_error,
    measure,
    p_values,
    reliability,
)


def test_p_values_by_hand():
    known, scores = np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.0, 2.0, 2.5, 9.0, np.nan])
    np.testing.assert_allclose(p_values(known, scores), [1, 4 / 5, 2 / 5, 1 / 5, np.nan])
    assert np.isnan(p_values(np.array([1.0, np.nan]), scores)).all()


@pytest.mark.parametrize("level", [0.01, 0.3])
def test_alarms_at_a_level_are_false_as_often_and_their_error_is_that_of_many_trials(level):
    rng = np.random.default_rng(0)
    n, m, trials = 199, 100, 800
    found = [
        false_positives(p_values(rng.normal(size=n), rng.normal(size=m)), n, level)
        for _ in range(trials)
    ]
    shares, errors = np.array(found).T
    spread = shares.std(ddof=1)
    assert abs(shares.mean() - level) < 4 * spread / math.sqrt(trials)
    assert np.sqrt((errors**2).mean()) == pytest.approx(spread, rel=0.1)


def test_a_level_that_no_p_value_reaches_has_no_rate():
    found = measure({"nll": np.arange(50.0)}, {"nll": np.arange(20.0)})
    assert found.keys() == {"ks", "fpr_5%"} and found["fpr_5%"]["nll"] == 0
    assert math.isnan(false_positives(np.array([0.5, np.nan]), 500, 0.05)[0])


def test_the_distance_is_that_of_scipy_and_its_chance_and_error_those_of_many_trials():
    rng = np.random.default_rng(0)
    a, b, moved = rng.normal(size=300), rng.normal(size=200), rng.normal(0.8, size=200)
    for other in (b, moved, np.round(b)):
        assert ks_distance(a, other) == pytest.approx(ks_2samp(a, other).statistic)
    same, apart = [], []
    for _ in range(300):
        a = rng.normal(size=300)
        same.append(ks_distance(a, rng.normal(size=200)))
        apart.append(ks_distance(a, rng.normal(0.8, size=200)))
    assert np.mean(same) == pytest.approx(ks_chance(300, 200), rel=0.06)
    assert ks_error(a, moved) == pytest.approx(np.std(apart), rel=0.25)
    assert math.isnan(ks_distance(a, np.array([np.nan])))


def test_p_values_of_another_distribution_are_told_from_uniform_ones():
    rng = np.random.default_rng(0)
    known, higher = rng.normal(size=1000), rng.normal(1.0, size=1000)
    found = measure({"nll": known}, {"nll": higher})
    assert found["ks"]["nll"] > 10 * found["ks"]["nll_stderr"]
    assert found["fpr_5%"]["nll"] == pytest.approx(0.26, abs=0.05)  # P(z + 1 > 1.645)
    levels, shares = reliability(p_values(known, higher))
    assert (levels[0], shares[0], levels[-1], shares[-1]) == (0, 0, 1, 1)
    assert np.interp(0.05, levels, shares) == pytest.approx(found["fpr_5%"]["nll"], abs=0.01)
