"""Dilated convolutions over all values at once, and over one after the other by rings."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks.wavenet import WaveNet
from vae.probability.event import BYTES, Event, Values

SETTINGS = {"widths": (4, 4, 4), "blocks": 2}  # dilations 1, 2, 4, 1, 2, 4: 14 values back
Z, CODE = jnp.array([[0.3, -1.0], [2.0, 0.5]]), jnp.array([[1.0], [0.0]])


def make(event, outputs=4):
    """A network with weights far from 0, and its outputs of all values [N, L, O]."""
    network = WaveNet(event=event, outputs=outputs * event.channels, **SETTINGS)
    x = network.from_numbers(jnp.zeros((1, *event.shape), jnp.int32))
    params = jax.jit(network.init)(jax.random.key(0), Z[:1], CODE[:1], x=x)["params"]
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [a + 0.3 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    params = {"params": jax.tree.unflatten(tree, leaves)}

    def read(before, memory, start):
        return network.apply(params, before, memory, start, method="read")

    return network, jax.jit(read), network.apply(params, Z, CODE, method="begin")


@pytest.mark.parametrize("channels", [1, 2])
def test_pieces_of_any_length_give_what_the_whole_gives(channels):
    event = Event((30, channels), Values("levels", scale=4.0, levels=5))
    _, read, memory = make(event)
    before = jax.random.randint(jax.random.key(2), (2, event.size), 0, 5).at[:, 0].set(5)
    whole, end = read(before, memory, 0)
    assert np.abs(whole - whole[:, :1]).max() > 0.1
    start, pieces = 0, []
    for length in (1, 1, 3, 1, 1, 9, 2, 1, event.size - 19):
        outputs, memory = read(before[:, start : start + length], memory, start)
        pieces.append(outputs)
        start += length
    np.testing.assert_allclose(jnp.concatenate(pieces, 1), whole, rtol=1e-5, atol=1e-5)
    for ring, same in zip(memory[1], end[1], strict=True):
        np.testing.assert_allclose(ring, same, rtol=1e-5, atol=1e-5)


def test_it_looks_back_as_far_as_its_dilations():
    event = Event((40, 1), Values("tokens", levels=3))
    _, read, memory = make(event)
    before = jnp.zeros((2, 40), jnp.int32)
    outputs, changed = (read(b, memory, 0)[0] for b in (before, before.at[:, 10].set(2)))
    different = np.flatnonzero(np.abs(outputs - changed).max((0, 2)))
    np.testing.assert_array_equal(different, np.arange(10, 10 + 14 + 1))


def test_the_memory_of_one_value_after_the_other_is_as_long_as_the_dilations():
    short, long = (make(Event((length, 1), BYTES), outputs=256)[2] for length in (8, 4000))
    shapes = [jax.tree.map(jnp.shape, memory) for memory in (short, long)]
    assert shapes[0] == shapes[1]
    assert [ring[1] for ring in shapes[0][1]] == [1, 2, 4, 1, 2, 4]


def test_channels_are_told_apart():
    _, read, memory = make(Event((3, 2), Values("levels", scale=4.0, levels=5)))
    alone = read(jnp.full((2, 1), 5), memory, 0)[0], read(jnp.full((2, 1), 5), memory, 1)[0]
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
