"""The masked network: who sees whom, for any widths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks.made import MADE


@pytest.mark.parametrize("dim, widths", [(1, (3,)), (4, (12,)), (5, (3, 16, 7))])
def test_an_output_sees_the_dimensions_before_it_and_the_context(dim, widths):
    network = MADE(2, widths, jnp.tanh)
    z, context = jax.random.normal(jax.random.key(0), (dim,)), jnp.ones(3)
    variables = jax.jit(network.init)(jax.random.key(1), z, context)
    jacobians = jax.jacrev(lambda *inputs: network.apply(variables, *inputs), argnums=(0, 1))
    of_z, of_context = jax.jit(jacobians)(z, context)
    assert of_z.shape == (dim, 2, dim)
    before = np.tri(dim, k=-1, dtype=bool)
    np.testing.assert_array_equal(of_z[:, 0][~before], 0.0)
    if min(widths) >= dim:  # fewer units than dimensions cannot tell all of them apart
        assert (of_z.transpose(0, 2, 1)[before] != 0).all()
    assert (of_context != 0).all()


def test_leading_dimensions_broadcast_and_the_context_may_be_absent():
    network = MADE(1, (8,))
    z, context = jnp.ones((5, 3, 4)), jax.random.normal(jax.random.key(0), (3, 2))
    y, variables = network.init_with_output(jax.random.key(1), z, context)
    assert y.shape == (5, 3, 4, 1) and y.dtype == jnp.float32
    np.testing.assert_allclose(y[2, 1], network.apply(variables, z[2, 1], context[1]), atol=1e-6)
    y, variables = network.init_with_output(jax.random.key(1), z)
    assert y.shape == (5, 3, 4, 1) and "context" not in variables["params"]
