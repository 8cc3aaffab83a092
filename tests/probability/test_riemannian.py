"""The learned metric's dynamics: volumes, reversal, and the flat case, as without a metric."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.models.posteriors.riemannian_hamiltonian import RiemannianHamiltonian
from vae.probability import hamiltonian_flow, riemannian_flow
from vae.probability.distributions import DiagonalGaussian
from vae.probability.metric_samples import MetricSamples
from vae.probability.riemannian import Metric, leapfrog, momentum_at

STEP, COLD = jnp.array([0.1]), jnp.array([0.4])


def metric(regularization=0.3):
    rng = np.random.default_rng(0)
    factors = jnp.asarray(np.tril(rng.normal(size=(6, 2, 2))), jnp.float32)
    centroids = jnp.asarray(rng.normal(size=(6, 2)), jnp.float32)
    return Metric(centroids, factors, 1.5, regularization)


def banana(z):
    return -0.5 * (z[..., 0] ** 2 + (z[..., 1] - z[..., 0] ** 2) ** 2)


def inverse(g, z):
    weights = np.exp(-((z - g.centroids) ** 2).sum(-1) / g.temperature**2)
    return np.einsum("m,mij,mkj->ik", weights, g.factors, g.factors) + g.regularization * np.eye(2)


def test_the_momentum_has_the_covariance_of_the_metric():
    g, z = metric(), jnp.array([[0.3, -0.8]])
    root = g.root(z)
    np.testing.assert_allclose(root[0] @ root[0].T, inverse(g, z[0]), rtol=1e-5)
    columns = momentum_at(jnp.repeat(root, 2, 0), jnp.eye(2))
    np.testing.assert_allclose(columns.T @ columns @ inverse(g, z[0]), np.eye(2), atol=1e-5)
    np.testing.assert_allclose(g.log_det(z), np.linalg.slogdet(inverse(g, z[0]))[1], rtol=1e-5)


@pytest.mark.slow
def test_steps_keep_volumes_and_energy_and_can_be_reversed():
    g = metric()

    @jax.jit
    def energy(both):
        z, r = both[:, :2], both[:, 2:]
        kinetic = 0.5 * jnp.einsum("ni,ni->n", r, g.raised(z, r, g.projected(r)))
        return kinetic - banana(z) - 0.5 * g.log_det(z)

    def end(both, step=0.1, num=10):
        def body(_, at):
            return leapfrog(banana, g, *at, step)

        z, r = jax.lax.fori_loop(0, num, body, (both[None, :2], both[None, 2:]))
        return jnp.concatenate([z[0], r[0]])

    ends_of = jax.jit(jax.vmap(end, (0, None, None)))
    start = 0.5 * jax.random.normal(jax.random.key(0), (4, 4))
    ends, flip = ends_of(start, 0.1, 10), jnp.array([1.0, 1.0, -1.0, -1.0])
    np.testing.assert_allclose(ends_of(ends * flip, 0.1, 10) * flip, start, atol=1e-3)
    many = (start, ends, ends_of(start, 0.05, 20))
    before, after, closer = map(energy, many)
    assert jnp.abs(closer - before).sum() < 0.3 * jnp.abs(after - before).sum()  # a quarter
    assert (jnp.abs(ends - start).max(1) > 0.2).all()
    jacobian = jax.jit(jax.vmap(jax.jacfwd(lambda both: end(both, num=3))))(start)
    np.testing.assert_allclose(np.linalg.det(jacobian), 1, rtol=1e-4)


@pytest.mark.slow
def test_the_weights_average_to_the_integral():
    """That of exp(banana) over the plane is 2 pi."""
    base = DiagonalGaussian(jnp.array([[0.2, 0.5]]), jnp.full((1, 2), 0.4))
    many = jax.tree.map(lambda leaf: leaf[None], metric())
    keys = jax.random.split(jax.random.key(2), (20_000, 1))

    @jax.jit
    def weights(base):
        log_joint = jax.tree_util.Partial(banana)
        q = riemannian_flow.riemannian_flow(base, log_joint, many, STEP / 2, COLD, num=3)
        z, log_q = q.sample_and_log_prob(keys=keys)
        return banana(z) - log_q

    w = np.exp(np.float64(weights(base))) / (2 * np.pi)
    error = w.std() / np.sqrt(len(w))
    assert error < 0.03 and abs(w.mean() - 1) < 4 * error


@pytest.mark.slow
def test_around_one_centroid_samples_are_gaussian():
    """sqrt det (w I + lambda I) is about w^(D/2), that of a variance of T^2 / D."""
    one = Metric(jnp.array([[1.0, -2.0]]), jnp.eye(2)[None], 1.5, 1e-8)
    p = MetricSamples(one, jnp.array([0.0, 0.5]))
    z = jax.jit(lambda keys: p.sample(keys=keys))(jax.random.split(jax.random.key(4), 1000))
    np.testing.assert_allclose(z.mean(0), [1, -1.5], atol=0.15)
    np.testing.assert_allclose(np.cov(z.T), 1.5**2 / 2 * np.eye(2), atol=0.2)


def test_centroids_are_the_last_examples():
    family = RiemannianHamiltonian(2, 3, 5, 1.5, 0.01)
    variables = family.init(key=jax.random.key(0))
    outputs = jax.random.normal(jax.random.key(3), (2, 3, family.outputs))
    for batch in outputs:
        _, tracked = family.normalised(batch, variables, train=True)
        variables = variables | {"statistics": tracked}
    expected = jnp.concatenate([outputs[1, :, :2], outputs[0, :2, :2]])
    np.testing.assert_array_equal(tracked["centroids"], expected)
    first = outputs[1, 0, 4:]
    lower = [[jnp.exp(first[0]), 0], [first[2], jnp.exp(first[1])]]
    np.testing.assert_allclose(tracked["factors"][0], np.array(lower), rtol=1e-6)


def test_in_the_flat_metric_it_is_the_hamiltonian_flow():
    flat = dataclasses.replace(metric(1.0), factors=jnp.zeros((6, 2, 2)))
    z, noise = jax.random.normal(jax.random.key(1), (2, 3, 4, 2))
    many = jax.tree.map(lambda leaf: leaf[None], flat)
    found = riemannian_flow.moved(banana, many, z, noise, STEP, COLD, num=3)
    step = jnp.broadcast_to(STEP, (1, 2))
    expected = hamiltonian_flow.moved(banana, z, noise, step, COLD, num=3)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found[:2], expected)
    np.testing.assert_allclose(found[2], 0, atol=1e-6)
