"""Encoders and decoders: shapes at any size, dtypes, initialisation."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rows import parts
from variables import random_variables

from vae.networks.strided import halvings

ENCODERS, DECODERS = parts("model.encoder"), parts("model.decoder")
ACTIVATIONS = parts("model.activation")
SHAPES = [(13,), (21, 3), (13, 10, 3), (28, 28, 1), (5, 4, 3, 2)]
# Two take z of a grid (test_grid.py, test_spatial.py), two read sequences (test_sequence.py), and
# one takes clips apart, with a grid of frames (test_per_frame.py).
NAMES = sorted(set(ENCODERS) - {"grid", "spatial", "lstm", "transformer", "per_frame"})


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name, shape)
        for name in NAMES
        for shape in SHAPES
        if len(shape) > 1 or name in ("mlp", "gated_mlp")
    ],
)
def test_shapes(name, shape):
    encoder = ENCODERS[name]((6, 4), 10, blocks=2)
    decoder = DECODERS[name]((4, 6), shape[:-1], 7, blocks=2)
    assert len(shape) - 1 in set(encoder.ranks) & set(decoder.ranks)
    key, x, z = jax.random.key(0), jnp.zeros((3, *shape)), jnp.zeros((2, 3, 5))
    h, _ = jax.eval_shape(encoder.init_with_output, key, x)
    assert h.shape == (3, 10) and h.dtype == jnp.float32
    y, variables = jax.eval_shape(decoder.init_with_output, key, z)
    assert y.shape == (2, 3, *shape[:-1], 7) and y.dtype == jnp.float32
    assert set(variables) == {"params"}


@pytest.mark.parametrize("name", NAMES)
def test_a_decoder_takes_every_z_alone_and_a_code_with_it(name):
    decoder = DECODERS[name]((4, 6), (5, 4), 7)
    z = jax.random.normal(jax.random.key(0), (2, 3, 5))
    code = jax.random.normal(jax.random.key(1), (3, 2))
    variables, decode = random_variables(decoder, z, code), jax.jit(decoder.apply)
    stacked = jnp.stack([decode(variables, z[0], code), decode(variables, z[1], code)])
    np.testing.assert_allclose(decode(variables, z, code), stacked, rtol=1e-5, atol=1e-5)
    both = jnp.concatenate([z, jnp.broadcast_to(code, (2, 3, 2))], axis=-1)
    np.testing.assert_array_equal(decode(variables, z, code), decode(variables, both))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_body_float32_parameters(name):
    shape = (9, 8, 3)
    x = jax.random.uniform(jax.random.key(0), (3, *shape))
    z = jax.random.normal(jax.random.key(1), (3, 5))
    for build, inputs in (
        (lambda **kw: ENCODERS[name]((16,), 10, **kw), x),
        (lambda **kw: DECODERS[name]((16,), shape[:-1], 2, **kw), z),
    ):
        full, low = build(), build(dtype=jnp.bfloat16)
        variables = random_variables(low, inputs)
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
        a, b = jax.jit(low.apply)(variables, inputs), jax.jit(full.apply)(variables, inputs)
        assert a.dtype == jnp.float32
        error = jnp.linalg.norm((a - b).ravel()) / jnp.linalg.norm(b.ravel())
        assert 0 < error < 0.03


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_gradient(name):
    x, z = jax.random.uniform(jax.random.key(0), (3, 6, 5, 3)), jnp.ones((3, 5))
    for module, inputs in (
        (ENCODERS[name]((16, 16), 4, jnp.tanh), x),
        (DECODERS[name]((16, 16), (6, 5), 4, jnp.tanh), z),
    ):

        def loss(variables, module=module, inputs=inputs):
            return jnp.sum(jnp.sin(module.apply(variables, inputs)))

        gradients = jax.jit(jax.grad(loss))(random_variables(module, inputs))
        for path, gradient in jax.tree.leaves_with_path(gradients):
            assert jnp.isfinite(gradient).all() and jnp.any(gradient != 0), path


@pytest.mark.parametrize("name", NAMES)
def test_the_first_image_is_the_output_bias(name):
    bias = np.random.default_rng(0).normal(size=(6, 5, 4)).astype(np.float32)
    decoder = DECODERS[name]((4,), (6, 5), 4, output_bias=bias)
    z = jnp.zeros((1, 5))  # with all other biases 0 and activation(0) = 0, only this bias is left
    y = jax.jit(decoder.init_with_output)(jax.random.key(0), z)[0][0]
    expected = bias if "mlp" in name else np.broadcast_to(bias.mean((0, 1)), bias.shape)
    np.testing.assert_allclose(y, expected, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_output_bias_of_another_shape_is_refused(name):
    decoder = DECODERS[name]((4,), (6, 5), 4, output_bias=np.zeros((5, 6, 4)))
    with pytest.raises(ValueError, match="output bias"):
        jax.eval_shape(decoder.init, jax.random.key(0), jnp.zeros((1, 5)))


@pytest.mark.parametrize("name", NAMES)
def test_initialisation_keeps_the_scale_and_starts_the_heads_small(name):
    shape = (16, 16, 3)
    x = jax.random.normal(jax.random.key(0), (32, *shape))
    z = jax.random.normal(jax.random.key(1), (32, 16))
    for module, inputs in (
        (ENCODERS[name]((64, 64), 20), x),
        (DECODERS[name]((64, 64), shape[:-1], 1), z),
    ):
        y, _ = jax.jit(module.init_with_output)(jax.random.key(2), inputs)
        # Unit inputs give unit features; the head's variance is 0.01 of them.
        assert 0.05 < float(jnp.std(y)) < 0.2


def lifted(params, shapes):
    """Parameters for grids with a further axis of length 1, whose kernels have taps along it.

    All but one of these taps meet only padding.
    """

    def lift(leaf, wanted):
        if leaf.shape == wanted.shape:
            return leaf
        return jnp.zeros(wanted.shape).at[(wanted.shape[0] - 1) // 2].set(leaf)

    return jax.tree.map(lift, params, shapes)


@pytest.mark.parametrize("places", [(11,), (5, 4)], ids=str)
@pytest.mark.parametrize("name", ["conv", "grid", "normalized_conv", "resnet"])
def test_a_further_axis_of_length_one_changes_nothing(name, places):
    places_left = math.prod(halvings(places, 2)[-1])
    x = jax.random.normal(jax.random.key(0), (2, *places, 3))
    z = jax.random.normal(jax.random.key(1), (2, 2 * places_left))
    code = jax.random.normal(jax.random.key(2), (2, 3))
    encoder = ENCODERS[name]((16, 8), 2 * places_left, blocks=2)
    decoders = [DECODERS[name]((8, 16), p, 3, blocks=2) for p in (places, (1, *places))]
    for low, high, inputs, lifted_inputs in (
        (encoder, encoder, (x,), (x[:, None],)),
        (*decoders, (z, code), (z, code)),
    ):
        variables = random_variables(low, *inputs)
        wanted = jax.eval_shape(high.init, jax.random.key(0), *lifted_inputs)
        expected = jax.jit(low.apply)(variables, *inputs)
        y = jax.jit(high.apply)(lifted(variables, wanted), *lifted_inputs)
        np.testing.assert_allclose(y.reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)


def test_activations_are_functions_of_one_array():
    x = jnp.array([-1.0, 2.0])
    for name, activation in ACTIVATIONS.items():
        y = activation(x)
        assert y.shape == x.shape and float(y[1]) > float(y[0]), name
    assert float(ACTIVATIONS["leaky_relu"](x)[0]) == pytest.approx(-0.01)
