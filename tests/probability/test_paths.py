"""Paths whose best velocity is known: between noise and Gaussians, and mixtures of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vae.probability.distributions import example_keys, sample_keys
from vae.probability.paths import Diffusion, Matched
from vae.probability.solver import Solver

MEAN = np.array([0.5, -1.0, 0.2])
AXES, SPREAD = (
    np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0],
    np.array([1.5, 0.2, 0.7]),
)
SHIFT, SCALE = np.array([3.0, -2.0, 0.0]), np.array([2.0, 0.5, 1.0])  # of z = shift + scale u
ROOT = SCALE[:, None] * AXES * SPREAD
P = scipy.stats.multivariate_normal(SHIFT + SCALE * MEAN, ROOT @ ROOT.T)
KEYS = example_keys(jax.random.key(1), np.arange(20_000))


def coefficients(kind, log_snr):
    """alpha, sigma and their slopes on a path at a log-SNR."""
    ratio = jnp.exp(-0.5 * log_snr)  # sigma / alpha
    if kind is Matched:
        t = ratio / (1 + ratio)
        return 1 - t, t, -1.0, 1.0
    t = jnp.arctan(ratio)
    return jnp.cos(t), jnp.sin(t), -jnp.sin(t), jnp.cos(t)


def of_gaussian(kind, x, log_snr, mean=MEAN):
    """E[v | x_t] [N, D] where u is N(mean, A S^2 A^T), A the axes and S the spread."""
    alpha, sigma, d_alpha, d_sigma = coefficients(kind, log_snr[:, None])
    off = (x - alpha * mean) @ AXES
    off = off / (alpha**2 * SPREAD**2 + sigma**2)
    return d_alpha * (mean + alpha * (SPREAD**2 * off) @ AXES.T) + d_sigma * sigma * off @ AXES.T


def density(kind, solver=None, **settings):
    velocity = functools.partial(of_gaussian, kind)
    return kind(
        velocity=jax.tree_util.Partial(lambda x, log_snr, code: velocity(x, log_snr)),
        mean=jnp.asarray(SHIFT, jnp.float32),
        std=jnp.asarray(SCALE, jnp.float32),
        code=None,
        solver=solver or Solver(),
        **settings,
    )


def test_the_bound_of_diffusion_is_log_p_where_the_velocity_is_exact():
    z = jnp.asarray(P.rvs(4, random_state=0), jnp.float32)
    keys = sample_keys(KEYS[:4], 20_000)
    found = np.asarray(
        jax.jit(lambda z: density(Diffusion).estimate(z, keys=keys))(
            jnp.broadcast_to(z, (20_000, 4, 3))
        )
    )
    error = found.std(0) / np.sqrt(len(found))
    print(found.mean(0), P.logpdf(z), error)
    assert (np.abs(found.mean(0) - P.logpdf(z)) < 4 * error + 0.01).all()
    assert error.max() < 0.2


@pytest.mark.parametrize("kind", [Matched, Diffusion])
@pytest.mark.parametrize(("method", "ratio"), [("euler", 2), ("heun", 4)])
def test_the_error_of_the_likelihood_falls_with_the_order_of_the_solver(kind, method, ratio):
    z = jnp.asarray(P.rvs(50, random_state=0), jnp.float32)
    errors = [
        np.abs(jax.jit(density(kind, Solver(method, steps)).log_prob)(z) - P.logpdf(z)).mean()
        for steps in (16, 32)
    ]
    print(kind, method, errors)
    assert errors[0] / errors[1] == pytest.approx(ratio, rel=0.25)
