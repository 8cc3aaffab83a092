"""The ROC against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from vae.evaluation.detection import auroc, auroc_error, roc, tar_at_far


def test_a_score_with_ties_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    negatives, positives = rng.integers(0, 9, 60) / 9, rng.integers(2, 12, 40) / 9
    truth = np.repeat([0, 1], [60, 40])
    scores = np.concatenate([negatives, positives])
    assert auroc(negatives, positives) == pytest.approx(roc_auc_score(truth, scores))
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_allclose(roc(negatives, positives), (false, true))


def test_perfect_useless_and_reversed_scores():
    low, high = np.arange(10.0), np.arange(10.0) + 10
    assert auroc(low, high) == 1
    assert auroc(low, low) == 0.5
    assert auroc(high, low) == 0


def test_acceptance_at_a_rate_of_false_ones():
    negatives = np.arange(100.0)
    positives = np.array([98.0, 98.5, 50.0, 200.0])
    assert tar_at_far(negatives, positives, 0.01) == 0.5  # 98.5 lets 99 pass and 98 not
    assert tar_at_far(negatives, positives, 0.02) == 0.75
    assert tar_at_far(negatives, positives, 0.0) == 0.25


def test_weights_count_a_score_as_often():
    rng = np.random.default_rng(1)
    negatives, positives = rng.integers(0, 9, 30), rng.integers(2, 12, 20)
    times = rng.integers(1, 4, 20)
    often = positives.repeat(times)
    assert auroc(negatives, positives, times) == pytest.approx(auroc(negatives, often))
    weighted, repeated = roc(negatives, positives, times), roc(negatives, often)
    np.testing.assert_allclose(weighted, repeated)
    assert tar_at_far(negatives, positives, 0.1, times) == tar_at_far(negatives, often, 0.1)


@pytest.mark.parametrize("wrong", ["all", "one", "none"])
def test_scores_that_are_no_numbers_have_no_figures(wrong):
    good, bad = np.array([0.1, 0.2, 0.3]), np.full({"all": 3, "one": 3, "none": 0}[wrong], np.nan)
    if wrong == "one":
        bad[1:] = 7.0
    for pair in ((good, bad), (bad, good)):
        assert np.isnan(auroc(*pair)) and np.isnan(tar_at_far(*pair, 0.01))
        assert np.isnan(auroc_error(*pair, np.arange(len(pair[1]))))
        with pytest.raises(ValueError, match="numbers for all"):
            roc(*pair)
    assert auroc(good, np.full(3, np.inf)) == 1  # a density of 0 can be ranked


def test_the_error_of_the_auroc_is_its_spread_over_samples_of_groups():
    rng = np.random.default_rng(2)
    sizes = np.array([1] * 30 + [20] * 10)
    group = np.arange(40).repeat(sizes)
    weights = 1 / sizes[group]
    found, errors = [], []
    for _ in range(400):
        negatives = rng.normal(size=60)
        positives = rng.normal(1, 1, 40)[:, None] + rng.normal(0, 0.5, (40, 20))
        positives = positives[np.arange(20) < sizes[:, None]]
        found.append(auroc(negatives, positives, weights))
        errors.append(auroc_error(negatives, positives, group))
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.15)
