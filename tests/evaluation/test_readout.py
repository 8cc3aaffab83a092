"""What is read from features: against scikit-learn, closed forms, and features of known worth."""

import numpy as np
import pytest
from scipy.stats import special_ortho_group
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsClassifier

from vae.evaluation import readout
from vae.evaluation.readout import Sets, few, figures, linear, nearest, nearest_in, r2, scaled

SIZES = (200, 100, 150)


def normal(features, seed=0):
    rng = np.random.default_rng(seed)
    return Sets(*(rng.normal(size=(n, features)) for n in SIZES))


def blobs(apart):
    """Three classes about points that are so far apart, in 4 features."""
    x, rng = normal(4), np.random.default_rng(1)
    y = Sets(*(rng.integers(0, 3, n) for n in SIZES))
    centres = apart * np.eye(3, 4)
    return Sets(*(a + centres[b] for a, b in zip(x, y, strict=True))), y


def test_figures_depend_on_neither_unit_nor_rotation_nor_latents_that_are_not_in_use():
    x, y = blobs(2.0)
    turn = special_ortho_group.rvs(4, random_state=0)
    numbers = x.each(lambda a: a @ [1.0, -2.0, 0.5, 0.0])

    def read(x):
        x = scaled(x)
        near = nearest_in(x)
        yield from (linear(x, y, 3)[0], nearest(near, y, 3)[0], few(x, y, 3, seed=0)["5"])
        yield from (linear(x, numbers, 0)[0], nearest(near, numbers, 0)[0])

    idle = normal(6, seed=2)
    others = x.each(lambda a: 100 * a @ turn + 7)
    wider = Sets(*(np.hstack([a, 1e-4 * b]) for a, b in zip(x, idle, strict=True)))
    first, moved, more = (list(read(each)) for each in (x, others, wider))
    for a, b in ((first, moved), (first, more)):
        assert (a[0] == b[0]).mean() > 0.98 and (a[1] == b[1]).mean() > 0.98
        assert a[2]["accuracy"] == pytest.approx(b[2]["accuracy"], abs=0.01)
        np.testing.assert_allclose(a[3], b[3], atol=1e-3)
        np.testing.assert_allclose(a[4], b[4], atol=0.3)


def test_a_linear_number_is_read_to_its_noise_and_noise_is_not_read():
    x, rng = normal(5), np.random.default_rng(1)
    y = x.each(lambda a: a.sum(1) + rng.normal(size=len(a)))
    found = figures(linear(scaled(x), y, 0)[0], y.test, 0)
    assert abs(found["r2"] - 5 / 6) < 4 * found["r2_stderr"] < 0.2
    noise = x.each(lambda a: rng.normal(size=len(a)))
    predicted, _ = linear(scaled(x), noise, 0)
    assert figures(predicted, noise.test, 0)["r2"] < 0.05


def test_r2_is_that_of_scikit_learn_and_counts_examples():
    rng = np.random.default_rng(0)
    truth = rng.normal(1e4, 1, 50)
    predicted = truth + rng.normal(size=50)
    count = rng.integers(0, 3, (2, 50))
    for counted, value in zip(count, r2(predicted, truth, count), strict=True):
        rows = np.repeat(np.arange(50), counted)
        assert value == pytest.approx(r2_score(truth[rows], predicted[rows]))
    assert np.isnan(r2(predicted, np.ones(50), count)).all()


def test_neighbours_are_those_of_scikit_learn_and_their_number_is_chosen_on_validation():
    x, y = blobs(1.0)
    predicted, chosen = nearest(nearest_in(x), y, 3)
    assert chosen["k"] > 1  # these classes overlap
    theirs = KNeighborsClassifier(chosen["k"]).fit(x.train, y.train)
    votes = np.sort(theirs.predict_proba(x.test), axis=1)
    clear = votes[:, -1] > votes[:, -2]
    np.testing.assert_array_equal(predicted[clear], theirs.predict(x.test)[clear])
    scores = {
        k: (KNeighborsClassifier(k).fit(x.train, y.train).predict(x.valid) == y.valid).mean()
        for k in readout.NEIGHBOURS
    }
    assert scores[chosen["k"]] > max(scores.values()) - 0.03
    line = Sets(*(np.array(a)[:, None] for a in ([0.0, 1, 3], [0.0], [1.9, 2.1])))
    apart = Sets(np.array([0, 1, 2]), np.array([0]), np.zeros(2, int))
    assert nearest(nearest_in(line), apart, 3)[0].tolist() == [1, 2]


def test_few_labels_are_as_many_of_each_class_and_suffice_for_what_lies_apart():
    x, y = blobs(40.0)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        fit = readout._fit
        patch.setattr(readout, "_fit", lambda m, a, b: (seen.append(np.bincount(b)), fit(m, a, b)))
        found = few(scaled(x), y, 3, seed=0)
    assert found.keys() == {"1", "5", "10"}  # no class has 100
    assert [counts.tolist() for counts in seen[:: readout.DRAWS]] == [[n] * 3 for n in (1, 5, 10)]
    assert all(each == {"accuracy": 1.0, "accuracy_stderr": 0.0} for each in found.values())
    assert few(x, Sets(*(np.zeros(n, int) for n in SIZES)), 1, seed=0) == {}


def test_one_class_in_training_is_predicted_everywhere():
    x, y = blobs(1.0)
    predicted, _ = linear(x, y._replace(train=np.full(200, 2)), 3)
    assert (predicted == 2).all()


def test_many_features_become_their_components():
    x = Sets(*(np.outer(np.linspace(-1, 1, n), np.arange(513.0)) for n in (30, 20, 20)))
    assert scaled(x).train.shape == (30, 30)
    assert scaled(x).train.var(0).mean() == pytest.approx(1)
