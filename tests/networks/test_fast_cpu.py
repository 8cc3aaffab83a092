"""The fast forms of convolutions, over one, two and three places, against XLA's and differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, PartitionSpec

from vae.networks import fast_cpu, maps

SIZES = [(8, 8), (7, 7), (5, 8), (1, 3), (2, 1), (9,), (5, 2, 4)]


def normal(seed, *shape, dtype=jnp.float32):
    return jax.random.normal(jax.random.key(seed), shape, dtype)


def close(a, b, tolerance=1e-5):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * 10), a, b
    )


def with_pullback(function):
    """One program: function(x, kernel), and what it pulls a cotangent back to."""

    def both(x, kernel, cotangent):
        y, pullback = jax.vjp(function, x, kernel)
        return y, pullback(cotangent)

    return jax.jit(both)


def reference_transposed(y, kernel, stride, places):
    x = jnp.zeros((y.shape[0], *places, kernel.shape[-2]), y.dtype)
    return jax.vjp(lambda x: maps.down(x, kernel, stride), x)[1](y)[0]


@pytest.mark.parametrize("size", SIZES)
def test_any_size_equals_the_plain_convolution_with_gradients(size):
    x, kernel = normal(0, 2, *size, 3), normal(1, *(4,) * len(size), 3, 5)
    g = normal(2, 2, *maps.strided_places(size, 2), 5)
    close(
        with_pullback(lambda x, k: fast_cpu.strided(x, k, 2))(x, kernel, g),
        with_pullback(lambda x, k: maps.down(x, k, 2))(x, kernel, g),
    )
    close(
        with_pullback(lambda y, k: fast_cpu.transposed(y, k, 2, size))(g, kernel, x),
        with_pullback(lambda y, k: reference_transposed(y, k, 2, size))(g, kernel, x),
    )


@pytest.mark.parametrize(
    "kernel_size, stride, size",
    [
        ((4, 4), 2, (7, 8)),
        ((3, 5), 2, (3, 6)),
        ((1, 2), 2, (7, 8)),
        ((5, 4), 3, (7, 8)),
    ],
)
@pytest.mark.parametrize("path", ["apart", "together", "overlapped"])
def test_phases_equal_the_dilated_form(kernel_size, stride, size, path, monkeypatch):
    few, more, number = {
        "apart": (0, 0.0, stride**2),
        "together": (0, 9.0, 1),
        "overlapped": (4, 0.0, 0),
    }[path]
    monkeypatch.setattr(fast_cpu, "FEW", few)
    monkeypatch.setattr(fast_cpu, "MORE", more)
    y = normal(0, 2, *maps.strided_places(size, stride), 5)
    kernel = normal(1, *kernel_size, 3, 5)
    x = jax.jit(maps.up, static_argnums=(2, 3))(y, kernel, stride, size)
    up = jax.jit(lambda y, kernel: fast_cpu.up_phases(y, kernel, stride, size))
    assert up.lower(y, kernel).as_text().count("convolution(") == number
    close(up(y, kernel), x)
    forms = (fast_cpu.down_phases, maps.down)
    close(*(jax.jit(form, static_argnums=2)(x, kernel, stride) for form in forms))


@pytest.mark.parametrize(
    "taps, stride, size",
    [((4, 3, 2), 2, (3, 4, 5)), ((1, 2, 3), 2, (4, 3, 3)), ((5, 3, 3), 3, (2, 5, 1))],
)
def test_sums_over_planes_equal_convolutions_of_solids(taps, stride, size):
    x, kernel = normal(0, 2, *size, 3), normal(1, *taps, 3, 5)
    y = normal(2, 2, *maps.strided_places(size, stride), 5)
    for planes, whole, inputs in (
        (fast_cpu.down_planes, maps.down, (x, kernel, stride)),
        (fast_cpu.up_planes, maps.up, (y, kernel, stride, size)),
        (fast_cpu.weight_gradient_planes, maps.weight_gradient, (x, y, stride, taps)),
    ):
        static = range(2, len(inputs))
        close(*(jax.jit(form, static_argnums=static)(*inputs) for form in (planes, whole)))


def test_a_cpu_runs_the_phases_and_other_platforms_the_dilated_form():
    def lowered(platform):
        up = jax.jit(lambda y, k: fast_cpu.up(y, k, 2, (8, 8)))
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

    close(slopes_and_theirs(fast_cpu.biased), slopes_and_theirs(jnp.add))


def test_finite_differences():
    x, kernel, y = normal(0, 1, 5, 4, 2), normal(1, 4, 4, 2, 3), normal(2, 1, 3, 2, 3)

    @jax.jit
    def loss(x, kernel, y):
        down = fast_cpu.strided(x, kernel, 2)
        up = fast_cpu.transposed(y, kernel, 2, (5, 4))
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
            down = fast_cpu.strided(x, kernel, 2)
            return jnp.sum(down**2) + jnp.sum(fast_cpu.transposed(y, kernel, 2, (5, 4)) ** 2)

        return jax.grad(loss, argnums=(0, 1, 2))(x, kernel, y)

    loop = [gradients(*args) for args in zip(x, kernel, y, strict=True)]
    close(jax.jit(jax.vmap(gradients))(x, kernel, y), jax.tree.map(lambda *a: jnp.stack(a), *loop))


def test_shard_map_gives_the_gradients_of_the_same_body():
    x, y = normal(0, 2, 5, 4, 2), normal(2, 2, 3, 2, 3)
    kernel = normal(1, 4, 4, 2, 3)

    def gradients(x, kernel, y):
        def loss(x, kernel, y):
            down = fast_cpu.strided(x, kernel, 2)
            return jnp.sum(down**2) + jnp.sum(fast_cpu.transposed(y, kernel, 2, (5, 4)) ** 2)

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
        return fast_cpu.transposed(fast_cpu.strided(x, kernel, 2), kernel, 2, (5, 4))

    cotangents = normal(2, *x.shape)
    values, pulled = with_pullback(both)(*low, cotangents.astype(jnp.bfloat16))
    expected, expected_pulled = with_pullback(both)(x, kernel, cotangents)
    for a, b in zip((values, *pulled), (expected, *expected_pulled), strict=True):
        assert a.dtype == jnp.bfloat16
        error = jnp.linalg.norm((a.astype(jnp.float32) - b).ravel()) / jnp.linalg.norm(b.ravel())
        assert error < 0.02


@pytest.mark.parametrize("size", [(7, 7), (5, 8), (9,)])
def test_the_gradients_of_gradients_are_xlas(size):
    """As a penalty on slopes asks for them, of all three maps."""
    x, kernel = normal(0, 2, *size, 3), normal(1, *(4,) * len(size), 3, 5)
    out = maps.strided_places(size, 2)
    y, weights = normal(2, 2, *out, 5), normal(3, 2, *out, 5)

    def penalty(conv, conv_transposed):
        def loss(x, kernel, y):
            down = jnp.vdot(jnp.tanh(conv(x, kernel)), weights)
            return down + jnp.vdot(jnp.tanh(conv_transposed(y, kernel)), x)

        def slopes(*inputs):
            return sum(jnp.vdot(g, jnp.sin(g)) for g in jax.grad(loss, (0, 1, 2))(*inputs))

        return jax.jit(jax.grad(slopes, argnums=(0, 1, 2)))(x, kernel, y)

    ours = penalty(
        lambda x, kernel: fast_cpu.strided(x, kernel, 2),
        lambda y, kernel: fast_cpu.transposed(y, kernel, 2, size),
    )
    theirs = penalty(
        lambda x, kernel: maps.down(x, kernel, 2),
        lambda y, kernel: reference_transposed(y, kernel, 2, size),
    )
    close(ours, theirs, 1e-4)
