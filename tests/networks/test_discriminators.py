"""Discriminators on any shape, and spectral normalisation against numpy."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from variables import random_variables

from vae.networks import spectral
from vae.networks.discriminators import GridDiscriminator, VectorDiscriminator


@pytest.mark.parametrize("shape", [(9, 2), (7, 5, 3), (16, 16, 1), (1, 1, 2), (3, 6, 5, 1)])
def test_examples_of_any_size(shape):
    module, x = GridDiscriminator((4, 6)), jnp.ones((2, *shape))
    features, logit = module.apply(random_variables(module, x), x)
    places = math.prod(-(-n // 4) for n in shape[:-1])
    assert features.shape == (2, places * 6) and logit.shape == (2,)


def test_a_code_projects_the_features():
    module, z = VectorDiscriminator((8,)), jax.random.normal(jax.random.key(0), (5, 3))
    code = jax.random.uniform(jax.random.key(1), (5, 4))  # attributes; labels are one-hot
    variables = random_variables(module, z, code)
    features, logit = module.apply(variables, z, code)
    _, plain = module.apply(variables, z)
    embedding = code @ variables["params"]["projection"]["kernel"]
    np.testing.assert_allclose(logit - plain, (embedding * features).sum(-1), rtol=1e-4, atol=1e-5)


def test_spectral_normalisation_is_that_of_the_singular_values():
    module, x = GridDiscriminator((4, 6)), jnp.ones((1, 8, 8, 2))
    params = random_variables(module, x)["params"]
    vectors = spectral.start(params, key=jax.random.key(0))
    turn = jax.jit(spectral.normalised)
    for _ in range(200):
        normalised, vectors = turn(params, vectors)
    for layer, weights in params.items():
        kernel = np.asarray(weights["kernel"], np.float64)
        largest = np.linalg.svd(kernel.reshape(-1, kernel.shape[-1]), compute_uv=False)[0]
        np.testing.assert_allclose(normalised[layer]["kernel"], kernel / largest, rtol=1e-3)
        np.testing.assert_array_equal(normalised[layer]["bias"], weights["bias"])


def test_its_gradient_is_orthogonal_to_the_kernel():
    """The normalised kernel knows no scale (Miyato et al. 2018, eq. 12)."""
    kernel = jax.random.normal(jax.random.key(0), (6, 4))
    wanted = jax.random.normal(jax.random.key(1), (6, 4))
    vectors = spectral.start(kernel, key=jax.random.key(2))
    for _ in range(100):
        _, vectors = spectral.normalised(kernel, vectors)
    gradient = jax.grad(lambda w: jnp.vdot(spectral.normalised(w, vectors)[0], wanted))(kernel)
    assert abs(jnp.vdot(gradient, kernel)) < 1e-4 * jnp.linalg.norm(gradient)
    assert jnp.linalg.norm(gradient) > 0.1
