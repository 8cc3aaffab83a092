"""UDR: equal codes in any order and sign, mixed, independent and uninformative ones."""

import numpy as np
import pytest

from vae.evaluation.disentanglement import udr

RNG = np.random.default_rng(0)
N, D = 4000, 5
Z = RNG.uniform(-1, 1, (N, D)) * [1, 2, 0.1, 30, 1]
INFORMATIVE = np.ones(D)


def scores(*codes, nats=None, method="spearman"):
    similar = udr.similarities(codes, nats or [np.ones(c.shape[1]) for c in codes], method)
    return udr.udr(similar, [0] * len(codes))


@pytest.mark.parametrize(("method", "equal"), [("spearman", 1.0), ("lasso", 0.9)])
def test_equal_up_to_order_and_sign(method, equal):
    # Lasso: the minimum over w of (1 - w)^2 / 2 + .1 w is w = .9, and w^2 / w = .9; other latents
    # add at most what they are correlated by chance, which the penalty removes.
    other = Z[:, [3, 0, 4, 1, 2]] * [1, -1, 5, -0.3, 1]
    assert scores(Z, other, method=method) == pytest.approx([equal, equal], abs=0.07)
    assert scores(Z, Z, method="lasso") == pytest.approx([0.9, 0.9], abs=1e-3)
    exact = udr.strengths(Z, other, method).max(0)
    np.testing.assert_allclose(exact, equal, atol=1e-3)


@pytest.mark.parametrize("method", udr.METHODS)
def test_independent_codes_score_near_nothing(method):
    assert (scores(Z, RNG.normal(size=(N, D)), method=method) < 0.03).all()


def test_rotated_codes_score_less_and_a_rank_does_not_change_what_is_monotonic():
    turn, _ = np.linalg.qr(RNG.normal(size=(D, D)))
    unit = Z / Z.std(0)
    for method in udr.METHODS:
        turned = scores(unit, unit @ turn, method=method)
        assert (turned < scores(unit, unit, method=method) - 0.3).all()
    np.testing.assert_allclose(scores(unit, np.exp(3 * unit)), scores(unit, unit), atol=1e-9)


def test_the_formula():
    # Two latents of a that both go with both of b: r = 1, sums are 2. One that goes with none.
    assert udr.similarity(np.eye(3)) == 1
    assert udr.similarity(np.full((2, 2), 1.0)) == 0.5
    mixed = np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])
    assert udr.similarity(mixed) == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert udr.similarity(np.diag([1.0, 0])) == 0.5
    assert udr.similarity(np.zeros((0, 3))) == 0


def test_latents_without_information_do_not_count():
    noise = RNG.normal(size=(N, 2))
    a, b = np.concatenate([Z, noise[:, :1]], 1), np.concatenate([noise[:, 1:], Z], 1)
    kl_a, kl_b = np.array([1.0] * D + [0.001]), np.array([0.001] + [1.0] * D)
    assert scores(a, b, nats=[kl_a, kl_b]) == pytest.approx([1, 1], abs=0.07)
    assert (scores(a, b) < 0.9).all()
    collapsed = scores(Z, b, nats=[INFORMATIVE, np.zeros(D + 1)])
    np.testing.assert_array_equal(collapsed, [0, 0])


def test_a_model_is_compared_with_the_others_of_its_group_by_their_median():
    similar = np.array([[0, 0.2, 0.4, 0.9], [0.3, 0, 0.5, 0], [0.1, 0.7, 0, 0], [0.8, 0, 0, 0]])
    found = udr.udr(similar, ["x", "x", "x", "y"])
    np.testing.assert_allclose(found, [0.2, 0.45, 0.45, np.nan])
    np.testing.assert_allclose(udr.udr(similar, [0] * 4), [0.3, 0.2, 0.4, 0])


def test_constant_codes_are_worth_nothing():
    still = Z.copy()
    still[:, 0] = 3
    for method in udr.METHODS:
        assert np.isfinite(scores(Z, still, method=method)).all()
        assert udr.strengths(Z, still, method)[:, 0].max() == 0
