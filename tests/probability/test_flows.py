"""Flows: determinants against automatic differentiation, and that they are one to one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.models.posteriors.iaf import IAF
from vae.models.posteriors.planar import Planar
from vae.models.posteriors.radial import Radial
from vae.models.posteriors.sylvester import Sylvester
from vae.probability import flows
from vae.probability.distributions import normal_log_prob, sample_keys

FAMILIES = {
    "planar": lambda dim: Planar(dim, 3),
    "radial": lambda dim: Radial(dim, 3),
    "sylvester": lambda dim: Sylvester(dim, 3),
    "iaf": lambda dim: IAF(dim, 3, 6, jnp.tanh),
}


def posterior(name, dim, *, scale=1.0, num=2):
    """A posterior far from the identity."""
    family = FAMILIES[name](dim)
    outputs = scale * jax.random.normal(jax.random.key(0), (num, family.outputs))
    variables = jax.tree.map(lambda w: 3 * w, family.init(key=jax.random.key(1)))
    return family.distribution(outputs, variables, train=True)


@pytest.mark.parametrize("name", FAMILIES)
def test_log_det_is_that_of_the_jacobian(name):
    q = posterior(name, 4, num=1)

    def transformed(u):
        z, log_det = q._forward(u[None])
        return z[0], log_det[0]

    u = 2 * jax.random.normal(jax.random.key(2), (3, 4))
    jacobian, log_det = jax.jit(jax.vmap(jax.jacfwd(transformed, has_aux=True)))(u)
    expected = np.linalg.slogdet(np.asarray(jacobian, np.float64))[1]
    np.testing.assert_allclose(log_det, expected, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_flow_covers_the_plane_once(name):
    """The integral of p(f(u)) |det df/du| over u is 1 for any density p."""
    q = posterior(name, 2, scale=0.7)
    axis = jnp.linspace(-25, 25, 601)
    u = jnp.stack(jnp.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    z, log_det = jax.jit(q._forward)(jnp.broadcast_to(u, (len(u), 2, 2)))
    mass = jnp.exp(normal_log_prob(z, 0.0, 0.0).sum(-1) + log_det).sum(0)
    np.testing.assert_allclose(mass * (axis[1] - axis[0]) ** 2, 1.0, atol=2e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_samples_carry_the_density_of_the_change_of_variables(name):
    q = posterior(name, 3)
    keys = sample_keys(jax.random.split(jax.random.key(3), 2), 4)

    @jax.jit
    def both(q):
        u, log_base = q.base.sample_and_log_prob(keys=keys)
        again, log_det = q._forward(u)
        return q.sample_and_log_prob(keys=keys), (again, log_base - log_det)

    sampled, expected = both(q)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), sampled, expected)
    assert q.kl(None) is None


@pytest.mark.parametrize("name", ["planar", "radial", "sylvester"])
def test_small_parameters_are_near_the_identity(name):
    q = posterior(name, 3, scale=1e-3)
    u = jax.random.normal(jax.random.key(4), (5, 2, 3))
    z, log_det = jax.jit(q._forward)(u)
    np.testing.assert_allclose(z, u, atol=0.02)
    np.testing.assert_allclose(log_det, 0, atol=0.02)


@pytest.mark.parametrize("scale", [0.0, 200.0])
@pytest.mark.parametrize("name", FAMILIES)
def test_extreme_parameters_stay_finite_with_their_gradients(name, scale):
    family = FAMILIES[name](3)
    outputs = scale * jnp.sign(jax.random.normal(jax.random.key(5), (8, family.outputs)))
    outputs = outputs.at[:, :6].set(0.0)  # the base
    variables = family.init(key=jax.random.key(6))

    def total(outputs):
        q = family.distribution(outputs, variables, train=True)
        z, log_q = q.sample_and_log_prob(keys=jax.random.split(jax.random.key(7), (4, 8)))
        return (z.sum(-1) + log_q).sum()

    value, gradient = jax.jit(jax.value_and_grad(total))(outputs)
    assert np.isfinite(value) and np.isfinite(gradient).all()


def test_cayley_gives_rotations():
    raw = 5 * jax.random.normal(jax.random.key(8), (3, 4, 4))
    q = flows.cayley(raw - raw.mT)
    np.testing.assert_allclose(q @ q.mT, np.broadcast_to(np.eye(4), q.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(q), 1.0, atol=1e-5)
