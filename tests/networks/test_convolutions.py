"""The strided and transposed convolutions against flax's, XLA's and finite differences."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from vae.networks import convolutions
from vae.networks.convolutions import Conv, ConvTranspose

SIZES = [(8, 8), (7, 7), (5, 8), (1, 3), (2, 1)]


def normal(seed, *shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


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


def with_pullback(function):
    """One program: function(x, kernel), and what it pulls a cotangent back to."""

    def both(x, kernel, cotangent):
        y, pullback = jax.vjp(function, x, kernel)
        return y, pullback(cotangent)

    return jax.jit(both)


def reference(x, kernel, stride=2):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def reference_transposed(y, kernel, stride, size):
    x = jnp.zeros((y.shape[0], *size, kernel.shape[2]), y.dtype)
    return jax.vjp(lambda x: reference(x, kernel, stride), x)[1](y)[0]


@pytest.mark.parametrize("kernel_size, stride", [(4, 2), (3, 1), (1, 1)])
def test_conv_equals_flax_with_gradients(kernel_size, stride):
    x, weights = normal(0, 3, 8, 6, 5), normal(1, 3, 8 // stride, 6 // stride, 7)
    ours = Conv(7, kernel_size, stride)
    theirs = nn.Conv(7, (kernel_size, kernel_size), strides=stride, padding="SAME")
    params = jax.jit(ours.init)(jax.random.key(2), x)
    gradients, y = with_gradients(ours.apply, weights)(params, x)
    expected_gradients, expected = with_gradients(theirs.apply, weights)(params, x)
    close(y, expected)
    close(gradients, expected_gradients, 1e-4)


def test_transpose_equals_flax_with_gradients():
    y, weights = normal(0, 3, 4, 3, 7), normal(1, 3, 8, 6, 5)
    ours = ConvTranspose(5)
    theirs = nn.ConvTranspose(5, (4, 4), strides=(2, 2), padding="SAME", transpose_kernel=True)
    params = jax.jit(ours.init, static_argnums=2)(jax.random.key(2), y, (8, 6))
    assert params["params"]["kernel"].shape == (4, 4, 5, 7)

    def apply(params, y):
        return ours.apply(params, y, (8, 6))

    gradients, x = with_gradients(apply, weights)(params, y)
    expected_gradients, expected = with_gradients(theirs.apply, weights)(params, y)
    close(x, expected)
    close(gradients, expected_gradients, 1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_any_size_equals_the_plain_convolution_with_gradients(size):
    x, kernel = normal(0, 2, *size, 3), normal(1, 4, 4, 3, 5)
    g = normal(2, 2, *(-(-n // 2) for n in size), 5)
    close(
        with_pullback(lambda x, k: convolutions.strided(x, k, 2))(x, kernel, g),
        with_pullback(reference)(x, kernel, g),
    )
    close(
        with_pullback(lambda y, k: convolutions.transposed(y, k, 2, size))(g, kernel, x),
        with_pullback(lambda y, k: reference_transposed(y, k, 2, size))(g, kernel, x),
    )


@pytest.mark.parametrize(
    "kernel_size, stride, size",
    [((4, 4), 2, (7, 8)), ((3, 5), 2, (3, 6)), ((1, 2), 2, (7, 8)), ((5, 4), 3, (7, 8))],
)
@pytest.mark.parametrize("path", ["apart", "together", "overlapped"])
def test_phases_equal_the_dilated_form(kernel_size, stride, size, path, monkeypatch):
    few, more, number = {
        "apart": (0, 0.0, stride**2),
        "together": (0, 9.0, 1),
        "overlapped": (4, 0.0, 0),
    }[path]
    monkeypatch.setattr(convolutions, "FEW", few)
    monkeypatch.setattr(convolutions, "MORE", more)
    y = normal(0, 2, -(-size[0] // stride), -(-size[1] // stride), 5)
    kernel = normal(1, *kernel_size, 3, 5)
    x = jax.jit(convolutions.up_dilated, static_argnums=(2, 3))(y, kernel, stride, size)
    up = jax.jit(lambda y, kernel: convolutions.up_phases(y, kernel, stride, size))
    assert up.lower(y, kernel).as_text().count("convolution(") == number
    close(up(y, kernel), x)
    forms = (convolutions.down_phases, convolutions.down_strided)
    close(*(jax.jit(form, static_argnums=2)(x, kernel, stride) for form in forms))


def test_a_cpu_runs_the_phases_and_other_platforms_the_dilated_form():
    def lowered(platform):
        up = jax.jit(lambda y, k: convolutions.up(y, k, 2, (8, 8)))
        args = (jnp.zeros((1, 4, 4, 2)), jnp.zeros((4, 4, 3, 2)))
        return up.trace(*args).lower(lowering_platforms=(platform,)).as_text()

    dilated = "lhs_dilate = [2, 2]"
    assert dilated in lowered("tpu") and dilated in lowered("cuda")
    assert dilated not in lowered("cpu")


def test_the_gradient_of_a_bias_is_that_of_a_sum():
    x, bias, weights = normal(0, 2, 5, 4, 3), normal(1, 3), normal(2, 2, 5, 4, 3)

    def slopes_and_theirs(add):
        def loss(x, bias):
            return jnp.vdot(jnp.tanh(add(x, bias)), weights)

        def penalty(x, bias):
            return sum(jnp.vdot(g, g) for g in jax.grad(loss, (0, 1))(x, bias))

        return jax.jit(lambda *a: [jax.grad(f, (0, 1))(*a) for f in (loss, penalty)])(x, bias)

    close(slopes_and_theirs(convolutions.biased), slopes_and_theirs(jnp.add))


def test_finite_differences():
    x, kernel, y = normal(0, 1, 5, 4, 2), normal(1, 4, 4, 2, 3), normal(2, 1, 3, 2, 3)

    @jax.jit
    def loss(x, kernel, y):
        down = convolutions.strided(x, kernel, 2)
        up = convolutions.transposed(y, kernel, 2, (5, 4))
        return jnp.sum(jnp.sin(down)) + jnp.sum(jnp.sin(up))

    with jax.enable_x64(True):
        args = [jnp.asarray(np.asarray(a), jnp.float64) for a in (x, kernel, y)]
        gradients = jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(*args)
        for i, gradient in enumerate(gradients):
            direction = jnp.asarray(np.random.default_rng(i).normal(size=args[i].shape))
            ends = [
                loss(*args[:i], args[i] + sign * 1e-5 * direction, *args[i + 1 :])
                for sign in (1, -1)
            ]
            expected = float(ends[0] - ends[1]) / 2e-5
            assert float(jnp.sum(gradient * direction)) == pytest.approx(expected, rel=1e-7)


def test_vmap_over_kernels_and_images_equals_a_loop():
    x, kernel, y = normal(0, 3, 2, 5, 4, 2), normal(1, 3, 4, 4, 2, 3), normal(2, 3, 2, 3, 2, 3)

    @jax.jit
    def gradients(x, kernel, y):
        def loss(x, kernel, y):
            down = convolutions.strided(x, kernel, 2)
            return jnp.sum(down**2) + jnp.sum(convolutions.transposed(y, kernel, 2, (5, 4)) ** 2)

        return jax.grad(loss, argnums=(0, 1, 2))(x, kernel, y)

    loop = [gradients(*args) for args in zip(x, kernel, y, strict=True)]
    close(jax.jit(jax.vmap(gradients))(x, kernel, y), jax.tree.map(lambda *a: jnp.stack(a), *loop))


def test_shard_map_gives_the_gradients_of_the_same_body():
    x, y = normal(0, 2, 5, 4, 2), normal(2, 2, 3, 2, 3)
    kernel = normal(1, 4, 4, 2, 3)

    def gradients(x, kernel, y):
        def loss(x, kernel, y):
            down = convolutions.strided(x, kernel, 2)
            return jnp.sum(down**2) + jnp.sum(convolutions.transposed(y, kernel, 2, (5, 4)) ** 2)

        return jax.grad(loss, argnums=(0, 1, 2))(x, kernel, y)

    data, whole = PartitionSpec("data"), PartitionSpec()
    mapped = jax.shard_map(
        gradients,
        mesh=Mesh(np.array(jax.devices()[:1]), ("data",)),
        in_specs=(data, whole, data),
        out_specs=(data, whole, data),
        check_vma=False,
    )
    close(jax.jit(mapped)(x, kernel, y), jax.jit(gradients)(x, kernel, y))


def test_bfloat16_is_close_and_stays_bfloat16():
    x, kernel = normal(0, 2, 5, 4, 8), normal(1, 4, 4, 8, 3)
    low = (x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))

    def both(x, kernel):
        return convolutions.transposed(convolutions.strided(x, kernel, 2), kernel, 2, (5, 4))

    cotangents = normal(2, *x.shape)
    values, pulled = with_pullback(both)(*low, cotangents.astype(jnp.bfloat16))
    expected, expected_pulled = with_pullback(both)(x, kernel, cotangents)
    for a, b in zip((values, *pulled), (expected, *expected_pulled), strict=True):
        assert a.dtype == jnp.bfloat16
        error = jnp.linalg.norm((a.astype(jnp.float32) - b).ravel()) / jnp.linalg.norm(b.ravel())
        assert error < 0.02


def test_a_wrong_grid_is_refused():
    with pytest.raises(ValueError, match="stride-2 grid"):
        convolutions.up(jnp.zeros((1, 4, 4, 2)), jnp.zeros((4, 4, 3, 2)), 2, (9, 8))


@pytest.mark.parametrize("size", SIZES[1:3])
def test_the_gradients_of_gradients_are_xlas(size):
    """As a penalty on slopes asks for them, of all three maps."""
    x, kernel = normal(0, 2, *size, 3), normal(1, 4, 4, 3, 5)
    out = tuple(-(-n // 2) for n in size)
    y, weights = normal(2, 2, *out, 5), normal(3, 2, *out, 5)

    def penalty(conv, conv_transposed):
        def loss(x, kernel, y):
            down = jnp.vdot(jnp.tanh(conv(x, kernel)), weights)
            return down + jnp.vdot(jnp.tanh(conv_transposed(y, kernel)), x)

        def slopes(*inputs):
            return sum(jnp.vdot(g, jnp.sin(g)) for g in jax.grad(loss, (0, 1, 2))(*inputs))

        return jax.jit(jax.grad(slopes, argnums=(0, 1, 2)))(x, kernel, y)

    ours = penalty(
        lambda x, kernel: convolutions.strided(x, kernel, 2),
        lambda y, kernel: convolutions.transposed(y, kernel, 2, size),
    )
    close(ours, penalty(reference, lambda y, k: reference_transposed(y, k, 2, size)), 1e-4)
