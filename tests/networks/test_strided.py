"""The layers against flax's, and their plain form in forward mode and in what is exported."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variables import random_variables

from vae.networks import strided
from vae.networks.strided import Conv, ConvTranspose, halvings, he_normal_transposed

PLACES = [(6,), (8, 6), (6, 3, 4)]


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def close(a, b, tolerance=1e-5):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * 10), a, b
    )


def with_gradients(apply, weights):
    """One program: apply(params, x), and the gradients of a loss of it."""

    def loss(params, x):
        y = apply(params, x)
        return jnp.sum(weights * y**2), y

    return jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))


@pytest.mark.parametrize("kernel_size, stride", [(4, 2), (3, 1), (1, 1)])
@pytest.mark.parametrize("places", PLACES)
def test_conv_equals_flax_with_gradients(places, kernel_size, stride):
    x = normal(0, 3, *places, 5)
    weights = normal(1, 3, *(-(-n // stride) for n in places), 7)
    ours = Conv(7, kernel_size, stride)
    theirs = nn.Conv(7, (kernel_size,) * len(places), strides=stride, padding="SAME")
    params = random_variables(ours, x)
    gradients, y = with_gradients(ours.apply, weights)(params, x)
    expected_gradients, expected = with_gradients(theirs.apply, weights)(params, x)
    close(y, expected)
    close(gradients, expected_gradients, 1e-4)


@pytest.mark.parametrize("grid", [(4,), (4, 3), (2, 3, 1)])
def test_transpose_equals_flax_with_gradients(grid):
    places = tuple(2 * n for n in grid)
    y, weights = normal(0, 3, *grid, 7), normal(1, 3, *places, 5)
    ours = ConvTranspose(5)
    theirs = nn.ConvTranspose(
        5, (4,) * len(grid), strides=(2,) * len(grid), padding="SAME", transpose_kernel=True
    )
    params = jax.tree.map(jnp.asarray, random_variables(theirs, y))

    def apply(params, y):
        return ours.apply(params, y, places)

    gradients, x = with_gradients(apply, weights)(params, y)
    expected_gradients, expected = with_gradients(theirs.apply, weights)(params, y)
    close(x, expected)
    close(gradients, expected_gradients, 1e-4)


class Both(nn.Module):
    """A strided convolution and back to the places."""

    @nn.compact
    def __call__(self, x):
        h = jnp.tanh(Conv(3)(x))
        return ConvTranspose(2)(h, x.shape[1:-1])


@pytest.mark.parametrize("places", [(5,), (5, 4), (3, 2, 5)])
def test_plain_layers_have_the_same_values_and_gradients_and_a_forward_mode(places):
    x, weights, tangent = (normal(i, 2, *places, 2) for i in range(3))
    module = Both()
    variables = random_variables(module, x)

    def loss(variables, x):
        return jnp.vdot(jnp.sin(module.apply(variables, x)), weights)

    both = jax.jit(jax.value_and_grad(loss, (0, 1)))  # one function: its traces are kept apart
    fast = both(variables, x)
    with strided.plain():
        close(both(variables, x), fast, 1e-4)
        _, slope = jax.jit(lambda x, t: jax.jvp(lambda x: loss(variables, x), (x,), (t,)))(
            x, tangent
        )
    np.testing.assert_allclose(slope, jnp.vdot(fast[1][1], tangent), rtol=1e-4)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(lambda x: loss(variables, x), (x,), (tangent,))


def test_what_is_exported_plain_is_of_ordinary_operations():
    x = jnp.ones((1, 5, 4, 2))
    module = Both()
    variables = random_variables(module, x)
    decode = jax.jit(lambda x: module.apply(variables, x))
    hand_made = ("custom_vjp_call", "platform_index", "cond")
    fast = str(jax.make_jaxpr(decode)(x))
    assert all(name in fast for name in hand_made)
    with strided.plain():
        plain = str(jax.make_jaxpr(decode)(x))
        exported = jax.export.export(decode)(x)
    assert plain.count("conv_general_dilated[") == 2
    assert not any(name in plain for name in hand_made)
    close(exported.call(x), decode(x))


def test_the_transposed_start_keeps_the_scale():
    for rank in (1, 2, 3):
        places = (8,) * rank
        y = normal(0, 8, *(4,) * rank, 16)
        layer = ConvTranspose(32, kernel_init=he_normal_transposed(2, scale=1.0))
        x, _ = jax.jit(layer.init_with_output, static_argnums=2)(jax.random.key(1), y, places)
        inner = x[(slice(None), *(slice(2, -2),) * rank)]
        assert float(jnp.mean(inner**2)) == pytest.approx(1, abs=0.1)


def test_halvings():
    assert halvings((5, 8, 1), 2) == [(5, 8, 1), (3, 4, 1), (2, 2, 1)]


def test_a_wrong_grid_is_refused():
    with pytest.raises(ValueError, match="stride-2 grid"):
        strided.transposed(jnp.zeros((1, 4, 4, 2)), jnp.zeros((4, 4, 3, 2)), 2, (9, 8))
