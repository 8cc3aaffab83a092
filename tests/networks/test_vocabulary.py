"""Tables of thousands of words: what is gathered and answered, and the slopes of both."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks import vocabulary
from vae.networks.vocabulary import Embedding, look_up, scores

ROWS = vocabulary.FEW + 1


@pytest.mark.parametrize("rows", [7, ROWS])
def test_rows_and_their_slopes_are_those_of_a_product(rows):
    table = jax.random.normal(jax.random.key(0), (rows, 3))
    numbers = jnp.array([[2, 0, rows - 1], [2, -1, rows]])  # some twice, some are none
    weights = jax.random.normal(jax.random.key(1), (2, 3, 3))

    def loss(read, table):
        found = read(table, numbers)
        return (weights * found).sum(), found

    def product(table, numbers):
        return jnp.einsum("...v,vf->...f", jax.nn.one_hot(numbers, rows), table)

    def slope(read):
        return jax.jit(jax.grad(lambda table: loss(read, table), has_aux=True))(table)

    ours, found = slope(look_up)
    theirs, expected = slope(product)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found[1, 1:], 0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)


def test_an_accelerator_gets_a_product_whose_slope_is_a_product():
    table, numbers = jnp.ones((ROWS, 4)), jnp.zeros(3, jnp.int32)
    slope = jax.jit(jax.grad(lambda table: (look_up(table, numbers) ** 2).sum()))

    def scatters(platform):
        module = jax.export.export(slope, platforms=(platform,))(table).mlir_module()
        return "stablehlo.scatter" in module

    assert scatters("cpu")
    assert not scatters("cuda") and not scatters("tpu")


@pytest.mark.parametrize(("dtype", "near"), [(jnp.float32, 1e-5), (jnp.bfloat16, 0.02)])
def test_logits_and_their_slopes_are_those_of_the_product(dtype, near):
    h, table = (jax.random.normal(jax.random.key(n), (rows, 8)) for n, rows in enumerate((5, 11)))
    weights = jax.random.normal(jax.random.key(2), (5, 11))
    answer = jax.value_and_grad(lambda h, w, f: (weights * f(h, w)).sum(), (0, 1))
    ours = answer(h, table, lambda h, w: scores(h, w, dtype))
    theirs = answer(h, table, lambda h, w: jnp.einsum("nf,vf->nv", h, w, precision="highest"))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert a.dtype == jnp.float32
        assert np.abs(a - b).max() < near * np.abs(b).max()


def test_a_tied_table_reads_at_the_scale_of_another_and_answers_modestly():
    h = jax.random.normal(jax.random.key(1), (3, 256))
    for tied in (False, True):
        table = Embedding(500, 256, tied)
        vectors, variables = table.init_with_output(jax.random.key(0), jnp.arange(500))
        assert abs(float(vectors.std()) - 0.5) < 0.01
    logits = table.apply(variables, h, jnp.zeros(500), method="logits")
    np.testing.assert_allclose(logits, 16 * h @ vectors.T / 256, rtol=1e-3, atol=1e-3)
    assert abs(float(logits.std()) - 0.5) < 0.05
