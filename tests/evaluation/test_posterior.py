"""Samples of p(z | observed) against a linear-Gaussian model, where that is a known Gaussian."""

import dataclasses
import functools

import jax
import linear_gaussian
import numpy as np
import pytest
from configs import tiny
from facts import facts
from linear_gaussian import SIGMA, VARIABLES, W

from vae import models
from vae.evaluation.convergence import some_values
from vae.evaluation.posterior import make_sampler, schedule
from vae.probability.likelihoods import Gaussian
from vae.probability.observations import Averaged, Masked
from vae.training.devices import jit

X = linear_gaussian.images(3)
TOP = np.zeros((3, 2, 2), bool)
TOP[:, 0] = True


@functools.cache
def sampler():
    return make_sampler(linear_gaussian.model(), VARIABLES)


def sample(observation, *, chains=2, sweeps=8, seed=0):
    return sampler()(
        VARIABLES,
        observation,
        None,
        chains=chains,
        sweeps=sweeps,
        key=jax.random.key(seed),
    )


def posterior_of(rows, y, variance):
    """Mean [N, 2] and covariance of p(z | y), y [N, n] = rows z + noise of this variance."""
    covariance = np.linalg.inv(np.eye(2) + rows.T @ rows / variance)
    return y @ rows @ covariance / variance, covariance


@pytest.mark.parametrize("kind", ["masked", "averaged"])
def test_the_chains_have_the_mean_and_covariance_of_the_posterior(kind):
    flat = X.reshape(3, 4)
    if kind == "masked":
        observation = Masked(X, TOP)
        mean, covariance = posterior_of(W[:2], flat[:, :2], SIGMA**2)
    else:
        small = flat.mean(1, keepdims=True)
        observation = Averaged(small.reshape(3, 1, 1, 1), 0.3, 2)
        rows = W.mean(0, keepdims=True)
        mean, covariance = posterior_of(rows, small, 0.3**2 + SIGMA**2 / 4)
    result = sample(observation, sweeps=1200)
    assert result.z.shape == (600, 3, 2, 2)
    assert result.acceptance.mean() > 0.7
    # What is seen of pixels is that of z: R-hat and ESS of W z, as they are known here.
    assert result.rhat.shape == result.ess.shape == (3,)
    assert 1 <= result.rhat.max() < 1.02 and result.ess.min() > 600
    z = result.z.transpose(1, 0, 2, 3).reshape(3, -1, 2)
    np.testing.assert_allclose(z.mean(1), mean, atol=0.12)
    # The covariance is the same for every image.
    centred = (z - z.mean(1, keepdims=True)).reshape(-1, 2)
    np.testing.assert_allclose(np.cov(centred.T), covariance, atol=0.1)
    # E[x | observed]: what is missing is W z on average.
    if kind == "masked":
        np.testing.assert_allclose(result.mean[:, 0], X[:, 0], atol=1e-5)
        np.testing.assert_allclose(result.mean[:, 1].reshape(3, 2), mean @ W[2:].T, atol=0.12)


@pytest.mark.parametrize("dense", [256, 1])
def test_a_stiff_posterior_is_sampled_as_well_as_a_round_one(dense, monkeypatch):
    """Pixels with noise of 0.001: z is known a thousand times better than before, in some ways."""
    monkeypatch.setattr("vae.evaluation.posterior.DENSE", dense)
    model = linear_gaussian.model()
    emission = dataclasses.replace(model.emission, likelihood=Gaussian("fixed", 1e-3))
    sharp = dataclasses.replace(model, emission=emission)
    observed = np.zeros((2, 2, 2), bool)
    observed[:, 0, 0] = True  # of two latents the sum a z_1 + b z_2 alone
    flat = X[:2].reshape(2, 4)
    result = make_sampler(sharp, VARIABLES)(
        VARIABLES,
        Masked(X[:2], observed),
        None,
        chains=4,
        sweeps=200,
        key=jax.random.key(0),
    )
    # A diagonal cannot say that two latents are known together: honest figures tell.
    assert (result.rhat < 1.1).all() if dense > 1 else (result.rhat > 1.1).all()
    if dense > 1:
        mean, covariance = posterior_of(W[:1], flat[:, :1], 1e-6)
        z = result.z.transpose(1, 0, 2, 3).reshape(2, -1, 2)
        np.testing.assert_allclose(z.mean(1), mean, atol=0.2)
        np.testing.assert_allclose([np.cov(each.T) for each in z], [covariance] * 2, atol=0.25)
        assert (result.ess > 100).all()


