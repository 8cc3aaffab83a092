"""Encoders and decoders: shapes at any size, dtypes, initialisation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks import ACTIVATIONS, DECODERS, ENCODERS

SHAPES = [(8, 8, 1), (11, 9, 3)]
NAMES = ["mlp", "conv"]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_shapes(name, shape):
    encoder, decoder = ENCODERS[name]((6, 4), 10), DECODERS[name]((4, 6), shape, 2)
    x = jax.random.uniform(jax.random.key(0), (3, *shape))
    h, _ = jax.jit(encoder.init_with_output)(jax.random.key(1), x)
    assert h.shape == (3, 10) and h.dtype == jnp.float32

    z = jax.random.normal(jax.random.key(2), (2, 3, 5))
    y, variables = jax.jit(decoder.init_with_output)(jax.random.key(3), z)
    assert y.shape == (2, 3, *shape[:2], 2) and y.dtype == jnp.float32
    np.testing.assert_allclose(y[1, 2], decoder.apply(variables, z[1, 2]), atol=1e-5)
    assert set(variables) == {"params"}


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_body_float32_parameters(name):
    shape = (9, 8, 3)
    x = jax.random.uniform(jax.random.key(0), (3, *shape))
    z = jax.random.normal(jax.random.key(1), (3, 5))
    for build, inputs in (
        (lambda **kw: ENCODERS[name]((16,), 10, **kw), x),
        (lambda **kw: DECODERS[name]((16,), shape, 2, **kw), z),
    ):
        full, low = build(), build(dtype=jnp.bfloat16)
        variables = jax.jit(low.init)(jax.random.key(2), inputs)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
        a, b = low.apply(variables, inputs), full.apply(variables, inputs)
        assert a.dtype == jnp.float32
        error = jnp.linalg.norm((a - b).ravel()) / jnp.linalg.norm(b.ravel())
        assert 0 < error < 0.03


@pytest.mark.parametrize("name", NAMES)
def test_output_bias_is_the_first_parameter_of_the_first_image(name):
    shape = (6, 5, 3)
    bias = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    decoder = DECODERS[name]((4, 4), shape, 2, output_bias=bias)
    z = jnp.zeros((1, 5))  # with all other biases 0 and activation(0) = 0, only this bias is left
    y = jax.jit(decoder.init_with_output)(jax.random.key(0), z)[0][0]
    expected = bias if name == "mlp" else np.broadcast_to(bias.mean((0, 1)), shape)
    np.testing.assert_allclose(y[..., 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(y[..., 1], 0.0)


def test_output_bias_of_another_shape_is_refused():
    decoder = DECODERS["mlp"]((4,), (6, 5, 3), 1, output_bias=np.zeros((5, 6, 3)))
    with pytest.raises(ValueError, match="output bias"):
        jax.jit(decoder.init)(jax.random.key(0), jnp.zeros((1, 5)))


@pytest.mark.parametrize("name", NAMES)
def test_initialisation_keeps_the_scale_and_starts_the_heads_small(name):
    shape = (16, 16, 3)
    x = jax.random.normal(jax.random.key(0), (32, *shape))
    z = jax.random.normal(jax.random.key(1), (32, 16))
    for module, inputs in (
        (ENCODERS[name]((64, 64), 20), x),
        (DECODERS[name]((64, 64), shape, 1), z),
    ):
        y, variables = jax.jit(module.init_with_output)(jax.random.key(2), inputs)
        again = jax.jit(module.init)(jax.random.key(2), inputs)
        jax.tree.map(np.testing.assert_array_equal, variables, again)
        # Unit inputs give unit features; the head's variance is 0.01 of them.
        assert 0.05 < float(jnp.std(y)) < 0.2


def test_activations_are_functions_of_one_array():
    x = jnp.array([-1.0, 2.0])
    for name, activation in ACTIVATIONS.items():
        y = activation(x)
        assert y.shape == x.shape and float(y[1]) > float(y[0]), name
    assert float(ACTIVATIONS["leaky_relu"](x)[0]) == pytest.approx(-0.01)
