"""The ROC against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from vae.evaluation.detection import auroc, roc, tar_at_far


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
