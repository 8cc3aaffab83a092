"""Functions of arrays are what they are in ONNX Runtime, for any number of examples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exporting import closest, computed

from vae.errors import InputError
from vae.export.functions import Function, Input
from vae.export.onnx_file import model_of
from vae.networks.maps import down, up

RNG = np.random.default_rng(0)


def test_arithmetic_is_that_of_numpy():
    x = np.array([[-2.5, -1e-8, 0.0], [1e-8, 0.5, 3.5]], np.float32)
    made = computed(
        lambda _, x: (
            jnp.log1p(jnp.abs(x)),
            jnp.expm1(x),
            jnp.round(x),
            jax.lax.rsqrt(jnp.abs(x) + 1),
            jnp.clip(x, -1, 1),
            jnp.where(x > 0, x**3, jax.nn.sigmoid(x)),
            jnp.isfinite(x / x),
            (x != 0).any(1),
            jnp.argmax(x, 1),
            x.max(1) + 2 * x.min(1),
            jnp.cumsum(x, 1),
            jax.scipy.special.erf(x),
        ),
        x,
    )
    y = x.astype(np.float64)
    wanted = [
        np.log1p(np.abs(y)),
        np.expm1(y),
        np.round(y),
        1 / np.sqrt(np.abs(y) + 1),
        np.clip(y, -1, 1),
        np.where(y > 0, y**3, 1 / (1 + np.exp(-y))),
        y != 0,
        (y != 0).any(1),
        y.argmax(1),
        y.max(1) + 2 * y.min(1),
        y.cumsum(1),
    ]
    for a, b in zip(made, wanted, strict=False):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-12)
    np.testing.assert_allclose(made[-1][1, 1], 0.5204998778, rtol=1e-6)


def test_shapes_are_those_of_numpy():
    x = RNG.normal(size=(3, 4, 6)).astype(np.float32)
    table = RNG.normal(size=(5, 2)).astype(np.float32)
    numbers = np.array([[4, 0], [-1, 7], [2, 2]], np.int32)
    made = computed(
        lambda _, x, n: (
            x[:, ::-1, 1:6:2],
            jnp.concatenate([x, x[:, :1]], 1),
            jnp.stack([x[:, 0], x[:, 1]], axis=1),
            jnp.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=7),
            jax.lax.pad(x, 0.0, ((0, 0, 0), (1, -1, 2), (0, 0, 0))),
            jnp.tile(x, (1, 2, 1)),
            jnp.einsum("bij,bkj->bik", x, x),
            x.reshape(x.shape[0] * 4, 6).sum(1, keepdims=True).reshape(x.shape[0], 4),
            jnp.zeros((x.shape[0], 3)).at[:, np.array([2, 0])].set(x[:, 0, :2]),
            jnp.take(table, n, axis=0, mode="fill", fill_value=0),
            jnp.broadcast_to(jnp.arange(3), (x.shape[0], 3)),
        ),
        x,
        numbers,
    )
    spaced = np.zeros((3, 11, 6), np.float32)
    spaced[:, 1::3] = x
    put = np.zeros((3, 3), np.float32)
    put[:, [2, 0]] = x[:, 0, :2]
    inside = (numbers >= 0) & (numbers < 5)
    looked_up = np.where(inside[..., None], table[np.where(inside, numbers, 0)], 0)
    looked_up[1, 0] = table[-1]  # numpy's -1, as `take` has it
    wanted = [
        x[:, ::-1, 1:6:2],
        np.concatenate([x, x[:, :1]], 1),
        x[:, :2],
        np.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=7),
        spaced[:, :-1],
        np.tile(x, (1, 2, 1)),
        np.einsum("bij,bkj->bik", x, x),
        x.sum(2),
        put,
        looked_up,
        np.tile(np.arange(3), (3, 1)),
    ]
    for a, b in zip(made, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("places", "stride"), [((5,), 2), ((5, 6), 2), ((7, 4), 1), ((7, 8), 3)])
def test_a_transposed_convolution_is_the_transpose_of_the_convolution(places, stride):
    """<D x, y> = <x, U y> for any x and y, in the numbers that ONNX Runtime gives."""
    kernel = RNG.normal(size=(*(4,) * len(places), 3, 2)).astype(np.float32)
    grid = tuple(-(-n // stride) for n in places)
    x = RNG.normal(size=(2, *places, 3)).astype(np.float32)
    y = RNG.normal(size=(2, *grid, 2)).astype(np.float32)
    (below,) = computed(lambda _, x: (down(x, kernel, stride),), x)
    (above,) = computed(lambda _, y: (up(y, kernel, stride, places),), y)
    assert below.shape == y.shape
    assert above.shape == x.shape
    np.testing.assert_allclose((below * y).sum(), (x * above).sum(), rtol=1e-4)


def test_a_loop_is_a_loop():
    """A linear recurrence backwards in time has a closed form."""
    x = RNG.normal(size=(2, 5, 3)).astype(np.float32)

    def run(_, x):
        def step(h, each):
            h = 0.5 * h + each
            return h, h

        start = jnp.zeros_like(x[:, 0])
        last, states = jax.lax.scan(step, start, jnp.moveaxis(x, 1, 0), reverse=True)
        return last, jnp.moveaxis(states, 0, 1)

    last, states = computed(run, x)
    weights = 0.5 ** np.arange(5)
    assert closest(last, np.einsum("t,btd->bd", weights, x)) < 1e-6
    assert closest(states[:, 3], x[:, 3] + 0.5 * x[:, 4]) < 1e-6


def test_a_loop_ends_when_the_values_say():
    """x is halved until all are at most 1: each as often as its logarithm is rounded up."""
    x = np.array([3.0, 20.0, 0.5], np.float32)

    def run(_, x):
        def step(carry):
            index, x, seen = carry
            seen = jax.lax.dynamic_update_slice_in_dim(seen, x[:, None], index, 1)
            return index + 1, jnp.where(x > 1, x / 2, x), seen

        start = jnp.int32(0), x, jnp.zeros((x.shape[0], 8))
        index, last, seen = jax.lax.while_loop(lambda carry: (carry[1] > 1).any(), step, start)
        return last, seen, jnp.broadcast_to(index, x.shape)

    last, seen, steps = computed(run, x)
    halved = np.maximum(np.ceil(np.log2(x)), 0)
    assert np.array_equal(last, x / 2**halved)
    assert np.array_equal(steps, [5, 5, 5])
    assert np.array_equal(seen[:, :5], x[:, None] / 2 ** np.minimum(np.arange(5), halved[:, None]))
    assert not seen[:, 5:].any()


def test_what_has_no_form_in_onnx_is_named():
    function = Function(
        "encoder", lambda _, x: (jnp.sort(x),), {}, (Input("x", (3,), np.float32),), ("mean",)
    )
    with pytest.raises(InputError, match="the encoder cannot be written as ONNX: it needs the op"):
        model_of(function, {})


def test_a_layer_that_counts_the_examples_is_named():
    function = Function(
        "encoder",
        lambda _, x: (x.reshape(len(x), -1),),
        {},
        (Input("x", (3,), np.float32),),
        ("mean",),
    )
    with pytest.raises(InputError, match=r"write x.shape\[0\]"):
        model_of(function, {})
