"""Categorical variables: exact sums over all codes, and what the relaxation keeps of them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.probability.categorical import Categorical, UniformCategorical

LOGITS = jnp.array([[[0.0, 1.0, -2.0], [3.0, 0.5, 0.0]], [[0.0, 0.0, 0.0], [-1.0, 1.0, 0.0]]])
CODES = np.array([np.eye(3)[list(code)].ravel() for code in itertools.product(range(3), repeat=2)])


def keys(num_samples):
    return jax.random.split(jax.random.key(0), (num_samples, 2))


def test_probabilities_of_all_codes_sum_to_one():
    q, p = Categorical(LOGITS), UniformCategorical(2, 3)
    log_q = q.log_prob(CODES[:, None])  # [9, B]
    np.testing.assert_allclose(np.exp(log_q).sum(0), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(p.log_prob(CODES)).sum(), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(log_q).T @ CODES, q.mean, rtol=1e-5)


def test_kl_equals_the_sum_over_all_codes():
    q, p = Categorical(LOGITS), UniformCategorical(2, 3)
    log_q = q.log_prob(CODES[:, None])
    expected = (np.exp(log_q) * (log_q - p.log_prob(CODES)[:, None])).sum(0)
    assert q.kl(p).shape == (2, 2) and q.kl(None) is None
    np.testing.assert_allclose(q.kl(p).sum(0), expected, rtol=1e-4)
    np.testing.assert_allclose(q.kl(p)[0, 1], 0, atol=1e-6)


def test_exact_samples_have_the_probabilities():
    q = Categorical(LOGITS)
    z, log_q = q.sample_and_log_prob(keys=keys(20000))
    assert set(np.unique(z)) == {0.0, 1.0}
    np.testing.assert_allclose(z.mean(0), q.mean, atol=0.02)
    chosen = np.exp(np.log(q.mean).reshape(2, 2, 3) * z.reshape(-1, 2, 2, 3)).prod((-2, -1))
    np.testing.assert_allclose(np.exp(log_q), chosen, rtol=1e-4)


def test_relaxed_samples_lie_in_the_simplex_and_tend_to_the_exact_ones():
    exact, _ = Categorical(LOGITS).sample_and_log_prob(keys=keys(50))
    z, _ = Categorical(LOGITS, temperature=0.5).sample_and_log_prob(keys=keys(50))
    np.testing.assert_allclose(z.reshape(50, 2, 2, 3).sum(-1), 1, rtol=1e-5)
    blocks = exact.reshape(50, 2, 2, 3).argmax(-1)
    np.testing.assert_array_equal(z.reshape(50, 2, 2, 3).argmax(-1), blocks)
    cold, log_q = Categorical(LOGITS, temperature=1e-4).sample_and_log_prob(keys=keys(50))
    np.testing.assert_allclose(cold, exact, atol=1e-3)
    np.testing.assert_allclose(log_q, Categorical(LOGITS).log_prob(exact), atol=1e-2)


def test_straight_through_samples_are_exact_with_the_relaxed_gradient():
    def draw(logits, straight_through):
        return Categorical(logits, 0.5, straight_through).sample_and_log_prob(keys=keys(5))

    exact, log_q = Categorical(LOGITS).sample_and_log_prob(keys=keys(5))
    z, log_st = draw(LOGITS, True)
    np.testing.assert_allclose(z, exact, atol=1e-6)
    np.testing.assert_allclose(log_st, log_q, rtol=1e-5)

    weights = jax.random.normal(jax.random.key(1), z.shape)
    value = jax.jit(lambda logits, way: (weights * draw(logits, way)[0]).sum(), static_argnums=1)
    relaxed, through = (jax.grad(value)(LOGITS, way) for way in (False, True))
    np.testing.assert_allclose(through, relaxed, rtol=1e-5)
    step = jnp.zeros_like(LOGITS).at[0, 1, 0].set(1e-2)
    difference = value(LOGITS + step, False) - value(LOGITS - step, False)
    np.testing.assert_allclose(relaxed[0, 1, 0], difference / 2e-2, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_extreme_logits_stay_finite_with_their_gradients(temperature):
    def total(logits):
        q = Categorical(logits, temperature)
        z, log_q = q.sample_and_log_prob(keys=keys(10))
        return (z**2).sum() + log_q.sum() + q.kl(UniformCategorical(2, 3)).sum()

    value, gradient = jax.value_and_grad(total)(200 * LOGITS)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_prior_samples_are_uniform():
    z = UniformCategorical(2, 3).sample(keys=jax.random.split(jax.random.key(2), 10000))
    np.testing.assert_allclose(z.mean(0), 1 / 3, atol=0.02)
    np.testing.assert_array_equal(z.reshape(-1, 2, 3).sum(-1), 1)
