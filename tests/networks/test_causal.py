"""Of tiny events every x can be counted: p(x | z) as it is trained, and as it is drawn."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.networks import causal
from vae.probability.distributions import example_keys

KINDS = {
    "transformer": causal.Transformer,
    "lstm": functools.partial(causal.Recurrent, cell="lstm"),
    "gru": functools.partial(causal.Recurrent, cell="gru"),
}
Z, CODE = jnp.array([[0.3, -1.0]]), jnp.array([[1.0]])
# places, channels, levels, scale: three tokens, and two pixels of two colours with three levels
TOKENS, COLOUR = ((3,), 1, 4, 1.0), ((2, 1), 2, 3, 2.0)
CASES = [(kind, event) for kind in KINDS for event in (TOKENS, COLOUR)]


@functools.cache
def make(kind, event):
    """A network with weights far from 0, so that every value depends on those before it and z."""
    places, channels, levels, scale = event
    network = KINDS[kind](
        widths=(8, 8),
        places=places,
        outputs=levels * channels,
        channels=channels,
        levels=levels,
        scale=scale,
    )
    x = jnp.zeros((1, *places, channels))
    params = jax.jit(network.init)(jax.random.key(0), Z, CODE, x=x)["params"]
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [a + 0.7 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    params = jax.tree.unflatten(tree, leaves)
    params["values"]["kernel"] *= 4  # above all on the values

    @jax.jit
    def outputs(z, code, x):
        z = jnp.broadcast_to(z, (*z.shape[:-2], len(x), z.shape[-1]))
        return network.apply({"params": params}, z, code, x=x)

    return network, params, outputs


def everything(event):
    """All x that there are, [V^L, *places, C]."""
    places, channels, levels, scale = event
    codes = itertools.product(range(levels), repeat=math.prod(places) * channels)
    return jnp.array(list(codes), jnp.float32).reshape(-1, *places, channels) / scale


def value_logits(outputs, event):
    """[..., *places, V C] to [..., L, V]."""
    places, channels, levels, _ = event
    leading = outputs.shape[: outputs.ndim - len(places) - 1]
    outputs = outputs.reshape(*leading, math.prod(places), levels, channels)
    return jnp.moveaxis(outputs, -1, -2).reshape(*leading, -1, levels)


def log_prob(outputs, event, x):
    """log p(x | z), [B], of a probability for each level of each value."""
    logits = jax.nn.log_softmax(value_logits(outputs, event))
    codes = jnp.round(x * event[-1]).astype(int).reshape(len(x), -1, 1)
    return jnp.take_along_axis(logits, codes, -1).sum((-2, -1))


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_what_is_drawn_has_the_probability_that_is_trained(kind, event):
    network, params, outputs = make(kind, event)
    x, number = everything(event), 20_000
    expected = np.exp(log_prob(outputs(Z, CODE, x), event, x))
    np.testing.assert_allclose(expected.sum(), 1, rtol=1e-5)

    keys = example_keys(jax.random.key(2), np.arange(number))

    def draw(outputs, place):
        own = jax.vmap(jax.random.fold_in, (0, None))(keys, place)
        return jax.vmap(jax.random.categorical)(own, outputs) / event[-1]

    z, code = (jnp.broadcast_to(a, (number, a.shape[1])) for a in (Z, CODE))
    drawn = jax.jit(lambda: causal.generate(network, params, z, code, draw))()
    assert drawn.shape == (number, *event[0], event[1])
    codes = [np.rint(np.asarray(a) * event[-1]).reshape(len(a), -1) for a in (drawn, x)]
    weights = event[2] ** np.arange(codes[0].shape[1])[::-1]  # as everything() counts
    counts = np.bincount((codes[0] @ weights).astype(int), minlength=len(x))
    assert_drawn_from(expected, counts)
    # The values are far from independent, or the test could not fail.
    one_hot = np.eye(event[2])[codes[1].astype(int)]  # [V^L, L, V]
    marginal = np.einsum("n,nlv->lv", expected, one_hot)
    independent = np.einsum("lv,nlv->nl", marginal, one_hot).prod(-1)
    with pytest.raises(AssertionError):
        assert_drawn_from(independent, counts)


def assert_drawn_from(expected, counts):
    """Chi-square of counts; those of few expected ones are put together."""
    expected = expected * counts.sum()
    rare = expected < 10
    pooled = [np.append(a[~rare], a[rare].sum()) for a in (expected, counts)]
    pooled = [a[: None if rare.any() else -1] for a in pooled]
    degrees = len(pooled[0]) - 1
    difference = ((pooled[1] - pooled[0]) ** 2 / pooled[0]).sum() - degrees
    assert abs(difference) < 4 * math.sqrt(2 * degrees)


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_one_value_after_the_other_gives_what_the_whole_example_gives(kind, event):
    network, params, outputs = make(kind, event)
    x = everything(event)[jnp.array([1, -2])]
    z = jax.random.normal(jax.random.key(3), (3, 2, 2))  # [K, B, D]
    whole = outputs(z, CODE, x)
    assert whole.shape == (3, 2, *event[0], event[1] * event[2])
    length, memory = (
        network.length,
        network.apply({"params": params}, z.reshape(6, 2), jnp.tile(CODE, (6, 1)), method="begin"),
    )
    read = jax.jit(lambda *inputs: network.apply({"params": params}, *inputs, method="read"))
    before = jnp.pad(network.codes(x).reshape(2, -1), ((0, 0), (1, 0)), constant_values=event[2])
    stepwise = []
    for place in range(length):
        each, memory = read(before[:, place : place + 1], memory, place)
        stepwise.append(each)
    stepwise = jnp.concatenate(stepwise, axis=1).reshape(3, 2, length, event[2])
    np.testing.assert_allclose(stepwise, value_logits(whole, event), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_a_value_is_not_told_itself_nor_those_after_it(kind, event):
    network, _, outputs = make(kind, event)
    x = jnp.zeros((1, *event[0], event[1]))
    alone = value_logits(outputs(Z, CODE, x), event)
    for place in range(network.length):
        other = x.reshape(1, -1).at[:, place].set(1.0).reshape(x.shape)
        difference = np.abs(value_logits(outputs(Z, CODE, other), event) - alone).max(-1)[0]
        assert (difference[: place + 1] == 0).all()
        assert (difference[place + 1 :] > 1e-3).all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_told_z_and_the_code(kind):
    _, _, outputs = make(kind, TOKENS)
    x = jnp.zeros((1, 3, 1))
    alone = value_logits(outputs(Z, CODE, x), TOKENS)
    for z, code in ((Z + 0.1, CODE), (Z, CODE + 0.1)):
        changed = value_logits(outputs(z, code, x), TOKENS)
        assert (np.abs(changed - alone).max(-1) > 1e-3).all()


def test_the_first_outputs_are_those_of_the_mean():
    bias = np.arange(16, dtype=np.float32).reshape(2, 2, 4)  # O = 2 of two channels
    network = causal.Transformer(
        widths=(8,), places=(2, 2), outputs=4, channels=2, levels=5, output_bias=bias
    )
    x = jnp.zeros((1, 2, 2, 2))
    first, variables = jax.jit(network.init_with_output)(jax.random.key(0), Z, x=x)
    np.testing.assert_allclose(variables["params"]["head"]["bias"], [6.5, 8.5])
    np.testing.assert_allclose(first[0], np.broadcast_to([6.5, 6.5, 8.5, 8.5], (2, 2, 4)), atol=1)


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_near(kind):
    network, params, outputs = make(kind, TOKENS)
    x = everything(TOKENS)[:5]
    half = network.clone(dtype=jnp.bfloat16)
    z = jnp.broadcast_to(Z, (len(x), 2))
    half = jax.jit(lambda: half.apply({"params": params}, z, CODE, x=x))()
    assert half.dtype == jnp.float32
    assert 0 < np.abs(half - outputs(Z, CODE, x)).max() < 0.5
