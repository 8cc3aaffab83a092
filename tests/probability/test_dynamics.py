"""Densities of latents in time, against the joint Gaussian that they are."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
import scipy.stats

from vae.models.priors.dynamics import linear_dynamics, recurrent
from vae.networks.dynamics import SLOW
from vae.probability import dynamics
from vae.probability.terms import Batch

LENGTH, CHANNELS, STATES = 5, 2, 3
KEYS = jax.random.split(jax.random.key(4), 20_000)


def linear():
    rng = np.random.default_rng(1)
    return dynamics.LinearDynamics(
        transition=jnp.asarray(rng.normal(size=(STATES, STATES)) * 0.5, jnp.float32),
        emission=jnp.asarray(rng.normal(size=(CHANNELS, STATES)), jnp.float32),
        mean=jnp.asarray(rng.normal(size=STATES), jnp.float32),
        log_start=jnp.log(jnp.array([0.5, 1.0, 0.7])),
        log_step=jnp.log(jnp.array([0.3, 0.6, 0.2])),
        log_noise=jnp.log(jnp.array([0.4, 0.8])),
        length=LENGTH,
    )


def joint(p):
    """The mean [E T] and covariance of z as the products of matrices that it is made by."""
    a, c = (np.asarray(m, np.float64) for m in (p.transition, p.emission))
    start, step, noise = (np.exp(np.float64(s)) for s in (p.log_start, p.log_step, p.log_noise))
    powers = [np.linalg.matrix_power(a, t) for t in range(LENGTH)]
    mean = np.stack([c @ power @ np.float64(p.mean) for power in powers])
    covariance = np.zeros((LENGTH, CHANNELS, LENGTH, CHANNELS))
    for t in range(LENGTH):
        for u in range(LENGTH):
            states = powers[t] @ np.diag(start**2) @ powers[u].T
            for v in range(1, min(t, u) + 1):
                states = states + powers[t - v] @ np.diag(step**2) @ powers[u - v].T
            covariance[t, :, u] = c @ states @ c.T + (t == u) * np.diag(noise**2)
    mean, covariance = mean.T.ravel(), covariance.transpose(1, 0, 3, 2)
    return mean, covariance.reshape(mean.size, mean.size)


@jax.jit
def log_prob(p, z):
    return p.log_prob(z)


@jax.jit
def sample(p, keys):
    return p.sample(keys=keys)


def conditioned(mean, covariance, z, seen):
    """The mean and covariance of what is not seen [M], given z at what is."""
    known, other = np.flatnonzero(seen), np.flatnonzero(~seen)
    gain = covariance[np.ix_(other, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
    left = covariance[np.ix_(other, other)] - gain @ covariance[np.ix_(known, other)]
    return mean[other] + gain @ (z[known] - mean[known]), left


def test_linear_dynamics_have_the_density_and_the_moments_of_the_joint_gaussian():
    p, (mean, covariance) = linear(), joint(linear())
    z = np.random.default_rng(0).normal(size=(3, 4, mean.size)).astype(np.float32)
    exact = scipy.stats.multivariate_normal(mean, covariance).logpdf(z)
    np.testing.assert_allclose(log_prob(p, z), exact, rtol=1e-5)
    drawn = np.asarray(sample(p, KEYS))
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.12)
    # The density of the two places that examples have; N(0, I) at the others.
    two = np.flatnonzero(np.tile(np.arange(LENGTH) < 2, CHANNELS))
    first = scipy.stats.multivariate_normal(mean[two], covariance[np.ix_(two, two)])
    rest = scipy.stats.norm.logpdf(np.delete(z, two, -1)).sum(-1)
    there = np.arange(LENGTH) < np.array([[LENGTH], [2], [2], [2]])
    parts = log_prob(p.replace(there=jnp.asarray(there)), z)
    np.testing.assert_allclose(parts[:, :1], exact[:, :1], rtol=1e-5)
    np.testing.assert_allclose(parts[:, 1:], (first.logpdf(z[..., two]) + rest)[:, 1:], rtol=1e-5)
    warm = scipy.stats.multivariate_normal(mean, 4 * covariance).logpdf(z)
    np.testing.assert_allclose(log_prob(p.tempered(2.0), z), warm, rtol=1e-5)


def test_what_follows_and_what_lies_between_is_drawn_from_the_conditional_gaussian():
    p, (mean, covariance) = linear(), joint(linear())
    z = np.random.default_rng(2).normal(size=mean.size).astype(np.float32)
    given = jax.jit(lambda seen: p.given(jnp.tile(z, (len(KEYS), 1)), seen, keys=KEYS))
    for seen in ([True, True, False, False, False], [True, False, False, True, False]):
        each = np.tile(seen, CHANNELS)
        drawn = np.asarray(given(jnp.array(seen)))
        np.testing.assert_array_equal(drawn[:, each], np.tile(z[each], (len(KEYS), 1)))
        exact, left = conditioned(mean, covariance, z, each)
        np.testing.assert_allclose(drawn[:, ~each].mean(0), exact, atol=0.05)
        np.testing.assert_allclose(np.cov(drawn[:, ~each].T), left, atol=0.1)


def test_channels_that_stay_are_independent_and_keep_what_is_seen():
    moving = linear()
    p, z = dynamics.beside(moving, 2), jax.random.normal(jax.random.key(0), (3, 4 * LENGTH))
    size = CHANNELS * LENGTH
    stays = scipy.stats.norm.logpdf(z[:, size:]).sum(-1)
    z = np.asarray(z)
    np.testing.assert_allclose(log_prob(p, z), log_prob(moving, z[:, :size]) + stays, rtol=1e-5)
    warm = p.tempered(2.0)
    stays = scipy.stats.norm.logpdf(z[:, size:], scale=2).sum(-1)
    own = log_prob(moving.tempered(2.0), z[:, :size])
    np.testing.assert_allclose(log_prob(warm, z), own + stays, rtol=1e-5)
    drawn = np.asarray(sample(warm, KEYS))
    np.testing.assert_allclose(drawn[:, size:].std(0), 2, rtol=0.05)
    both = np.corrcoef(drawn.T)[:size, size:]
    np.testing.assert_allclose(both, 0, atol=0.05)
    given = p.given(z, jnp.arange(LENGTH) < 2, keys=KEYS[:3])
    np.testing.assert_array_equal(given[:, size:], z[:, size:])
    np.testing.assert_array_equal(
        given[:, :size], moving.given(z[:, :size], jnp.arange(LENGTH) < 2, keys=KEYS[:3])
    )


def of_prior(prior):
    variables = jax.jit(prior.init)(key=jax.random.key(0))
    # Larger weights, so that what is before matters.
    params = jax.tree.map(lambda leaf: np.asarray(leaf) + np.float32(0.3), variables["params"])
    return prior.distribution(variables | {"params": params}, Batch(None), None, train=False)


def test_a_recurrent_density_is_the_product_of_its_steps_and_draws_what_it_says():
    p = of_prior(recurrent(LENGTH * CHANNELS, (LENGTH,), (4, 3)))
    z = np.asarray(jax.random.normal(jax.random.key(3), (2, LENGTH * CHANNELS)))
    frames = z.reshape(2, CHANNELS, LENGTH)
    memory, before, each = p.blank(2, CHANNELS), np.zeros((2, CHANNELS), np.float32), 0
    step = jax.jit(p.step)
    for t in range(LENGTH):
        memory, outputs = step(memory, before)
        mean, log_std = np.split(np.asarray(outputs), 2, -1)
        std = np.exp(3 * np.tanh(log_std / 3))
        each = each + scipy.stats.norm.logpdf(frames[..., t], mean, std).sum(-1)
        before = frames[..., t]
    np.testing.assert_allclose(jax.jit(p.log_prob)(z[:, None])[:, 0], each, rtol=1e-5)
    seen = np.arange(LENGTH) < LENGTH - 1
    keys = KEYS[: len(KEYS) // 4]
    drawn = jax.jit(p.given)(np.tile(z[0], (len(keys), 1)), seen, keys=keys)
    drawn = np.asarray(drawn).reshape(-1, CHANNELS, LENGTH)
    np.testing.assert_array_equal(drawn[..., seen], np.tile(frames[0][:, seen], (len(keys), 1, 1)))
    np.testing.assert_allclose(drawn[..., -1].mean(0), mean[0], atol=0.06 * std.max())
    np.testing.assert_allclose(drawn[..., -1].std(0), std[0], rtol=0.05)
    cold = jax.jit(p.tempered(jnp.float32(1e-6)).sample)(keys=keys[:2])
    np.testing.assert_allclose(cold[0], cold[1], rtol=1e-4)


def test_a_linear_density_starts_near_independent_standard_normals():
    drawn = np.asarray(start(linear_dynamics(LENGTH * CHANNELS, (LENGTH,), (64,))))
    np.testing.assert_allclose(drawn.std((0, 1)), 1, atol=0.25)


def test_a_recurrent_density_starts_as_one_that_expects_half_of_what_was_new_and_moves_on():
    drawn = np.asarray(start(recurrent(LENGTH * CHANNELS, (LENGTH,), (8,))))
    mean, velocity = np.zeros_like(drawn[..., 0]), 0
    for t in range(LENGTH):
        noise = drawn[..., t] - mean
        np.testing.assert_allclose([noise.mean(), noise.std()], [0, 1], atol=0.1)
        velocity = velocity + scipy.special.expit(SLOW) * noise
        mean = mean + noise / 2 + velocity


def start(prior):
    """Draws from a prior as it starts, [N, E, T]."""

    @jax.jit
    def drawn(keys):
        variables = prior.init(key=jax.random.key(0))
        return prior.distribution(variables, Batch(None), None, train=False).sample(keys=keys)

    return drawn(KEYS[:2000]).reshape(-1, CHANNELS, LENGTH)
