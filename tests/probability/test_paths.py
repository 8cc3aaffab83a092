"""Paths to a mixture of Gaussians, whose best velocity is known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vae.errors import InputError
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.paths import Diffusion, Matched
from vae.probability.solver import Solver

WEIGHTS = np.array([0.3, 0.7])
MEANS = np.array([[-1.5, 0.5], [0.7, -0.4]])
ROOTS = np.array([[[0.3, 0.0], [0.2, 0.4]], [[0.6, 0.0], [-0.5, 0.3]]])
SHIFT, SCALE = np.array([3.0, -2.0]), np.array([2.0, 0.5])  # of z = shift + scale u
COMPONENTS = [
    scipy.stats.multivariate_normal(SHIFT + SCALE * mean, SCALE[:, None] * root @ root.T * SCALE)
    for mean, root in zip(MEANS, ROOTS, strict=True)
]
Z = jnp.array([[-0.5, -1.5], [4.5, -2.2], [2.5, -2.0], [6.0, -2.5]])
KEYS = example_keys(jax.random.key(1), np.arange(20_000))


def log_prob(z):
    return scipy.special.logsumexp([p.logpdf(z) for p in COMPONENTS], axis=0, b=WEIGHTS[:, None])


def draws(number):
    """Draws of the mixture, [number, 2]."""
    each = zip(COMPONENTS, WEIGHTS, strict=True)
    return np.concatenate([p.rvs(round(number * w), random_state=0) for p, w in each])


def coefficients(kind, log_snr):
    """alpha, sigma and their slopes on a path at a log-SNR."""
    ratio = jnp.exp(-0.5 * log_snr)  # sigma / alpha
    if kind is Matched:
        t = ratio / (1 + ratio)
        return 1 - t, t, -1.0, 1.0
    t = jnp.arctan(ratio)
    return jnp.cos(t), jnp.sin(t), -jnp.sin(t), jnp.cos(t)


def of_mixture(kind, x, log_snr, code):
    """E[v | x_t] [N, 2], where u is of the mixture: each component's, by its probability at x_t."""
    alpha, sigma, d_alpha, d_sigma = coefficients(kind, log_snr[:, None, None])
    off = x[:, None] - alpha * MEANS
    s = alpha[..., None] ** 2 * (ROOTS @ ROOTS.swapaxes(1, 2)) + sigma[..., None] ** 2 * np.eye(2)
    turned = jnp.stack(
        [
            jnp.stack([s[..., 1, 1], -s[..., 0, 1]], -1),
            jnp.stack([-s[..., 1, 0], s[..., 0, 0]], -1),
        ],
        -2,
    )
    determinant = s[..., 0, 0] * s[..., 1, 1] - s[..., 0, 1] * s[..., 1, 0]
    inverse = turned / determinant[..., None, None]
    white = (inverse @ off[..., None])[..., 0]
    logits = jnp.log(WEIGHTS) - 0.5 * (jnp.log(determinant) + (off * white).sum(-1))
    u = MEANS + alpha * (ROOTS @ ROOTS.swapaxes(1, 2) @ white[..., None])[..., 0]
    v = d_alpha * u + d_sigma * sigma * white
    return (jax.nn.softmax(logits)[..., None] * v).sum(1)


def density(kind, solver=None, velocity=of_mixture, code=None):
    return kind(
        velocity=jax.tree_util.Partial(functools.partial(velocity, kind)),
        mean=jnp.asarray(SHIFT, jnp.float32),
        std=jnp.asarray(SCALE, jnp.float32),
        code=code,
        solver=solver or Solver(),
    )


def test_the_bound_of_diffusion_is_log_p_where_the_velocity_is_exact():
    keys = sample_keys(KEYS[:4], 10_000)
    z = jnp.broadcast_to(Z, (*keys.shape, 2))
    found = np.asarray(jax.jit(density(Diffusion).estimate)(z, keys=keys))
    error = found.std(0) / np.sqrt(len(found))
    assert (np.abs(found.mean(0) - log_prob(Z)) < 4 * error).all() and error.max() < 0.1


