"""Encoders of sequences: what they see of a padded example, and of a condition beside it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks import sequence
from vae.probability.event import Event, Values

KINDS = {"lstm": sequence.Recurrent, "transformer": sequence.Transformer}
TOKENS = Event((6, 1), Values("tokens", levels=9_000))
NUMBERS = Event((6, 2), Values("real"))
EXAMPLES = {
    "tokens": (TOKENS, jnp.array([[5, 8_999, 0, 17], [1, 2, 3, 4]])[..., None], -1),
    "numbers": (NUMBERS, jax.random.normal(jax.random.key(3), (2, 4, 2)), jnp.nan),
}
CASES = [(kind, example) for kind in KINDS for example in EXAMPLES]


@functools.cache
def make(kind, example, code=0):
    """A network with weights far from 0, as a function of x [B, T, C]."""
    event, x, _ = EXAMPLES[example]
    network = KINDS[kind](widths=(8, 8), outputs=3, event=event)
    told = jnp.concatenate([x, jnp.zeros((*x.shape[:-1], code))], -1) if code else x
    params = jax.jit(network.init)(jax.random.key(0), told)["params"]
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [a + 0.7 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(tree, leaves)
    return jax.jit(lambda x: network.apply({"params": params}, x))


@pytest.mark.parametrize(("kind", "example"), CASES)
def test_padding_is_not_seen_and_all_else_is(kind, example):
    encode, (_, x, missing) = make(kind, example), EXAMPLES[example]
    alone = encode(x)
    assert alone.shape == (2, 3)
    for length in (5, 6):
        pad = jnp.full((2, length - 4, x.shape[-1]), missing, x.dtype)
        np.testing.assert_allclose(
            encode(jnp.concatenate([x, pad], 1)), alone, rtol=1e-4, atol=1e-5
        )
    for place in range(4):
        changed = encode(x.at[0, place].add(1 if place != 1 else -1))
        assert np.abs(changed - alone)[0].max() > 1e-3
        np.testing.assert_allclose(changed[1], alone[1], rtol=1e-5, atol=1e-6)
    assert np.abs(encode(x[:, ::-1]) - alone).max() > 1e-3  # the order counts


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_state_stays_where_a_value_is_missing(example):
    encode, (_, x, missing) = make("lstm", example), EXAMPLES[example]
    without = jnp.concatenate([x[:, :1], x[:, 2:]], 1)
    hole = x.at[:, 1].set(missing)
    np.testing.assert_allclose(encode(hole), encode(without), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_beside_tokens_is_read_and_leaves_large_numbers_whole(kind):
    encode, (_, x, _) = make(kind, "tokens", 2), EXAMPLES["tokens"]

    def told(x, code):
        return encode(jnp.concatenate([x, jnp.broadcast_to(code, (*x.shape[:-1], 2))], -1))

    plain = told(x, jnp.zeros(2))
    assert np.abs(told(x, jnp.array([0.0, 1.0])) - plain).max() > 1e-3
    assert np.abs(told(x.at[0, 1].add(-1), jnp.zeros(2)) - plain)[0].max() > 1e-3


def test_an_example_without_any_value_gives_numbers():
    for kind in KINDS:
        assert np.isfinite(make(kind, "tokens")(jnp.full((2, 4, 1), -1))).all()
