"""Distances of examples, of which some values may be missing."""

import numpy as np
import pytest

from vae.data.distance import distance, errors
from vae.probability.event import Event, Values

NAN = np.nan


def test_of_numbers_it_is_the_root_mean_squared_difference():
    event, rng = Event((4, 3, 2), Values("real")), np.random.default_rng(0)
    x, others = rng.normal(size=(2, 5, 4, 3, 2)), rng.normal(size=(2, 1, 4, 3, 2))
    found = distance(x, others, event)
    assert found.shape == (2, 5)
    assert found[1, 2] == pytest.approx(np.sqrt(np.mean((x[1, 2] - others[1, 0]) ** 2)))
    np.testing.assert_allclose(errors(x, others, event), found**2)


def test_numbers_that_either_lacks_do_not_count():
    event = Event((3, 1), Values("real", missing=True))
    x = np.array([[1.0, 2, NAN], [1, NAN, NAN], [NAN] * 3])[..., None]
    other = np.array([2.0, 5, 9])[:, None]
    found = distance(x, other, event)
    np.testing.assert_allclose(found, [np.sqrt(5), 1, NAN])


def test_a_diverged_model_is_seen():
    assert np.isnan(distance(np.full((1, 2), NAN), np.zeros(2), Event((2,), Values("real"))))


def test_of_tokens_it_is_the_share_that_differs():
    values = Values("tokens", levels=9, missing=True, end=0)
    x = np.array([[3, 4, 0, -1], [3, 0, -1, -1], [-1] * 4])[..., None]
    other = np.array([3, 5, 0, -1])[:, None]
    found = distance(x, other, Event((4, 1), values))
    np.testing.assert_allclose(found, [1 / 3, 2 / 3, 1])
    np.testing.assert_array_equal(errors(x, other, Event((4, 1), values)), found)
    plain = Event((2, 1), Values("tokens", levels=9))
    assert distance(np.array([[1], [2]]), np.array([[1], [3]]), plain) == 0.5
