"""Leapfrog steps and acceptance, by what makes them leave a density as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.probability.hamiltonian import TARGET, Point, accept, adapted, leapfrog, point_at
from vae.training.devices import jit

PRECISION = np.linalg.inv(np.array([[1.0, 0.6], [0.6, 0.8]]))


def gaussian(z):
    return -0.5 * jnp.einsum("ni,ij,nj->n", z, PRECISION, z)


def banana(z):
    return -0.5 * (z[:, 0] ** 2 + (z[:, 1] - z[:, 0] ** 2) ** 2)


def trajectory(log_density, z, momentum, scale, length=10, step=1.0):
    point, scale = point_at(log_density, z), jnp.broadcast_to(scale, (len(z), *scale.shape))
    for _ in range(length):
        point, momentum = leapfrog(log_density, point, momentum, step * jnp.ones(len(z)), scale)
    return point, momentum


SCALES = {"diagonal": jnp.array([0.1, 0.2]), "dense": jnp.array([[0.1, 0.0], [0.15, 0.2]])}


def start(seed=0, number=5):
    return jax.random.normal(jax.random.key(seed), (2, number, 2))


def energy(log_density, z, momentum):
    return np.asarray(0.5 * (momentum**2).sum(-1) - log_density(z), np.float64)


@pytest.mark.parametrize("kind", SCALES)
def test_a_trajectory_is_reversible(kind):
    z, momentum = start()
    scale = SCALES[kind]
    end, away = jit(lambda *a: trajectory(banana, *a))(z, momentum, scale)
    assert np.abs(end.z - z).max() > 0.3
    back, again = jit(lambda *a: trajectory(banana, *a))(end.z, -away, scale)
    np.testing.assert_allclose(back.z, z, atol=1e-5)
    np.testing.assert_allclose(-again, momentum, atol=1e-5)


@pytest.mark.parametrize("kind", SCALES)
def test_a_trajectory_keeps_volumes(kind):
    def move(state):
        end, momentum = trajectory(banana, state[None, :2], state[None, 2:], 1.5 * SCALES[kind])
        return jnp.concatenate([end.z[0], momentum[0]])

    jacobians = jit(jax.vmap(jax.jacfwd(move)))(jnp.concatenate([*start()], axis=-1))
    assert np.abs(np.asarray(jacobians) - np.eye(4)).max() > 0.5
    np.testing.assert_allclose(np.linalg.det(np.asarray(jacobians, np.float64)), 1.0, atol=1e-4)


def test_the_energy_is_kept_to_the_second_order():
    z, momentum = start()

    def error(step, length):
        run = jit(lambda z, r: trajectory(banana, z, r, jnp.full(2, step), length))
        end, after = run(z, momentum)
        return np.abs(energy(banana, end.z, after) - energy(banana, z, momentum)).mean()

    assert 3 < error(0.2, 4) / error(0.1, 8) < 5


def test_acceptance_by_hand():
    def point(log_density, gradient=0.0):
        return Point(
            jnp.full((1, 2), log_density), jnp.array([log_density]), jnp.full((1, 2), gradient)
        )

    keys = jax.random.split(jax.random.key(0), 1)
    still, moving = jnp.zeros((1, 2)), jnp.array([[0.6, 0.8]])
    for old, new, momentum, expected in (
        (-1.0, -3.0, still, np.exp(-2)),
        (-3.0, -1.0, still, 1.0),
        (-1.0, -1.0, moving, np.exp(-0.5)),
        (-1.0, np.nan, still, 0.0),
        (-1.0, -np.inf, still, 0.0),
    ):
        kept, probability = accept(point(old), still, point(new), momentum, keys=keys)
        assert probability[0] == pytest.approx(expected, rel=1e-5)
        if expected in (0.0, 1.0):
            np.testing.assert_array_equal(kept.z, np.full((1, 2), new if expected else old))
    assert accept(point(-1.0), still, point(-1.0, np.nan), still, keys=keys)[1][0] == 0.0


def chain(step, turns, number=4000, adapt=0):
    """Chains of `gaussian` from exact draws of it: where they end, and the mean acceptance."""
    exact = np.linalg.cholesky(np.linalg.inv(PRECISION))
    z = jnp.asarray(np.random.default_rng(0).normal(size=(number, 2)) @ exact.T, jnp.float32)

    @jit
    def turn(z, log_step, key):
        momentum_key, key = jax.random.split(key)
        momentum = jax.random.normal(momentum_key, z.shape)
        before = point_at(gaussian, z)
        end, after = trajectory(gaussian, z, momentum, jnp.ones(2), 3, jnp.exp(log_step))
        keys = jax.random.split(key, number)
        point, probability = accept(before, momentum, end, after, keys=keys)
        return point.z, probability

    log_step = jnp.full(number, jnp.log(step))
    for i in range(turns):
        z, probability = turn(z, log_step, jax.random.key(i))
        if i < adapt:
            log_step = adapted(log_step, probability, i)
    return np.asarray(z), float(probability.mean())


@pytest.mark.parametrize("step", [0.02, 0.9])
def test_exact_draws_stay_exact_whatever_the_step(step):
    z, acceptance = chain(step, 6)
    assert acceptance > 0.999 if step < 0.1 else 0.3 < acceptance < 0.9
    np.testing.assert_allclose(z.mean(0), 0.0, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), np.linalg.inv(PRECISION), atol=0.06)


def test_the_step_size_is_adapted_to_the_acceptance():
    assert chain(0.1, 60, number=400, adapt=60)[1] == pytest.approx(TARGET, abs=0.05)


def test_coordinates_in_which_all_directions_are_alike_are_as_good_as_a_round_density():
    z, momentum = start(number=3)
    factor = np.linalg.cholesky(np.linalg.inv(PRECISION)).astype(np.float32)

    def round_one(u):
        return -0.5 * (u**2).sum(-1)

    @jit
    def both(u, momentum):
        here = trajectory(gaussian, u @ factor.T, momentum, jnp.asarray(factor), 5, 0.3)
        return here, trajectory(round_one, u, momentum, jnp.ones(2), 5, 0.3)

    (end, after), (expected, after_expected) = both(z, momentum)
    np.testing.assert_allclose(end.z, expected.z @ factor.T, atol=1e-5)
    np.testing.assert_allclose(after, after_expected, atol=1e-5)
