import numpy as np
import pytest

from vae.tasks.directions import METHODS, apart, linear, means


def made(number=4000, noise=0.1):
    """Latents that are y B + noise, of a binary and a continuous attribute that go together."""
    rng = np.random.default_rng(0)
    first = (rng.random(number) < 0.3).astype(np.float32)
    second = np.clip(0.5 * first + 0.5 * rng.random(number), 0, 1)
    y = np.stack([first, second], axis=1).astype(np.float32)
    directions = rng.normal(size=(2, 5)).astype(np.float32)
    return (y @ directions + noise * rng.normal(size=(number, 5))).astype(np.float32), y, directions


def test_means_are_the_difference_of_the_class_means():
    z, y, _ = made()
    on = y[:, 0] == 1
    expected = z[on].mean(0) - z[~on].mean(0)
    np.testing.assert_allclose(means(z, y, ())[0], expected, rtol=1e-4, atol=1e-5)


def test_means_that_hold_the_other_are_what_the_latents_were_made_with():
    z, y, directions = made()
    np.testing.assert_allclose(means(z, y, (0, 1)), directions, atol=0.05)
    assert np.abs(means(z, y, ()) - directions).max() > 0.3


def test_a_linear_step_moves_its_own_score_as_the_means_do_and_no_other():
    z, y, _ = made()
    covariance = np.cov(z.T)
    free, held = linear(z, y, ()), linear(z, y, (0, 1))
    for a, b in ((0, 1), (1, 0)):
        # The step that keeps nothing is the covariance times the attribute's own normal.
        own, other = (np.linalg.solve(covariance, free[i]) for i in (a, b))
        reach = np.linalg.norm(other) * np.linalg.norm(held[a])
        assert abs(other @ held[a]) < 1e-3 * reach
        np.testing.assert_allclose(own @ held[a], own @ means(z, y, (0, 1))[a], rtol=1e-2)


@pytest.mark.parametrize("method", METHODS.values())
def test_of_uncorrelated_attributes_the_step_is_the_truth(method):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, (4000, 2)).astype(np.float32)
    truth = np.array([[2, 0, 0], [0, 1, 0]], np.float32)
    z = (y @ truth + 0.5 * rng.normal(size=(4000, 3))).astype(np.float32)
    np.testing.assert_allclose(method(z, y, (0, 1)), truth, atol=0.15)


@pytest.mark.parametrize("method", METHODS.values())
def test_an_attribute_that_all_have_or_another_stands_for_has_no_step(method):
    z, y, _ = made(500)
    y = np.stack([y[:, 0], y[:, 0], np.ones(500, np.float32)], axis=1)
    steps = method(z, y, (0, 1, 2))
    assert not steps.any()
    assert method(z, y, ())[0].any()


def test_apart_is_gram_schmidt():
    rng = np.random.default_rng(0)
    direction, others = rng.normal(size=6), rng.normal(size=(3, 6))
    q, _ = np.linalg.qr(others.T)
    np.testing.assert_allclose(apart(direction, others), direction - q @ (q.T @ direction))
    np.testing.assert_allclose(apart(direction, others[:0]), direction)
    assert not apart(others.sum(0), others).any()