def test_the_bound_of_a_network_that_is_zero_is_a_gaussian_without_noise():
    p = density(Diffusion, velocity=lambda kind, x, log_snr, code: 0 * x)
    gaussian = scipy.stats.multivariate_normal(SHIFT, np.diag(SCALE**2))
    found = jax.jit(p.estimate)(Z[None], keys=KEYS[None, :4])[0]
    np.testing.assert_allclose(found, gaussian.logpdf(Z), rtol=1e-5)


def test_a_wrong_velocity_has_a_lower_bound():
    def wrong(kind, x, log_snr, code):
        return 1.2 * of_mixture(kind, x, log_snr, code)

    drawn = draws(10_000)
    keys, z = KEYS[None, : len(drawn)], jnp.asarray(drawn, jnp.float32)[None]
    right, less = (
        jax.jit(density(Diffusion, velocity=v).estimate)(z, keys=keys) for v in (of_mixture, wrong)
    )
    gap = np.asarray(right - less)
    assert gap.mean() > 4 * gap.std() / np.sqrt(gap.size) > 0


@pytest.mark.parametrize(
    ("kind", "method", "ratio"),
    [(Matched, "heun", 4), (Diffusion, "euler", 2)],
)
def test_the_error_of_the_likelihood_falls_with_the_order_of_the_solver(kind, method, ratio):
    few, many = (
        np.abs(jax.jit(density(kind, Solver(method, steps)).log_prob)(Z) - log_prob(Z)).mean()
        for steps in (16, 32)
    )
    assert few / many == pytest.approx(ratio, rel=0.4)


def test_random_traces_have_the_trace_as_their_mean():
    p = density(Matched, Solver("heun", 8))
    keys = sample_keys(KEYS[:4], 250)
    found = jax.jit(p.hutchinson)(jnp.broadcast_to(Z, (*keys.shape, 2)), keys=keys)
    error = found.std(0) / np.sqrt(len(found))
    expected = jax.jit(p.log_prob)(Z)
    assert (jnp.abs(found.mean(0) - expected) < 4 * error).all() and error.min() > 0


def test_samples_are_of_both_modes():
    z = np.asarray(jax.jit(density(Diffusion).sample)(keys=KEYS))
    drawn = draws(len(z))
    np.testing.assert_allclose(z.mean(0), drawn.mean(0), atol=0.07)
    np.testing.assert_allclose(np.cov(z.T), np.cov(drawn.T), atol=0.1)
    between = (z[:, 0] < SHIFT[0]).mean(), (drawn[:, 0] < SHIFT[0]).mean()
    assert between[0] == pytest.approx(between[1], abs=0.015)


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.0])
def test_guidance_leads_from_one_gaussian_beyond_another(weight):
    """Velocities of Gaussians are linear in their means: those that are guided have one, too."""
    free, told = jnp.array([0.2, 0.1]), jnp.array([1.0, -0.5])

    def velocity(kind, x, log_snr, code):
        mean = jnp.where(code[:, 1:] > 0, told, free)
        alpha, sigma, d_alpha, d_sigma = coefficients(kind, log_snr[:, None])
        off = (x - alpha * mean) / (alpha**2 * 0.25 + sigma**2)
        return d_alpha * (mean + alpha * 0.25 * off) + d_sigma * sigma * off

    code = jnp.ones((len(KEYS), 2))
    p = density(Matched, Solver("heun", 16, guidance=weight), velocity, code)
    u = (jax.jit(p.sample)(keys=KEYS) - SHIFT) / SCALE
    np.testing.assert_allclose(u.mean(0), free + weight * (told - free), atol=0.03)
    np.testing.assert_allclose(u.std(0), 0.5, rtol=0.03)


@pytest.mark.parametrize("steps", [0, 2.5, True])
def test_steps_are_a_whole_number(steps):
    with pytest.raises(InputError, match=r"steps=.* must be a whole number of at least 1"):
        Solver(steps=steps)
