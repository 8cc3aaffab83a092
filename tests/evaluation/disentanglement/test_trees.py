"""Boosted trees against scikit-learn's, and DCI against closed forms."""

import numpy as np
import pytest
from known_factors import grid, perfect, rotated
from sklearn.ensemble import GradientBoostingClassifier

from vae.evaluation.disentanglement import trees
from vae.evaluation.disentanglement.importance import dci, purity
from vae.evaluation.disentanglement.trees import boosted


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, 400)
    codes = np.column_stack([y + rng.integers(0, 4, 400), 3 * (y == 1) + rng.integers(0, 5, 400)])
    theirs = GradientBoostingClassifier(random_state=0).fit(codes, y)
    ours = boosted(codes, y, codes, rng)
    assert ours.importance == pytest.approx(theirs.feature_importances_, abs=1e-6)
    assert (ours.predicted == theirs.predict(codes)).mean() > 0.995  # but for equal scores


def test_a_latent_of_many_values_is_cut_at_gaps():
    rng = np.random.default_rng(0)
    z = np.repeat(np.arange(40), 60) + rng.uniform(-0.3, 0.3, 2400)
    cuts = trees._cuts(z)
    assert len(cuts) == trees.BINS - 1
    inside, where = np.modf(cuts)
    assert set(where[(inside > 0.3) & (inside < 0.7)]) == set(range(39))  # between all clusters
    assert np.diff(np.searchsorted(np.sort(z), cuts)).max() < 20
    assert trees._cuts(np.repeat([3.0, 1, 2], [500, 1, 1])).tolist() == [1.5, 2.5]


def test_latents_of_many_values_are_split():
    rng = np.random.default_rng(0)
    y, z = rng.integers(0, 2, 3000), rng.normal(size=(3000, 2))
    z[:, 1] += 2 * y
    found = boosted(z[:2000], y[:2000], z[2000:], rng)
    assert found.importance[1] > 0.9
    assert (found.predicted == y[2000:]).mean() == pytest.approx(0.841, abs=0.04)  # Phi(1) at best


def test_copies_share_the_importance():
    factors = grid(2, 2, times=30)
    codes = np.tile(perfect(factors), 2)
    found = boosted(codes, factors[:, 0], codes, np.random.default_rng(0))
    assert found.importance[[0, 2]] == pytest.approx([1 / 2, 1 / 2], abs=0.2)
    assert found.importance[[1, 3]] == pytest.approx([0, 0], abs=1e-9)


def test_nothing_to_learn():
    found = boosted(np.zeros((9, 2)), np.arange(9) % 3, np.zeros((2, 2)), np.random.default_rng(0))
    assert found.importance.tolist() == [0, 0]


def test_purity():
    for importance, value in (
        (np.eye(3), 1),
        (np.ones((2, 3)), 0),
        ([[2, 2, 0], [0, 0, 1], [0, 0, 0]], (4 * (1 - np.log(2) / np.log(3)) + 1) / 5),
        (np.zeros((2, 2)), 0),
    ):
        assert purity(np.asarray(importance, float)) == pytest.approx(value)


def test_dci():
    factors = grid(2, 3, 2, times=9)
    importance, right = dci(
        perfect(factors)[:, [2, 0, 1]], factors, np.random.default_rng(0), steps=20
    )
    assert importance == pytest.approx(np.eye(3)[[2, 0, 1]], abs=1e-6)
    assert right == 1
    importance, _ = dci(rotated(factors), factors, np.random.default_rng(0), steps=20)
    assert importance[2] == pytest.approx([0, 0, 1], abs=1e-6)
    assert 0 < purity(importance) < 1
