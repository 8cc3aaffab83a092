"""Samples from priors with their noise scaled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.errors import InputError
from vae.models.parts import tempered
from vae.probability.distributions import DiagonalGaussian, StandardNormal, example_keys
from vae.probability.mixtures import CorrelatedGaussianMixture, GaussianMixture
from vae.tasks import second_stage

KEYS = example_keys(jax.random.key(0), np.arange(6))
MEAN = jnp.arange(6.0).reshape(2, 3)
DATA = facts(np.full((8, 8, 1), 0.5), num_classes=10)


def model_of(**overrides):
    """A model, its variables, and its `sample`, compiled."""
    model = models.build(tiny(**overrides).model, DATA)
    variables = jax.jit(lambda: model.init(key=jax.random.key(1)))()
    return model, variables, jax.jit(model.sample)


def gaussian_mixture():
    return GaussianMixture(jnp.zeros(2), MEAN, 0.1 * MEAN - 1)


def correlated_mixture():
    scale = jnp.tril(jnp.ones((2, 3, 3)))
    return CorrelatedGaussianMixture(jnp.zeros(2), MEAN, scale)


@pytest.mark.parametrize(
    "p",
    [
        StandardNormal(3),
        DiagonalGaussian(jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, -1.0, 1.0])),
        gaussian_mixture(),
        correlated_mixture(),
    ],
    ids=lambda p: type(p).__name__,
)
def test_the_noise_is_scaled_around_where_it_stands(p):
    draw = jax.jit(lambda p, t: tempered(p, t).sample(keys=KEYS))
    still, half, whole = (draw(p, t) for t in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(whole, jax.jit(lambda p: p.sample(keys=KEYS))(p), rtol=1e-6)
    np.testing.assert_allclose(half - still, (whole - still) / 2, atol=1e-6)
    means = np.asarray(getattr(p, "mean", jnp.zeros(3))).reshape(-1, 3)
    assert all((np.abs(means - z).max(1) < 1e-6).any() for z in np.asarray(still))
    assert np.abs(whole - still).min(1).max() > 0


def test_a_flow_starts_from_scaled_noise():
    model, variables, sample = model_of(model__prior="coupling", model__latent_dim=4)
    z = sample(variables, keys=KEYS, temperature=0.5)
    p = model.prior.distribution(
        {name: parts["prior"] for name, parts in variables.items()}, None, None, train=False
    )
    forward = jax.jit(lambda p, z: p.forward(z)[0])
    noise, whole = forward(p, z), forward(p, sample(variables, keys=KEYS))
    np.testing.assert_allclose(noise, whole / 2, atol=1e-5)


def test_every_group_of_a_ladder_is_scaled():
    _, variables, sample = model_of(
        model__name="ladder",
        model__groups=(1, 1),
        model__encoder_widths=(8, 8),
        model__decoder_widths=(8, 8),
        model__latent_dim=2,
    )
    still = sample(variables, keys=KEYS, temperature=0.0)
    assert all((np.asarray(group) == np.asarray(group)[0]).all() for group in still)
    half, whole = (sample(variables, keys=KEYS, temperature=t) for t in (0.5, 1.0))
    np.testing.assert_allclose(half[0] - still[0], (whole[0] - still[0]) / 2, atol=1e-5)
    assert np.abs(half[1]).max() > 0
    for ours, plain in zip(whole, sample(variables, keys=KEYS), strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-5)


def test_cold_codes_are_the_most_probable():
    _, variables, sample = model_of(
        model__name="fsq",
        model__num_latents=3,
        model__transformer_width=16,
        model__transformer_layers=1,
    )
    head = jax.tree.map(
        lambda x: x + 0.1 * jax.random.normal(jax.random.key(2), x.shape),
        variables["params"]["prior"],
    )
    variables = variables | {"params": variables["params"] | {"prior": head}}
    cold = np.asarray(sample(variables, keys=KEYS, temperature=0.0))
    assert (cold == cold[0]).all()
    assert not (np.asarray(sample(variables, keys=KEYS)) == cold).all()


def test_a_second_stage_keeps_its_mean_without_noise():
    p = jax.jit(lambda: second_stage.start(3, key=jax.random.key(0)))()
    draw = jax.jit(lambda t: tempered(p, t).sample(keys=KEYS))
    still, whole = (np.asarray(draw(t)) for t in (0.0, 1.0))
    np.testing.assert_allclose(still, np.broadcast_to(still[:1], still.shape), atol=1e-6)
    np.testing.assert_allclose(whole, p.sample(keys=KEYS), rtol=1e-5, atol=1e-6)


def test_a_prior_without_such_noise_is_refused():
    _, variables, sample = model_of(model__posterior="vmf", model__prior="uniform_sphere")
    sample(variables, keys=KEYS)
    with pytest.raises(InputError, match="UniformSphere prior, which has no temperature"):
        sample(variables, keys=KEYS, temperature=0.5)
