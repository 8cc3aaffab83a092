"""Scores by classifiers, against closed forms and scikit-learn."""

import numpy as np
import pytest
from known_factors import grid, perfect
from sklearn.metrics import roc_auc_score

from vae.evaluation.disentanglement.predictors import _area, explicitness, infoe, sap, split

FACTORS = grid(2, 3, times=30)
NOTHING = np.zeros((len(FACTORS), 1))


def test_two_thirds_are_learned_from():
    assert split(15_000) == (slice(10_000), slice(10_000, 15_000))
    assert split(10) == (slice(7), slice(7, 10))


def test_separated_attribute_predictability():
    codes = perfect(FACTORS) * 10
    found, accuracies = sap(codes, FACTORS)
    assert accuracies == pytest.approx(np.array([[1, 1 / 3], [1 / 2, accuracies[1, 1]]]))
    assert found == pytest.approx((1 / 2 + accuracies[1, 1] - 1 / 3) / 2)
    assert sap(np.tile(codes, 2), FACTORS)[0] == 0  # redundant
    assert sap(codes[:, ::-1], FACTORS)[0] == pytest.approx(found)
    alone = sap(codes[:, :1], FACTORS)[0]  # beside a latent that says nothing
    assert alone == pytest.approx(1 / 4) == sap(np.column_stack([codes[:, 0], NOTHING]), FACTORS)[0]


def test_explicitness():
    assert explicitness(perfect(FACTORS), FACTORS) == pytest.approx(1, abs=1e-6)
    assert explicitness(NOTHING, FACTORS) == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(90, 3)).round(1), rng.integers(0, 3, 90)  # with ties
    areas = [roc_auc_score(y == k, scores[:, k]) for k in range(3)]
    assert _area(scores, y[:, None] == np.arange(3)) == pytest.approx(areas)


def test_infoe():
    one_hot = np.column_stack([FACTORS[:, f] == k for f in (0, 1) for k in range(f + 2)])
    one_hot = one_hot.astype(float)
    assert infoe(one_hot, FACTORS) == pytest.approx(1, abs=0.01)
    assert infoe(NOTHING, FACTORS) == pytest.approx(0, abs=1e-9)
    # Where z tells for half of the examples, and nothing of the others, it is 1/2.
    known = np.where(np.arange(len(FACTORS)) // 6 % 2 == 0, FACTORS[:, 0] * 2 - 1, 0)
    assert infoe(known[:, None], FACTORS[:, :1]) == pytest.approx(1 / 2, abs=0.01)


def test_infoe_is_not_negative_for_a_rare_class():
    rng = np.random.default_rng(0)
    factor = (np.arange(300) % 30 == 0).astype(int)[:, None]
    assert 0 <= infoe(rng.normal(size=(300, 2)), factor) < 0.2
