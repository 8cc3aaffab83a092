import jax
import numpy as np
import pytest

from vae.models.priors import flow
from vae.probability.terms import Batch

BUILDERS = {"coupling": flow.coupling, "maf": flow.maf}


def make(name, dim, layers=3):
    """A flow with weights far enough from their start to bend space."""
    prior = BUILDERS[name](dim, layers, widths=(8,))
    start = jax.jit(prior.init)(key=jax.random.key(0))["params"]
    noise = np.random.default_rng(1)
    params = jax.tree.map(lambda x: x + 0.3 * noise.normal(size=x.shape).astype(np.float32), start)
    return prior.distribution({"params": params}, Batch(None), None, train=False)


@pytest.mark.parametrize("name", BUILDERS)
def test_there_and_back(name):
    p = make(name, 5)
    z = jax.random.normal(jax.random.key(2), (3, 4, 5))
    forward, inverse = jax.jit(lambda z: p.forward(z)[0]), jax.jit(p.inverse)
    assert np.abs(forward(z) - z).max() > 0.1
    np.testing.assert_allclose(inverse(forward(z)), z, atol=1e-4)
    np.testing.assert_allclose(forward(inverse(z)), z, atol=1e-4)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_log_determinant_is_that_of_the_jacobian(name):
    p = make(name, 5)
    z = jax.random.normal(jax.random.key(3), (3, 5))
    log_det = jax.jit(p.forward)(z)[1]
    jacobians = jax.jit(jax.vmap(jax.jacfwd(lambda z: p.forward(z)[0])))(z)
    expected = np.linalg.slogdet(np.asarray(jacobians, np.float64))[1]
    np.testing.assert_allclose(log_det, expected, rtol=1e-4, atol=1e-5)
    # Three layers leave the order reversed; no dimension is left as it was.
    assert (np.diagonal(jacobians[:, ::-1], axis1=1, axis2=2) != 1).all()


@pytest.mark.parametrize("name", BUILDERS)
def test_the_density_integrates_to_one_and_samples_follow_it(name):
    p = make(name, 2)
    samples = np.asarray(jax.jit(p.sample)(keys=jax.random.split(jax.random.key(4), 20000)))
    line = np.linspace(-30, 30, 1201)
    grid = np.stack(np.meshgrid(line, line), axis=-1).astype(np.float32)
    mass = np.exp(np.asarray(jax.jit(p.log_prob)(grid), np.float64)) * (line[1] - line[0]) ** 2
    np.testing.assert_allclose(mass.sum(), 1, atol=0.01)
    mean = (mass[..., None] * grid).sum((0, 1))
    variance = (mass[..., None] * (grid - mean) ** 2).sum((0, 1))
    np.testing.assert_allclose(samples.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(samples.var(0), variance, rtol=0.1)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_gradient_is_the_finite_difference(name):
    p = make(name, 2, layers=2)
    z = jax.random.normal(jax.random.key(5), (4, 2))

    @jax.jit
    def total(scale):
        return jax.tree.map(lambda leaf: leaf * scale, p).log_prob(z).sum()

    difference = (total(1 + 1e-3) - total(1 - 1e-3)) / 2e-3
    np.testing.assert_allclose(jax.grad(total)(1.0), difference, rtol=2e-2)
