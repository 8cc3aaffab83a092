"""What every posterior answers, whatever its family."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from configs import tiny
from facts import checked, facts

from vae.config.axes import AXES
from vae.config.build import build
from vae.errors import InputError
from vae.models.posteriors import Posterior
from vae.probability.distributions import sample_keys
from vae.probability.event import BYTES
from vae.rules.config import check_config

NAMES = tuple(AXES["model.posterior"])


def config(name):
    return tiny(
        model__posterior=name,
        model__latent_dim=3,
        model__posterior_flows=2,
        model__posterior_width=5,
        model__categories=4,
    ).model


def family_of(name):
    return build("model", config(name), "posterior", Posterior, size=3, activation=nn.relu)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_that_noise_belongs_to_the_example_and_the_sample(name):
    family = family_of(name)
    variables = jax.jit(family.init)(key=jax.random.key(0))
    outputs = jax.random.normal(jax.random.key(1), (3, family.outputs))
    keys = jax.random.split(jax.random.key(2), 3)

    @jax.jit
    def draw(outputs, keys):
        q = family.distribution(outputs, variables, train=False)
        return q, q.mean, *q.sample_and_log_prob(keys=keys)

    q, mean, z, log_q = draw(outputs, sample_keys(keys, 4))
    assert mean.shape == (3, family.size)
    assert z.shape == (4, 3, family.size) and log_q.shape == (4, 3)
    assert all(leaf.shape[0] in (1, 3) for leaf in jax.tree.leaves(q))
    if family.any_density:
        density = jax.jit(lambda q, z: q.log_prob(z))(q, z)
        np.testing.assert_allclose(density, log_q, rtol=1e-4, atol=1e-4)

    _, _, alone, log_alone = draw(outputs[1:2], sample_keys(keys[1:2], 2, first=2))
    np.testing.assert_allclose(z[2:, 1:2], alone, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_q[2:, 1:2], log_alone, rtol=1e-5, atol=1e-5)


def test_only_training_relaxes_a_categorical_posterior():
    family = family_of("categorical")
    outputs = np.zeros((2, family.outputs), np.float32)
    relaxed, exact = (
        family.distribution(outputs, family.init(key=None), train=train).temperature
        for train in (True, False)
    )
    assert relaxed == 0.5 and exact is None


@pytest.mark.parametrize("name", ["vmf", "categorical"])
def test_a_prior_of_another_space_is_refused(name):
    data = facts(np.zeros((8, 8, 1)), BYTES)
    with pytest.raises(InputError, match="choose two of one space"):
        checked(tiny(model__posterior=name), data)


def test_a_sphere_needs_two_dimensions():
    with pytest.raises(InputError, match="latent_dim must be at least 2"):
        check_config(
            tiny(model__posterior="vmf", model__prior="uniform_sphere", model__latent_dim=1)
        )
