"""What generators and discriminators lose, in closed form; permutations over devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from vae.networks.discriminators import GridDiscriminator
from vae.probability.adversarial import HINGE, NON_SATURATING, permuted_dimensions, squared_slope
from vae.training.devices import AXIS

LOGITS = np.array([-200.0, -3.0, -0.5, 0.0, 0.5, 3.0, 200.0])


def test_the_non_saturating_losses_are_cross_entropies():
    loss, inner = NON_SATURATING, slice(1, -1)
    real = 1 / (1 + np.exp(-LOGITS[inner]))  # the probability that it is real
    for name, expected in (("generator", real), ("real", real), ("fake", 1 - real)):
        values = getattr(loss, name)(LOGITS)
        np.testing.assert_allclose(values[inner], -np.log(expected), rtol=1e-5)
        assert np.isfinite(values).all()


def test_the_hinge_losses():
    loss = HINGE
    np.testing.assert_allclose(loss.generator(LOGITS), -LOGITS)
    np.testing.assert_allclose(loss.real(LOGITS), [201, 4, 1.5, 1, 0.5, 0, 0])
    np.testing.assert_allclose(loss.fake(LOGITS), [0, 0, 0.5, 1, 1.5, 4, 201])


def test_the_squared_slope_of_a_linear_judge_is_that_of_its_weights():
    x = jax.random.normal(jax.random.key(0), (5, 3, 4))
    weights = jax.random.normal(jax.random.key(1), (3, 4))
    slope = squared_slope(lambda x: jnp.tensordot(x, weights) + 7.0, x)
    np.testing.assert_allclose(slope, np.full(5, (weights**2).sum()), rtol=1e-5)


def test_the_squared_slope_has_the_gradient_that_it_should_have():
    """It goes twice through the convolutions, whose gradients are written by hand."""
    module = GridDiscriminator((3, 4))
    x = jax.random.uniform(jax.random.key(0), (2, 7, 6, 2))
    params = module.init(jax.random.key(1), x)["params"]
    direction = jax.tree.map(lambda leaf: jax.random.normal(jax.random.key(2), leaf.shape), params)

    @jax.jit
    def penalty(params):
        return squared_slope(lambda x: module.apply({"params": params}, x)[1], x).sum()

    gradient = jax.grad(penalty)(params)
    expected = sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, direction)))
    ahead, behind = (
        penalty(jax.tree.map(lambda p, d, step=step: p + step * d, params, direction))
        for step in (1e-3, -1e-3)
    )
    assert (ahead - behind) / 2e-3 == pytest.approx(float(expected), rel=0.02)


def test_every_dimension_is_permuted_on_its_own():
    z = jnp.arange(8.0)[:, None] * jnp.ones(3) + jnp.array([0.0, 100.0, 200.0])
    noise = jax.random.uniform(jax.random.key(0), (8, 3))
    permuted = np.asarray(permuted_dimensions(z, noise, None))
    np.testing.assert_array_equal(np.sort(permuted, axis=0), z)
    places = permuted % 100
    assert len({tuple(column) for column in places.T}) == 3
    assert not (places == np.arange(8)[:, None]).all(0).any()


def test_the_permutations_are_the_same_on_several_devices():
    z = jax.random.normal(jax.random.key(0), (8, 3))
    noise = jax.random.uniform(jax.random.key(1), (8, 3))
    expected = permuted_dimensions(z, noise, None)
    for number in (1, 2, 4):
        mesh = jax.make_mesh(
            (number,),
            (AXIS,),
            axis_types=(jax.sharding.AxisType.Auto,),
            devices=jax.devices()[:number],
        )
        mapped = jax.shard_map(
            lambda z, noise: permuted_dimensions(z, noise, AXIS),
            mesh=mesh,
            in_specs=P(AXIS),
            out_specs=P(AXIS),
            check_vma=False,
        )
        np.testing.assert_array_equal(jax.jit(mapped)(z, noise), expected)
