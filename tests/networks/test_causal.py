"""What a causal decoder tells each value, of all at once and of one after the other."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks import causal
from vae.networks.in_order import MISSING
from vae.networks.wavenet import WaveNet
from vae.probability.event import Event, Values

KINDS = {
    "transformer": causal.Transformer,
    "lstm": functools.partial(causal.Recurrent, cell="lstm"),
    "gru": functools.partial(causal.Recurrent, cell="gru"),
    "wavenet": functools.partial(WaveNet, blocks=2),
    "lstm, z as state": functools.partial(
        causal.Recurrent, latent_input="state", tied_embeddings=True
    ),
    "transformer, z as prefix": functools.partial(
        causal.Transformer, latent_input="prefix", tied_embeddings=True
    ),
    "gru, z as prefix": functools.partial(causal.Recurrent, cell="gru", latent_input="prefix"),
    "lstm, z at steps": functools.partial(causal.Recurrent, latent_input="steps"),
}
Z, CODE = np.float32([[0.3, -1.0]]), np.float32([[1.0]])
TOKENS = Event((3, 1), Values("tokens", levels=4))
COLOUR = Event((2, 1, 2), Values("levels", scale=2.0, levels=3))
CASES = [(kind, event) for kind in KINDS for event in (TOKENS, COLOUR)][:12] + [
    (kind, TOKENS) for kind in list(KINDS)[6:]
]


@functools.cache
def make(kind, event):
    """A network with weights far from 0, so that every value depends on those before it and z."""
    network = KINDS[kind](widths=(8, 8), event=event, outputs=event.values.levels * event.channels)
    x = network.from_numbers(np.zeros((1, *event.shape), np.int32))

    @jax.jit
    def weights():
        params = network.init(jax.random.key(0), Z, CODE, x=x)["params"]
        leaves, tree = jax.tree.flatten(params)
        keys = jax.random.split(jax.random.key(1), len(leaves))
        leaves = [
            a + 0.7 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)
        ]
        params = jax.tree.unflatten(tree, leaves)
        params["values"]["kernel"] *= 4  # above all on the values
        return params

    params = weights()

    @jax.jit
    def outputs(z, code, x):
        z = jnp.broadcast_to(z, (*z.shape[:-2], len(x), z.shape[-1]))
        return network.apply({"params": params}, z, code, x=x)

    return network, params, outputs


def value_logits(outputs, event):
    """[..., *places, V C] to [..., L, V]."""
    outputs = np.asarray(outputs)
    leading = outputs.shape[: outputs.ndim - len(event.shape)]
    outputs = outputs.reshape(*leading, -1, event.values.levels, event.channels)
    return np.moveaxis(outputs, -1, -2).reshape(*leading, event.size, -1)


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_one_value_after_the_other_gives_what_the_whole_example_gives(kind, event):
    network, params, outputs = make(kind, event)
    rng = np.random.default_rng(3)
    codes = rng.integers(0, event.values.levels, (2, *event.shape)).astype(np.int32)
    z = rng.normal(size=(3, 2, 2)).astype(np.float32)  # [K, B, D]
    whole = outputs(z, CODE, network.from_numbers(codes))
    assert whole.shape == (3, 2, *event.places, event.values.levels * event.channels)
    begin, read = (
        jax.jit(lambda *inputs, m=method: network.apply({"params": params}, *inputs, method=m))
        for method in ("begin", "read")
    )
    memory = begin(z.reshape(6, 2), np.tile(CODE, (6, 1)))
    before = np.pad(codes.reshape(2, -1), ((0, 0), (1, 0)), constant_values=event.values.levels)
    stepwise = []
    for place in range(event.size):
        each, memory = read(before[:, place : place + 1], memory, place)
        stepwise.append(each)
    stepwise = np.concatenate(stepwise, axis=1).reshape(3, 2, event.size, -1)
    np.testing.assert_allclose(stepwise, value_logits(whole, event), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_a_value_is_not_told_itself_nor_those_after_it(kind, event):
    network, _, outputs = make(kind, event)

    def given(*changed):
        codes = np.zeros((1, event.size), np.int32)
        codes[:, changed] = 1
        x = network.from_numbers(codes.reshape(1, *event.shape))
        return value_logits(outputs(Z, CODE, x), event)

    for place in range(event.size):
        difference = np.abs(given(place) - given()).max(-1)[0]
        assert (difference[: place + 1] == 0).all()
        assert (difference[place + 1 :] > 1e-3).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_told_z_and_the_code(kind):
    _, _, outputs = make(kind, TOKENS)
    x = np.zeros((1, 3, 1), np.int32)
    alone = value_logits(outputs(Z, CODE, x), TOKENS)
    for z, code in ((Z + 0.1, CODE), (Z, CODE + 0.1)):
        changed = value_logits(outputs(z, code, x), TOKENS)
        assert (np.abs(changed - alone).max(-1) > 1e-3).all()


def test_the_first_outputs_are_those_of_the_mean():
    bias = np.arange(16, dtype=np.float32).reshape(2, 2, 4)  # O = 2 of two channels
    event = Event((2, 2, 2), Values("levels", scale=4.0, levels=5))
    network = causal.Transformer(widths=(8,), event=event, outputs=4, output_bias=bias)
    x = jnp.zeros((1, 2, 2, 2))
    first, variables = jax.jit(network.init_with_output)(jax.random.key(0), Z, x=x)
    np.testing.assert_allclose(variables["params"]["head"]["bias"], [6.5, 8.5])
    np.testing.assert_allclose(first[0], np.broadcast_to([6.5, 6.5, 8.5, 8.5], (2, 2, 4)), atol=1)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_near(kind):
    network, params, outputs = make(kind, TOKENS)
    x = jax.random.randint(jax.random.key(4), (5, 3, 1), 0, 4)
    half = network.clone(dtype=jnp.bfloat16)
    z = np.broadcast_to(Z, (len(x), 2))
    half = jax.jit(lambda: half.apply({"params": params}, z, CODE, x=x))()
    assert half.dtype == jnp.float32
    assert 0 < np.abs(np.asarray(half) - outputs(Z, CODE, x)).max() < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_places_give_what_they_give_among_all(kind):
    network, params, outputs = make(kind, TOKENS)
    x, z = np.int32([[[2], [0], [1]]]), np.broadcast_to(Z, (2, 1, 2))
    fewer = jax.jit(lambda x: network.apply({"params": params}, z, CODE, x=x))(x[:, :2])
    assert fewer.shape == (2, 1, 2, 4)
    whole = np.asarray(outputs(z, CODE, x))
    np.testing.assert_allclose(fewer, whole[:, :, :2], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "lstm, z as state"])
def test_what_is_dropped_belongs_to_an_example_and_is_for_training(kind):
    network, params, outputs = make(kind, TOKENS)
    noisy = network.clone(dropout=0.5, word_dropout=0.3)
    assert noisy.random and not network.random
    x = np.random.default_rng(4).integers(0, 4, (6, 3, 1)).astype(np.int32)
    z = np.broadcast_to(Z, (2, 6, 2))  # two samples of six examples
    keys = jax.random.split(jax.random.key(5), 6)
    drop = jax.jit(lambda x, z, keys: noisy.apply({"params": params}, z, CODE, x=x, keys=keys))
    dropped, plain = drop(x, z, keys), outputs(z, CODE, x)
    np.testing.assert_array_equal(drop(x, z, None), plain)
    dropped = np.asarray(dropped)
    assert (np.abs(dropped - plain).max((0, 2, 3)) > 1e-3).all()
    np.testing.assert_array_equal(dropped[0], dropped[1])
    half = drop(x[3:], z[:, 3:], keys[3:])
    np.testing.assert_allclose(half, dropped[:, 3:], rtol=1e-5, atol=1e-5)


def test_dropout_keeps_the_mean_and_drops_the_same_numbers_at_all_positions():
    keys = jax.random.split(jax.random.key(0), 200)
    drop = causal.Dropout(0.25, keys)
    first, second = (np.asarray(drop(jnp.ones((400, 2, 50)))) for _ in range(2))
    np.testing.assert_allclose(np.unique(first), [0, 4 / 3], rtol=1e-6)
    assert abs(first[:200].mean() - 1) < 5 * np.sqrt(1 / 3 / 10_000)
    assert (first != second).mean() > 0.3
    np.testing.assert_array_equal(first[:, 0], first[:, 1])
    np.testing.assert_array_equal(first[:200], first[200:])


def test_words_that_are_dropped_are_not_read():
    network, params, _ = make("lstm", TOKENS)
    blind = network.clone(word_dropout=1 - 1e-6)
    keys = jax.random.split(jax.random.key(5), 1)
    x = np.int32([[[2], [0], [1]]])
    read = jax.jit(lambda x, keys: blind.apply({"params": params}, Z, CODE, x=x, keys=keys))
    np.testing.assert_array_equal(read(x, keys), read((x + 1) % 4, keys))
    missing = read(np.int32([[[MISSING], [MISSING], [1]]]), None)
    np.testing.assert_allclose(read(x, keys), missing, rtol=1e-6)
    assert np.abs(np.asarray(read(x, None)) - missing).max() > 1e-2
