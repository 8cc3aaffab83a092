import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from vae.training.devices import AXIS, WHOLE, jit, make_mesh, map_shards, norm, replicate, shard


def loss(w, x):
    return jnp.mean((x @ w) ** 2)


def sgd(w, x):
    gradient = jax.lax.pmean(jax.grad(loss)(w, x), AXIS)
    return w - 0.1 * gradient


@pytest.fixture(scope="module")
def problem():
    w, x = (
        jax.random.normal(jax.random.key(0), (3, 2)),
        jax.random.normal(jax.random.key(1), (8, 3)),
    )
    return np.asarray(w), np.asarray(x)


def test_a_mapped_sgd_step_is_that_of_one_device_and_of_pmap(problem):
    w, x = problem
    alone = w - 0.1 * jax.grad(loss)(w, x)
    mesh = make_mesh()
    assert mesh.size == 4
    step = map_shards(sgd, mesh, in_specs=(P(), P(AXIS)), out_specs=P())
    mapped = step(replicate(w, mesh), shard(x, mesh, P(AXIS)))
    np.testing.assert_allclose(mapped, alone, rtol=1e-5)

    pmapped = jax.pmap(sgd, axis_name=AXIS)(np.stack([w] * 4), x.reshape(4, 2, 3))
    for device in range(4):
        np.testing.assert_allclose(pmapped[device], mapped, rtol=1e-6)


def test_donated_arguments_are_given_up(problem):
    w, x = problem
    mesh = make_mesh()
    step = map_shards(sgd, mesh, in_specs=(P(), P(AXIS)), out_specs=P(), donate=(0,))
    given = replicate(w, mesh)
    step(given, shard(x, mesh, P(AXIS)))
    assert given.is_deleted()


def test_sums_of_products_are_right_where_xla_alone_gets_them_wrong():
    m = jax.random.normal(jax.random.key(0), (3, 2))
    x = jax.random.normal(jax.random.key(1), (20_000, 3, 2))
    computed = jit(lambda m, x: m * (m * x).sum(-1, keepdims=True) - x)(m, x)
    m, x = np.asarray(m), np.asarray(x)
    expected = m * (m * x).sum(-1, keepdims=True) - x
    np.testing.assert_allclose(computed, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(), (3,), (16, 17), (256, 256), (257, 301), (4, 4, 65, 64)])
def test_a_norm_counts_every_number_once(shape):
    rng = np.random.default_rng(0)
    tree = {"kernel": rng.normal(size=shape).astype(np.float32), "bias": np.float32([3.0, 4.0])}
    whole = np.concatenate([np.ravel(x) for x in tree.values()]).astype(np.float64)
    np.testing.assert_allclose(
        jit(norm, static_argnums=1)(tree, WHOLE), np.linalg.norm(whole), 1e-6
    )
