"""Deterministic autoencoders: the loss by hand, the regularisers, and no claim of a bound."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from drawn import drawn
from facts import facts

import vae
from vae import models
from vae.errors import InputError
from vae.models.losses.regularizers import GradientPenalty
from vae.probability.objectives.variational import elbo
from vae.probability.terms import Batch

DATA = facts(np.full((8, 8, 1), 0.5))


def _terms(model):
    return jax.jit(functools.partial(model.terms, train=True))


def terms_of(**overrides):
    config = tiny(
        model__posterior="point", model__likelihood="gaussian", model__scale="fixed", **overrides
    )
    model = models.build(config.model, DATA)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    x = np.random.default_rng(0).uniform(size=(3, 8, 8, 1)).astype(np.float32)
    keys = jax.random.split(jax.random.key(1), (2, 3))
    return model, variables, x, _terms(model)(variables, Batch(x), keys=keys)


def test_the_loss_is_the_reconstruction_the_norm_of_z_and_the_weights():
    model, variables, x, terms = terms_of(
        model__regularizer="l2", model__regularizer_weight=0.01, model__scale_init=0.5
    )
    z = jax.jit(model.encode)(variables, Batch(x)).mean
    np.testing.assert_allclose(terms.z, [z, z], rtol=1e-6)
    mean = jax.jit(model.decode)(variables, z)
    weights = sum((w**2).sum() for w in jax.tree.leaves(variables["params"]["decoder"]))
    constant = 32 * np.log(2 * np.pi * 0.5**2) + 0.3 * 2 * np.log(2 * np.pi)
    expected = 2 * ((x - mean) ** 2).sum((1, 2, 3)) + 0.3 * 0.5 * (z**2).sum(-1) + 0.01 * weights
    np.testing.assert_allclose(elbo(terms, beta=0.3), expected + constant, rtol=1e-5)


def test_the_gradient_penalty_is_the_norm_of_the_jacobian():
    mix = jax.random.normal(jax.random.key(0), (2, 6))

    def decode(z):
        return jnp.tanh(z @ mix).reshape(*z.shape[:-1], 2, 3, 1)

    z = jax.random.normal(jax.random.key(1), (1, 2, 2))
    keys = jax.random.split(jax.random.key(2), (5000, 2))
    many = jnp.broadcast_to(z, (5000, 2, 2))
    linear = SimpleNamespace(mean=lambda outputs: outputs)
    given = drawn(batch=Batch(None), z=many, keys=keys, decode=decode, likelihood=linear)
    estimate = GradientPenalty(1.0).charge(None, given).losses["regularizer"]
    exact = [(jax.jacrev(decode)(one) ** 2).sum() for one in z[0]]
    np.testing.assert_allclose(estimate, exact, rtol=0.05)


@pytest.mark.parametrize("name", ["mlp", "conv"])
def test_the_gradient_penalty_has_a_gradient(name):
    model, variables, x, terms = terms_of(
        model__decoder=name, model__regularizer="gradient_penalty", model__regularizer_weight=1.0
    )
    keys = jax.random.split(jax.random.key(1), (2, 3))
    assert terms.losses["regularizer"].shape == (3,)

    @jax.jit
    def penalty(decoder):
        params = {**variables["params"], "decoder": decoder}
        changed = {**variables, "params": params}
        return model.terms(changed, Batch(x), keys=keys, train=True).losses["regularizer"].sum()

    decoder = variables["params"]["decoder"]
    gradient = jax.grad(penalty)(decoder)
    largest = max(jnp.abs(g).max() for g in jax.tree.leaves(gradient))
    step = jax.tree.map(lambda g: 1e-3 * g / largest, gradient)
    ahead, behind = (jax.tree.map(op, decoder, step) for op in (jnp.add, jnp.subtract))
    expected = 2 * sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, step)))
    assert penalty(ahead) - penalty(behind) == pytest.approx(float(expected), rel=0.05)


def test_an_autoencoder_claims_no_likelihood(tmp_path):
    config = tiny(model__posterior="point", training__steps=4, checkpoint__every_steps=0)
    result = vae.train(config, tmp_path)
    names = {name for name in result["metrics"] if name.startswith("test/")}
    assert {"test/elbo", "test/reconstruction"} <= names
    assert not names & {"test/nll", "test/ess", "test/bits_per_dim"}
    assert "no bounds" in result["protocol"]["bound"]
    with pytest.raises(InputError, match="no density"):
        vae.load(tmp_path).log_likelihood(np.zeros((2, 8, 8, 1)))
