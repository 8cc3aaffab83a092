"""The Hamiltonian posterior: its Jacobian, its weights' mean, and what steps of size 0 leave."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import checked, facts
from linear_gaussian import VARIABLES, images, log_likelihood, model

from vae.errors import InputError
from vae.models.posteriors.hamiltonian import Hamiltonian
from vae.probability.distributions import sample_keys
from vae.probability.event import BYTES
from vae.probability.hamiltonian_flow import moved
from vae.probability.terms import Batch, log_weights


def test_moves_keep_volumes_in_all():
    step, tempering = jnp.array([[0.3, 0.5]]), jnp.array([0.3])

    def banana(z):
        return -0.5 * (z[..., 0] ** 2 + (z[..., 1] - z[..., 0] ** 2) ** 2)

    def end(both):
        z, noise = both.reshape(2, 1, 1, 2)
        return jnp.ravel(jnp.stack(moved(banana, z, noise, step, tempering, num=4)))

    start = jax.random.normal(jax.random.key(0), (5, 4))
    jacobian = jax.jit(jax.vmap(jax.jacrev(end)))(start)
    np.testing.assert_allclose(np.linalg.det(jacobian), 1, rtol=1e-4)


WRONG = 0.4  # how far off the Gaussian is


def weights(step, x, keys):
    """log w [K, B] of a linear-Gaussian model with this posterior, and a given step parameter."""
    vae = dataclasses.replace(model(WRONG), posterior=Hamiltonian(2, flows=3))
    params = {"posterior": {"step": jnp.full(2, step), "tempering": jnp.array(0.5)}}
    params = VARIABLES["params"] | params
    return log_weights(jax.jit(vae.terms)(VARIABLES | {"params": params}, Batch(x), keys=keys))


@pytest.mark.slow
def test_the_weights_average_to_the_likelihood_and_without_steps_are_those_of_the_gaussian():
    x = images(4)
    keys = sample_keys(jax.random.split(jax.random.key(1), 4), 20_000)
    ratios = np.exp(np.float64(weights(-1.0, x, keys)) - log_likelihood(x))
    errors = ratios.std(0) / np.sqrt(len(ratios))
    assert (errors < 0.03).all() and (np.abs(ratios.mean(0) - 1) < 4 * errors).all()
    plain = log_weights(model(WRONG).terms(VARIABLES, Batch(x), keys=keys))
    np.testing.assert_allclose(weights(-30.0, x, keys), plain, atol=1e-4)


def test_it_is_made_of_the_decoder_and_an_exact_prior():
    data = facts(np.zeros((8, 8, 1)), BYTES)
    found = checked(tiny(model__posterior="hamiltonian"), data)
    assert set(found.inference) == {"encoder", "posterior", "decoder", "prior"}
    with pytest.raises(InputError, match="only estimates"):
        checked(tiny(model__posterior="hamiltonian", model__prior="diffusion"), data)
    with pytest.raises(InputError, match="no gradient with"):
        checked(tiny(model__posterior="hamiltonian", objective__name="dip_i"), data)
    with pytest.raises(InputError, match="of the decoder, too"):
        checked(tiny(model__posterior="hamiltonian", training__aggressive_steps=5), data)
