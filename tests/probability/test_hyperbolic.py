"""The Poincare ball and its normals: against other formulas, integrals, and the flat limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from vae.probability import ball
from vae.probability.distributions import DiagonalGaussian
from vae.probability.hyperbolic import RiemannianNormal, WrappedNormal


def points(num, dim, c, reach=3.0, seed=0):
    """Points at distances up to `reach` / sqrt(c) from the origin, float32."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(num, dim))
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    radius = np.tanh(rng.uniform(0, reach, (num, 1)) / 2) / np.sqrt(c)
    return (direction * radius).astype(np.float32)


def moebius(a, b, c):
    """Ganea et al. 2018, eq. 4."""
    ab, aa, bb = (a * b).sum(-1), (a * a).sum(-1), (b * b).sum(-1)
    top = (1 + 2 * c * ab + c * bb)[:, None] * a + (1 - c * aa)[:, None] * b
    return top / (1 + 2 * c * ab + c**2 * aa * bb)[:, None]


def test_maps_are_those_of_moebius_addition():
    c = 0.7
    a, b = points(50, 3, c), points(50, 3, c, seed=1)
    a64, b64 = np.float64(a), np.float64(b)
    gap = moebius(-a64, b64, c)
    norm = np.linalg.norm(gap, axis=-1, keepdims=True)
    apart = 2 / np.sqrt(c) * np.arctanh(np.sqrt(c) * norm)
    np.testing.assert_allclose(ball.distance(a, b, c), apart[:, 0], rtol=1e-5)
    v = ball.log_map(a, b, c)
    np.testing.assert_allclose(v, apart * gap / norm, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ball.exp_map(a, v, c), b, rtol=1e-4, atol=1e-5)
    way = ball.between(a, b, jnp.full(50, 0.25), c)
    np.testing.assert_allclose(ball.distance(a, way, c), apart[:, 0] / 4, rtol=1e-4)
    np.testing.assert_allclose(ball.distance(way, b, c), 3 * apart[:, 0] / 4, rtol=1e-4)


def plane(c, num=600):
    """A grid of the disk, by distance and angle: z [N, 1, 2] and the volumes [N] of its cells."""
    edges, angle = np.linspace(0, 11 / np.sqrt(c), num + 1), np.linspace(0, 2 * np.pi, 181)[:-1]
    r = (edges[1:] + edges[:-1]) / 2
    radius = np.tanh(np.sqrt(c) * r / 2) / np.sqrt(c)
    z = radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    volume = np.sinh(np.sqrt(c) * r) / np.sqrt(c) * edges[1] * angle[1]
    return z.reshape(-1, 1, 2).astype(np.float32), np.repeat(volume, len(angle))


def families(dim, c, num=3):
    mean = jnp.asarray(points(num, dim, c, reach=2.0))
    log_scale = jnp.linspace(-1.2, 0.2, num)
    each = jnp.stack([log_scale, *[log_scale - 0.4] * (dim - 1)], axis=-1)
    return {"wrapped": WrappedNormal(mean, each, c), "r": RiemannianNormal(mean, log_scale, c)}


@pytest.mark.parametrize("name", ["wrapped", "r"])
def test_densities_integrate_to_one_over_hyperbolic_volume(name):
    q, (z, volume) = families(2, 0.5)[name], plane(0.5)
    density = np.exp(jax.jit(lambda q: q.log_prob(z))(q))
    np.testing.assert_allclose(volume @ density, 1, rtol=2e-3)


@pytest.mark.parametrize("name", ["wrapped", pytest.param("r", marks=pytest.mark.slow)])
def test_samples_have_their_own_density_and_the_right_spread(name):
    c, dim = 0.5, 5
    q = families(dim, c)[name]
    keys = jax.random.split(jax.random.key(0), (4000, 3))
    z, log_q = jax.jit(lambda q: q.sample_and_log_prob(keys=keys))(q)
    np.testing.assert_allclose(log_q, q.log_prob(z), atol=5e-3)
    r = np.linspace(1e-4, 15, 40_000)[:, None]
    scale = np.exp(np.float64(q.log_scale))
    if name == "wrapped":
        expected = (scale**2).sum(-1)
    else:
        g = np.exp(-(r**2) / (2 * scale**2)) * np.sinh(np.sqrt(c) * r) ** (dim - 1)
        expected = (g * r**2).sum(0) / g.sum(0)
    squares = ball.distance(q.mean, z, c) ** 2
    np.testing.assert_allclose(squares.mean(0), expected, rtol=0.05)
    np.testing.assert_allclose(ball.log_map(q.mean, z, c).mean(0), 0, atol=0.08)


