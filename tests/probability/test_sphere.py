"""Von Mises-Fisher against Bessel functions, numerical integrals and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from vae.probability.sphere import (
    UniformSphere,
    VonMisesFisher,
    log_expectation,
    sample_angle,
    turned_to,
)

KAPPA = np.array([1e-3, 0.1, 1.0, 10.0, 1e2, 1e3, 1e4])


def bessel(dim):
    """log E exp(kappa (z_1 - 1)), 1 - E_q[z_1] and Var_q[z_1] for every KAPPA, by scipy."""
    v = dim / 2 - 1
    log_expected = (
        scipy.special.gammaln(v + 1) + v * np.log(2 / KAPPA) + np.log(scipy.special.ive(v, KAPPA))
    )
    ratio = scipy.special.ive(v + 1, KAPPA) / scipy.special.ive(v, KAPPA)
    return log_expected, 1 - ratio, 1 - ratio**2 - (dim - 1) / KAPPA * ratio


def of_kappa(dim, kappa=KAPPA):
    mean = np.random.default_rng(dim).normal(size=(len(kappa), dim)).astype(np.float32)
    mean /= np.linalg.norm(mean, axis=-1, keepdims=True)
    return VonMisesFisher(jnp.asarray(mean), jnp.asarray(kappa, jnp.float32))


@pytest.mark.parametrize("dim", [2, 3, 10, 100])
def test_normaliser_and_kl_are_those_of_bessel_functions(dim):
    log_expected, one_minus_mean, variance = bessel(dim)
    kappa = jnp.asarray(KAPPA, jnp.float32)
    got = jax.jit(log_expectation, static_argnums=1)(kappa, dim)
    np.testing.assert_allclose(got, log_expected, rtol=1e-6, atol=3e-5)

    @jax.jit
    def kl_and_slope(kappa):
        kl, back = jax.vjp(lambda k: of_kappa(dim).replace(kappa=k).kl(UniformSphere(dim)), kappa)
        return kl, back(jnp.ones_like(kl))[0]

    kl, slope = kl_and_slope(kappa)
    expected = -KAPPA * one_minus_mean - log_expected
    np.testing.assert_allclose(kl, expected[None], rtol=2e-6, atol=3e-5)
    np.testing.assert_allclose(slope, KAPPA * variance, rtol=2e-3, atol=1e-6)


def test_density_integrates_to_one_on_the_circle_and_the_sphere():
    q = of_kappa(2, np.array([0.1, 3.0, 50.0]))
    t = np.linspace(-np.pi, np.pi, 2001)[:-1]
    z = np.stack([np.cos(t), np.sin(t)], axis=-1)[:, None]
    np.testing.assert_allclose(np.exp(q.log_prob(z)).sum(0) * (t[1] - t[0]), 1, rtol=1e-4)

    q = of_kappa(3, np.array([0.1, 3.0, 50.0]))
    height, weights = np.polynomial.legendre.leggauss(100)
    t = np.linspace(0, 2 * np.pi, 101)[:-1]
    radius = np.sqrt(1 - height**2)[:, None]
    z = np.stack([radius * np.cos(t), radius * np.sin(t), height[:, None] + 0 * t], axis=-1)
    mass = (np.exp(q.log_prob(z[:, :, None])) * weights[:, None, None]).sum((0, 1))
    np.testing.assert_allclose(mass * (t[1] - t[0]), 1, rtol=1e-4)


@pytest.mark.parametrize("dim", [2, 3, 8])
def test_samples_are_unit_vectors_with_the_right_moments(dim):
    q = of_kappa(dim, np.array([1.0, 10.0, 1e3]))
    keys = jax.random.split(jax.random.key(0), (20000, 3))
    z, log_q = jax.jit(lambda q: q.sample_and_log_prob(keys=keys))(q)
    np.testing.assert_allclose(jnp.linalg.norm(z, axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(log_q, q.log_prob(z), rtol=1e-4, atol=1e-4)

    ratio = scipy.special.ive(dim / 2, q.kappa) / scipy.special.ive(dim / 2 - 1, q.kappa)
    np.testing.assert_allclose(z.mean(0), ratio[:, None] * q.mean, atol=0.02)
    # E[z z^T] = (ratio / kappa) I + (1 - D ratio / kappa) mean mean^T
    expected = (ratio / q.kappa)[:, None, None] * np.eye(dim) + (1 - dim * ratio / q.kappa)[
        :, None, None
    ] * np.einsum("bi,bj->bij", q.mean, q.mean)
    np.testing.assert_allclose(np.einsum("kbi,kbj->bij", z, z) / len(z), expected, atol=0.02)


@pytest.mark.parametrize("dim", [2, 3, 20])
def test_angles_are_the_inverse_of_the_distribution_function(dim):
    """Averages over a grid of (0, 1) are expectations; so are those of the implicit gradient."""
    _, one_minus_mean, variance = bessel(dim)
    uniform = (jnp.arange(4000)[:, None] + 0.5) / 4000 * jnp.ones(len(KAPPA))
    kappa = jnp.asarray(KAPPA, jnp.float32)

    def height(kappa):
        return -2 * jnp.sin(sample_angle(kappa, dim, uniform) / 2) ** 2

    value, slope = jax.jit(lambda k: jax.jvp(height, (k,), (jnp.ones_like(k),)))(kappa)
    np.testing.assert_allclose(value.mean(0), -one_minus_mean, rtol=1e-3)
    np.testing.assert_allclose(slope.mean(0), variance, rtol=1e-2)

    step = 1e-2 * kappa
    difference = (height(kappa + step) - height(kappa - step)) / (2 * step)
    inside = slice(200, -200)
    scale = jnp.abs(slope).max(0)
    np.testing.assert_allclose(
        (slope / scale)[inside, 2:], (difference / scale)[inside, 2:], atol=2e-3
    )


def test_gradient_of_an_expectation_with_respect_to_the_mean():
    """E[c.z] = (ratio) c.mean, along the sphere."""
    q = of_kappa(3, np.array([0.5, 5.0, 50.0]))
    keys = jax.random.split(jax.random.key(1), (20000, 3))
    c = jnp.array([0.3, -1.0, 0.5])

    def expectation(mean):
        z, _ = q.replace(mean=mean).sample_and_log_prob(keys=keys)
        return (z @ c).mean(0).sum()

    slope = jax.jit(jax.grad(expectation))(q.mean)
    ratio = scipy.special.ive(1.5, q.kappa) / scipy.special.ive(0.5, q.kappa)
    tangent = np.eye(3) - np.einsum("bi,bj->bij", q.mean, q.mean)
    np.testing.assert_allclose(
        np.einsum("bij,bj->bi", tangent, slope),
        ratio[:, None] * np.einsum("bij,j->bi", tangent, c),
        atol=0.03,
    )


def test_the_first_axis_is_turned_to_the_mean():
    for mean in of_kappa(4).mean:
        matrix = jax.vmap(lambda x, mean=mean: turned_to(mean, x))(jnp.eye(4))
        np.testing.assert_allclose(matrix[0], mean, atol=1e-6)
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(4), atol=1e-6)


@pytest.mark.parametrize("dim", [2, 100])
def test_extreme_concentrations_stay_finite_with_their_gradients(dim):
    q = of_kappa(dim, np.array([1e-3, 1.0, 1e4, 1e6]))
    keys = jax.random.split(jax.random.key(2), (200, 4))

    def total(q):
        z, log_q = q.sample_and_log_prob(keys=keys)
        return z.sum() + log_q.sum() + q.kl(UniformSphere(dim)).sum()

    value, gradient = jax.jit(jax.value_and_grad(total))(q)
    assert np.isfinite(value) and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_uniform_prior():
    p = UniformSphere(3)
    z = p.sample(keys=jax.random.split(jax.random.key(3), 10000))
    np.testing.assert_allclose(z.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(np.cov(z.T), np.eye(3) / 3, atol=0.02)
    np.testing.assert_allclose(p.log_prob(z[:2]), -np.log(4 * np.pi), rtol=1e-6)
    assert of_kappa(3).kl(None) is None