def test_chains_start_from_the_prior_and_know_little_at_first():
    betas, burn_in = schedule(200)
    assert burn_in == 100 and betas[0] == np.float32(1e-4)
    assert (np.diff(betas[:50]) > 0).all() and (betas[50:] == 1).all()
    result = sample(Masked(np.tile(X, (100, 1, 1, 1)), np.zeros((300, 2, 2), bool)), sweeps=1)
    z = result.z.reshape(-1, 2)  # nothing is observed: p(z | observed) is N(0, I)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.15)
    np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.2)
    assert np.isnan(result.rhat).all() and np.isnan(result.ess).all()


def test_unknown_values_of_every_channel_are_looked_at_and_no_known_one():
    unknown = np.zeros((3, 4, 4), bool)
    unknown[0, 1:3, 2] = unknown[1, 3] = True
    values = some_values(unknown, 3)
    assert values.shape == (3, 12)
    marked = np.zeros((3, 4, 4, 3), bool)
    np.put_along_axis(marked.reshape(3, -1), values, True, axis=1)
    np.testing.assert_array_equal(marked[:2], np.repeat(unknown[:2, ..., None], 3, -1))
    assert marked[2].sum() == 1
    many = some_values(np.ones((1, 64, 64), bool), 3)[0]
    assert len(set(many)) == 1024 and many[0] == 0 and many[-1] == 64 * 64 * 3 - 1


def test_a_chain_does_not_depend_on_what_else_is_sampled(monkeypatch):
    together = sample(Masked(X, TOP))
    alone = sample(Masked(X[:2], TOP[:2]), chains=1)
    np.testing.assert_allclose(together.z[:, :2, :1], alone.z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(together.samples[:2, :1], alone.samples, rtol=1e-4, atol=1e-5)
    assert np.abs(together.z[:, :, 0] - together.z[:, :, 1]).max() > 0.1
    assert np.abs(together.z - sample(Masked(X, TOP), seed=1).z).max() > 0.1

    monkeypatch.setattr("vae.evaluation.posterior.CHAINS", 2)
    parts = sample(Masked(X, TOP))
    for a, b in zip(together, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["two_layer", "conditional"])
def test_latents_of_several_groups_and_labels_are_sampled_too(name):
    overrides = {
        "two_layer": {"model__name": "two_layer", "model__top_dim": 2, "model__top_widths": (8,)},
        "conditional": {"model__prior": "conditional", "model__condition": "label"},
    }[name]
    data = facts(np.full((8, 8, 1), 0.5), num_classes=10)
    model = models.build(tiny(**overrides).model, data)
    variables = jit(model.init)(key=jax.random.key(0))
    observed = np.zeros((2, 8, 8), bool)
    observed[:, 3:] = True
    x = np.full((2, 8, 8, 1), 0.25, np.float32)
    result = make_sampler(model, variables)(
        variables,
        Masked(x, observed),
        np.array([3, 7], np.int32) if name == "conditional" else None,
        chains=2,
        sweeps=8,
        key=jax.random.key(0),
    )
    assert result.z.shape == (4, 2, 2, 6 if name == "two_layer" else 4)
    assert np.isfinite(result.mean).all() and (result.acceptance > 0).any()
    np.testing.assert_allclose(result.samples[:, :, 3:], 0.25)
    assert result.samples[:, :, :3].std() > 0
