"""The mutual information under q, where it is known."""

import jax
import jax.numpy as jnp
import linear_gaussian
import numpy as np
import pytest

from vae.evaluation import information
from vae.evaluation.diagnostics import mean_and_error
from vae.probability.categorical import Categorical
from vae.probability.distributions import DiagonalGaussian, FullGaussian, sample_keys
from vae.probability.sphere import VonMisesFisher
from vae.probability.terms import Batch

NUM = 300


@jax.jit
def draw(q, keys):
    return q.sample_and_log_prob(keys=sample_keys(keys, 1))[0][0]


def drawn(q, number, seed=0):
    return draw(q, jax.random.split(jax.random.key(seed), number))


def estimated(q, number, seed=0):
    return information.information(q, drawn(q, number, seed))


def gaussians(mean, log_std):
    mean = jnp.asarray(mean, jnp.float32)
    return DiagonalGaussian(mean, jnp.broadcast_to(jnp.float32(log_std), mean.shape))


def test_posteriors_that_lie_apart_tell_every_example_and_equal_ones_tell_none():
    apart = 100.0 * np.arange(NUM)[:, None] * np.ones((1, 2))
    np.testing.assert_allclose(estimated(gaussians(apart, 0), NUM), np.log(NUM), rtol=1e-6)
    np.testing.assert_allclose(estimated(gaussians(np.ones((NUM, 2)), 0), NUM), 0, atol=1e-4)


def test_pairs_of_equal_posteriors_tell_all_but_one_bit():
    apart = 100.0 * (np.arange(NUM) // 2)[:, None]
    found = estimated(gaussians(apart, 0), NUM)
    np.testing.assert_allclose(found, np.log(NUM / 2), rtol=1e-6)


def test_exact_posteriors_have_the_information_of_a_linear_gaussian_model():
    number = 2000
    x = linear_gaussian.images(number)
    model = linear_gaussian.model()
    q = model.encode(linear_gaussian.VARIABLES, Batch(jnp.asarray(x)))
    exact = -0.5 * np.log(linear_gaussian.VARIANCE).sum()  # I(x; z) = h(z) - h(z | x)
    found, error = mean_and_error(estimated(q, number))
    assert error < 0.04 and abs(found - exact) < 4 * error


def test_the_error_is_that_of_sets_of_examples_and_no_estimate_is_clamped():
    rng = np.random.default_rng(0)
    means = 0.1 * rng.normal(size=(100, 50, 1))
    found = [mean_and_error(estimated(gaussians(m, 0), 50, i)) for i, m in enumerate(means)]
    value, error = np.transpose(found)
    assert value.min() < 0  # the truth is 0.005
    assert abs(value.mean() - 0.5 * np.log(1.01)) < 0.002
    np.testing.assert_allclose(error.mean(), value.std(), rtol=0.2)


def test_what_is_too_much_work_is_told_from_fewer_examples(monkeypatch):
    q = gaussians(np.random.default_rng(0).normal(size=(NUM, 2)), -1)
    every = estimated(q, NUM)
    monkeypatch.setattr(information, "WORK", 4 * NUM * 100)
    monkeypatch.setattr(information, "BLOCK", 4 * NUM * 7)
    fewer = estimated(q, NUM)
    np.testing.assert_allclose(fewer, every[::3], rtol=1e-5, atol=1e-5)


def families():
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.normal(size=shape).astype(np.float32)

    mean = normal(40, 3)
    direction = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    yield FullGaussian(mean, np.eye(3, dtype=np.float32) + np.tril(normal(40, 3, 3), -1))
    yield VonMisesFisher(direction, 1 + np.exp(mean[:, 0]))
    yield Categorical(2 * normal(40, 3, 4))


@pytest.mark.parametrize("q", [*families()], ids=lambda q: type(q).__name__)
def test_every_family_with_a_density_in_closed_form_has_it(q):
    z = drawn(q, 40)
    one = jax.jit(lambda q: q.log_prob(z))
    each = [jax.tree.map(lambda leaf, n=n: leaf[n : n + 1], q) for n in range(40)]
    log_q = np.transpose([one(q) for q in each])
    expected = np.diagonal(log_q) - np.log(np.exp(log_q).mean(1))
    found = information.information(q, z)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert found.max() <= np.log(40) + 1e-5
