"""Models of examples of no, one and three axes, through the networks that images have."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.errors import InputError
from vae.networks import strided
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import Values
from vae.probability.objectives.variational import elbo
from vae.probability.terms import Batch

REAL = Values("real")
SMALL = {"model__encoder_widths": (8, 8), "model__decoder_widths": (8, 8), "model__latent_dim": 12}


def built(shape, values=REAL, **overrides):
    config = tiny(**{"model__likelihood": "gaussian", **SMALL, **overrides})
    return models.build(config.model, facts(np.zeros(shape), values, num_classes=3))


def waves(number, places):
    """Plane waves of one channel along each axis of the places, each of any phase and height."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 2 * np.pi, (number, *(1,) * len(places), len(places)))
    turns = np.moveaxis(np.indices(places), 0, -1) / np.array(places)
    return (rng.uniform(0.5, 2, phase.shape) * np.sin(2 * np.pi * turns + phase)).astype(np.float32)


@pytest.mark.parametrize(
    ("places", "network"),
    [
        *[((12,), network) for network in ("conv", "resnet", "grid")],
        *[((4, 5, 2), network) for network in ("conv", "grid")],
        pytest.param((4, 5, 2), "resnet", marks=pytest.mark.slow),  # to compile
    ],
)
def test_waves_are_learned(places, network):
    """Better than any density whose values do not know of each other."""
    x = waves(64, places)
    model = built(x.shape[1:], model__encoder=network, model__decoder=network)
    adam, keys = optax.adam(1e-2), sample_keys(example_keys(jax.random.key(1), jnp.arange(64)), 1)

    def loss(params, statistics):
        terms = model.terms(
            {"params": params, "statistics": statistics}, Batch(x), keys=keys, train=True
        )
        return elbo(terms, beta=1.0).mean(), terms.statistics

    @jax.jit
    def step(variables, state):
        (value, statistics), gradient = jax.value_and_grad(loss, has_aux=True)(
            variables["params"], variables["statistics"]
        )
        updates, state = adam.update(gradient, state)
        params = optax.apply_updates(variables["params"], updates)
        return {"params": params, "statistics": statistics}, state, value

    variables = jax.jit(model.init)(key=jax.random.key(0))
    state = adam.init(variables["params"])
    for _ in range(150):
        variables, state, value = step(variables, state)
    alone = 0.5 * np.log(2 * np.pi * np.e * x.var(0)).sum()
    assert value < 0.5 * alone


GRID = {"model__encoder": "grid", "model__decoder": "grid"}
LABEL = {"model__condition": "label"}
OTHERS = [
    ((5,), {}),
    ((5,), {"model__name": "two_layer"}),
    ((5,), {"model__name": "semi_supervised"}),
    ((9, 2), {"model__name": "vq", "model__num_latents": 3, **GRID}),
    ((9, 2), {"model__name": "ladder", "model__groups": (1, 1)}),
    ((4, 2, 3, 1), {"model__encoder": "normalized_conv", "model__decoder": "conv", **LABEL}),
    ((4, 2, 3, 1), {**GRID, **LABEL}),
]


@pytest.mark.parametrize(("shape", "overrides"), OTHERS)
def test_other_models_have_terms_and_samples_of_any_shape(shape, overrides):
    model = built(shape, **overrides)
    keys, y = sample_keys(example_keys(jax.random.key(0), jnp.arange(4)), 2), jnp.zeros(4, int)

    def run(x):
        variables = model.init(key=jax.random.key(0))
        z = model.sample(variables, y, keys=keys[0])
        return model.terms(variables, Batch(x, y), keys=keys), model.decode(variables, z, y)

    terms, decoded = jax.eval_shape(run, jnp.zeros((4, *shape)))
    assert terms.log_px.shape == (2, 4) and decoded.shape == (4, *shape)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"model__encoder": "conv"}, "model.encoder='conv'"),
        ({"model__decoder": "resnet"}, "model.decoder='resnet'"),
        (GRID, "model.encoder='grid'"),
        ({"model__name": "ladder", "model__groups": (1, 1)}, "model.name='ladder'"),
        ({"model__adversary": "images"}, "model.adversary='images'"),
    ],
)
def test_rows_of_a_table_are_not_for_convolutions(overrides, named):
    with pytest.raises(InputError, match=f"^{named} is for .* but these have 0; choose '"):
        built((5,), **overrides)


def test_a_plain_decoder_is_of_ordinary_operations_and_has_a_forward_mode():
    model = built((7, 5, 3), model__encoder="conv", model__decoder="conv")
    variables = jax.jit(model.init)(key=jax.random.key(0))
    z, direction = jax.random.normal(jax.random.key(1), (2, 1, 12))

    def decode(z):
        return model.decode(variables, z)

    def backward(z):
        x, pullback = jax.vjp(decode, z)
        return x, pullback(x)[0]

    def forward(z):
        return jax.jvp(decode, (z,), (direction,))

    x, gradient = jax.jit(backward)(z)
    hand_made = ("custom_vjp_call", "platform_index")
    assert all(name in str(jax.make_jaxpr(decode)(z)) for name in hand_made)
    with strided.plain():
        traced = str(jax.make_jaxpr(decode)(z))
        plain, slope = jax.jit(forward)(z)
        exported = jax.export.export(jax.jit(decode))(z)
    assert not any(name in traced for name in hand_made)
    np.testing.assert_allclose(plain, x, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(jax.jit(exported.call)(z), x, rtol=1e-5, atol=1e-5)
    expected = jnp.vdot(gradient, direction)
    np.testing.assert_allclose(jnp.vdot(slope, x), expected, rtol=1e-4, atol=1e-6)