def test_the_riemannian_normaliser_is_that_of_the_sum_in_closed_form():
    """Mathieu et al. 2019, eq. 30, in float64; for D = 3 it is a few terms that hardly cancel."""
    c, scale = 0.8, np.exp(np.linspace(-1.5, 1, 3))
    k, s = np.arange(3)[:, None], np.sqrt(0.8) * scale
    terms = (-1) ** k * np.array([1, 2, 1])[:, None] * np.exp((2 - 2 * k) ** 2 * s**2 / 2)
    total = (terms * (1 + erf((2 - 2 * k) * s / np.sqrt(2)))).sum(0)
    expected = np.log(4 * np.pi * np.sqrt(np.pi / 2) * scale / (2**2 * c) * total)
    q = RiemannianNormal(jnp.zeros((3, 3)), jnp.log(scale), c)
    np.testing.assert_allclose(-q.log_prob(jnp.zeros((3, 3))), expected, rtol=1e-5)


@pytest.mark.slow
def test_with_little_curvature_both_are_gaussians_in_units_of_two():
    keys = jax.random.split(jax.random.key(1), (20, 3))
    mean = 0.5 * jax.random.normal(jax.random.key(0), (3, 4))
    for name, q in families(4, 1e-8).items():
        q = q.replace(mean=mean)
        z, log_q = jax.jit(lambda q: q.sample_and_log_prob(keys=keys))(q)
        log_scale = q.log_scale if name == "wrapped" else q.log_scale[:, None] * jnp.ones(4)
        flat = DiagonalGaussian(2 * q.mean, log_scale)
        np.testing.assert_allclose(log_q, flat.log_prob(2 * z), rtol=1e-3, atol=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wrapped", "r"])
def test_extremes_stay_finite_with_their_gradients(name):
    q = families(3, 1.0, num=4)[name]
    shift = jnp.array([-9.0, 0.0, 4.0, 0.0])
    direction = jnp.array([0.0, 0.0, 1.0, 40.0])[:, None] * jnp.ones(3)
    keys = jax.random.split(jax.random.key(2), (50, 4))

    def total(direction, shift):
        log_scale = q.log_scale + (shift[:, None] if name == "wrapped" else shift)
        mean = ball.exp_map(jnp.zeros_like(direction), direction, 1.0)
        z, log_q = q.replace(mean=mean, log_scale=log_scale).sample_and_log_prob(keys=keys)
        p = q.replace(mean=jnp.zeros((1, 3)), log_scale=q.log_scale[:1])
        return z.sum() + log_q.sum() - p.log_prob(z).sum()

    value, slopes = jax.jit(jax.value_and_grad(total, (0, 1)))(direction, shift)
    assert np.isfinite(value) and all(np.isfinite(slope).all() for slope in slopes)


@pytest.mark.slow
def test_gradients_of_the_radius_are_those_of_expectations():
    """d E[d^2] / d log scale = E[d^2 d log g] less the mean: the implicit gradient's average."""
    c, dim = 0.5, 4
    keys = jax.random.split(jax.random.key(3), (4000, 1))

    def spread(log_scale):
        q = RiemannianNormal(jnp.zeros((1, dim)), jnp.array([log_scale]), c)
        z, _ = q.sample_and_log_prob(keys=keys)
        return (ball.distance(q.mean, z, c) ** 2).mean()

    def exactly(log_scale):
        r = np.linspace(1e-4, 15, 40_000)
        g = np.exp(-(r**2) / (2 * np.exp(2 * log_scale))) * np.sinh(np.sqrt(c) * r) ** (dim - 1)
        return (g * r**2).sum() / g.sum()

    expected = (exactly(0.01) - exactly(-0.01)) / 0.02
    np.testing.assert_allclose(jax.jit(jax.grad(spread))(0.0), expected, rtol=0.05)
