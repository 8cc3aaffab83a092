import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats

from vae.probability.distributions import (
    DiagonalGaussian,
    FullGaussian,
    StandardNormal,
    normal_log_prob,
    sample_keys,
    strictly_lower,
)


def test_normal_log_prob_is_that_of_scipy():
    x, mean, std = (
        np.array([-3.0, 0.1, 50.0]),
        np.array([0.0, 1.0, 49.0]),
        np.array([0.1, 2.0, 3.0]),
    )
    expected = scipy.stats.norm.logpdf(x, mean, std)
    np.testing.assert_allclose(normal_log_prob(x, mean, jnp.log(std)), expected, rtol=1e-5)


def posterior(num=3, dim=2):
    return DiagonalGaussian(*jax.random.normal(jax.random.key(0), (2, num, dim)))


def test_kl_per_dimension_equals_the_integral():
    q = posterior()
    z = np.linspace(-60, 60, 200001)
    for b in range(3):
        for d in range(2):
            log_q = scipy.stats.norm.logpdf(z, q.mean[b, d], np.exp(q.log_std[b, d]))
            integrand = np.exp(log_q) * (log_q - scipy.stats.norm.logpdf(z))
            expected = np.trapezoid(integrand, z)
            np.testing.assert_allclose(q.kl(StandardNormal(2))[d, b], expected, rtol=1e-4)


def test_kl_of_two_gaussians_equals_the_integral():
    q, p = posterior(), DiagonalGaussian(jnp.array([0.5, -1.0]), jnp.array([0.3, -0.4]))
    z = np.linspace(-60, 60, 200001)
    for b in range(3):
        for d in range(2):
            log_q = scipy.stats.norm.logpdf(z, q.mean[b, d], np.exp(q.log_std[b, d]))
            log_p = scipy.stats.norm.logpdf(z, p.mean[d], np.exp(p.log_std[d]))
            expected = np.trapezoid(np.exp(log_q) * (log_q - log_p), z)
            np.testing.assert_allclose(q.kl(p)[d, b], expected, rtol=1e-4)


def test_kl_of_the_prior_is_zero_and_accurate_near_it():
    tiny = DiagonalGaussian(jnp.zeros((1, 1)), jnp.full((1, 1), 1e-4))
    np.testing.assert_allclose(tiny.kl(StandardNormal(1)), 1e-8, rtol=1e-2)


def test_samples_have_the_posteriors_moments_and_density():
    q = posterior()
    keys = jax.random.split(jax.random.key(1), 3)
    z, log_q = q.sample_and_log_prob(keys=sample_keys(keys, 20000))
    assert z.shape == (20000, 3, 2)
    np.testing.assert_allclose(z.mean(0), q.mean, atol=0.05)
    np.testing.assert_allclose(z.std(0), jnp.exp(q.log_std), rtol=0.03)
    expected = scipy.stats.norm.logpdf(z, q.mean, np.exp(q.log_std)).sum(-1)
    np.testing.assert_allclose(q.log_prob(z), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(log_q, expected, rtol=1e-4, atol=1e-4)


def test_noise_belongs_to_the_example_and_the_sample():
    q = posterior()
    keys = jax.random.split(jax.random.key(1), 3)
    whole, _ = q.sample_and_log_prob(keys=sample_keys(keys, 4))
    one = DiagonalGaussian(q.mean[1:2], q.log_std[1:2])
    alone, _ = one.sample_and_log_prob(keys=sample_keys(keys[1:2], 2, first=2))
    np.testing.assert_array_equal(whole[2:, 1:2], alone)


def test_prior_samples_and_density():
    prior = StandardNormal(3)
    z = prior.sample(keys=jax.random.split(jax.random.key(2), 10000))
    np.testing.assert_allclose(z.mean(0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.eye(3), atol=0.05)
    expected = scipy.stats.norm.logpdf(z).sum(-1)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5)


def full_posterior():
    below = jnp.array([[0.7], [-2.0], [0.0]])
    diagonal = jnp.array([[0.5, 1.0], [2.0, 0.3], [1.0, 1.0]])
    scale_tril = diagonal[..., None] * jnp.eye(2) + strictly_lower(below, 2)
    return FullGaussian(jnp.array([[0.5, -1.0], [0.0, 0.2], [0.0, 0.0]]), scale_tril)


def test_strictly_lower_goes_row_by_row():
    matrix = strictly_lower(jnp.array([1.0, 2.0, 3.0]), 3)
    np.testing.assert_array_equal(matrix, [[0, 0, 0], [1, 0, 0], [2, 3, 0]])


def test_full_gaussian_samples_have_its_moments_and_density():
    q = full_posterior()
    z, log_q = q.sample_and_log_prob(keys=jax.random.split(jax.random.key(1), (20000, 3)))
    np.testing.assert_allclose(z.mean(0), q.mean, atol=0.06)
    for b in range(3):
        covariance = np.asarray(q.scale_tril[b] @ q.scale_tril[b].T, np.float64)
        np.testing.assert_allclose(np.cov(z[:, b].T), covariance, atol=0.2)
        law = scipy.stats.multivariate_normal(q.mean[b], covariance)
        np.testing.assert_allclose(log_q[:, b], law.logpdf(z[:, b]), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(q.log_prob(z), log_q, rtol=1e-3, atol=1e-3)
    others = q.log_prob(z[:2, :, None])  # of every z under every q
    assert others.shape == (2, 3, 3)
    np.testing.assert_allclose(others[0, 1, 1], log_q[0, 1], rtol=1e-3)


def test_full_gaussian_kl_equals_the_integral():
    q, p = full_posterior(), StandardNormal(2)
    axis = jnp.linspace(-14, 14, 561)
    z = jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    log_q = q.log_prob(z)
    mass = jnp.exp(log_q) * (axis[1] - axis[0]) ** 2
    np.testing.assert_allclose(mass.sum(0), 1, rtol=1e-4)
    assert q.kl(p).shape == (1, 3) and q.kl(posterior()) is None
    np.testing.assert_allclose(q.kl(p)[0], (mass * (log_q - p.log_prob(z))).sum(0), atol=1e-3)
