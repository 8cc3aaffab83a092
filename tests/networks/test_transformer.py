import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks.transformer import Transformer


@pytest.fixture(scope="module")
def network():
    network = Transformer(vocabulary=3, length=5, width=8, layers=2)
    codes = jnp.zeros((2, 1), jnp.int32)
    params = jax.jit(network.init)(jax.random.key(0), codes, network.memory(2), 0)["params"]
    leaves, tree = jax.tree.flatten(params)  # the head is 0 at first
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [leaf + jax.random.normal(k, leaf.shape) for leaf, k in zip(leaves, keys, strict=True)]
    apply = functools.partial(jax.jit(network.apply), {"params": jax.tree.unflatten(tree, leaves)})
    return apply, network.memory(2)


def test_a_place_does_not_see_those_after_it(network):
    apply, memory = network
    codes = jnp.array([[3, 0, 1, 2, 0], [3, 0, 1, 1, 2]])
    logits, _ = apply(codes, memory, 0)
    assert logits.shape == (2, 5, 3)
    np.testing.assert_allclose(logits[0, :3], logits[1, :3], atol=1e-5)
    assert np.abs(logits[0, 3:] - logits[1, 3:]).max(-1).min() > 1e-3


def test_one_code_after_the_other_gives_what_the_whole_sequence_gives(network):
    apply, memory = network
    codes = jax.random.randint(jax.random.key(2), (2, 5), 0, 3)
    whole, filled = apply(codes, memory, 0)
    grown = memory
    for place in range(5):
        logits, grown = apply(codes[:, place : place + 1], grown, place)
        np.testing.assert_allclose(logits[:, 0], whole[:, place], atol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), grown, filled)
