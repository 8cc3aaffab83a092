import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.probability.loops import fits, held_bytes, in_pieces, scan, unrolls


def dense(carry, x):
    return carry * x["a"] + 1, {"carry": carry, "none": None}


def convolving(carry, x):
    """Has its convolution inside of a branch."""
    window = jnp.ones(3)

    def convolve(carry):
        return jnp.convolve(carry, window, "same")

    carry = jax.lax.cond(x["a"] > 0, convolve, lambda carry: carry, carry)
    return carry * x["a"], {"carry": carry, "none": None}


def test_on_a_cpu_a_convolution_is_written_out_and_all_else_is_a_loop():
    xs = {"a": jnp.arange(1.0, 5.0)}
    for body, loop in ((dense, True), (convolving, False)):
        text = jax.jit(lambda xs, body=body: scan(body, jnp.ones(5), xs)).lower(xs).as_text()
        assert ("stablehlo.while" in text) == loop != unrolls(body, jnp.ones(5), {"a": 1.0})


@pytest.mark.parametrize("body", [dense, convolving])
@pytest.mark.parametrize("turns", [1, 4])
def test_it_is_the_scan_of_jax(body, turns):
    xs = {"a": jnp.arange(1.0, 1.0 + turns)}
    carry, outputs = jax.jit(lambda xs: scan(body, jnp.ones(5), xs))(xs)
    expected, expected_outputs = jax.lax.scan(body, jnp.ones(5), xs)
    np.testing.assert_allclose(carry, expected, rtol=1e-6)
    np.testing.assert_allclose(outputs["carry"], expected_outputs["carry"], rtol=1e-6)
    assert outputs["none"] is None


@pytest.mark.parametrize("body", [dense, convolving])
def test_the_body_is_traced_once_and_may_use_what_is_traced_outside(body):
    traces = []

    @jax.jit
    def twice(xs, scale):
        def counted(carry, x):
            traces.append(1)
            carry, outputs = body(carry, x)
            return scale * carry, outputs

        return scan(counted, jnp.ones(5), xs)[0]

    xs = {"a": jnp.ones(3)}
    np.testing.assert_allclose(twice(xs, 0.0), np.zeros(5))
    assert len(traces) == 1


UP, DOWN = np.linspace(-1, 1, 6000, dtype=np.float32).reshape(2, 3, 1000)
DOWN = DOWN.T


def wide(x):
    """[N, 3] to [N, 3] and [N] by way of two of [N, 1000]."""
    hidden = jnp.tanh(x @ UP)
    return {"y": hidden @ DOWN, "sum": hidden.sum(-1)}


def test_pieces_give_what_the_whole_gives_and_so_do_their_gradients():
    x = jnp.linspace(-1, 1, 21).reshape(7, 3)
    row = 4 * (2 * 1000 + 3)  # bytes that it holds: before and after tanh, and y

    def loss(x, limit):
        outputs = in_pieces(wide, x, limit=limit)
        return (outputs["y"] ** 2).sum() + outputs["sum"].sum(), outputs

    gradient = jax.jit(jax.value_and_grad(loss, has_aux=True), static_argnums=1)
    whole, pieces = gradient(x, 7 * row), gradient(x, 2 * row)  # 7 rows = 4 pieces of 2, less 1
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), whole, pieces)
    held = [held_bytes(jax.make_jaxpr(lambda x, n=n: loss(x, n * row))(x)) for n in (7, 2)]
    assert held[0] == 7 * row and held[1] < 3 * row + 2 * UP.nbytes
    assert fits(wide, x, limit=7 * row) and not fits(wide, x, limit=7 * row - 1)
