"""Samples of p(z | observed) against a linear-Gaussian model, where that is a known Gaussian."""

import functools

import jax
import linear_gaussian
import numpy as np
import pytest
from configs import tiny
from linear_gaussian import SIGMA, VARIABLES, W

from vae import models
from vae.evaluation.posterior import PROPOSALS, make_sampler
from vae.models.data import Data
from vae.probability.observations import Averaged, Masked
from vae.training.devices import jit

X = linear_gaussian.images(3)
TOP = np.zeros((3, 2, 2), bool)
TOP[:, 0] = True


@functools.cache
def sampler(wrong=0.0):
    return make_sampler(linear_gaussian.model(wrong), VARIABLES)


def sample(observation, *, wrong=0.0, chains=2, turns=4, seed=0, report=None):
    return sampler(wrong)(
        VARIABLES,
        observation,
        None,
        chains=chains,
        turns=turns,
        key=jax.random.key(seed),
        report=report,
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
    result = sample(observation, turns=1200)
    assert result.z.shape == (600, 3, 2, 2)
    assert 0.7 < result.acceptance.mean() < 0.95
    z = result.z.transpose(1, 0, 2, 3).reshape(3, -1, 2)
    np.testing.assert_allclose(z.mean(1), mean, atol=0.12)
    # The covariance is the same for every image.
    centred = (z - z.mean(1, keepdims=True)).reshape(-1, 2)
    np.testing.assert_allclose(np.cov(centred.T), covariance, atol=0.1)
    # E[x | observed]: what is missing is W z on average.
    if kind == "masked":
        np.testing.assert_allclose(result.mean[:, 0], X[:, 0], atol=1e-5)
        np.testing.assert_allclose(result.mean[:, 1].reshape(3, 2), mean @ W[2:].T, atol=0.12)


def test_weights_are_even_where_the_proposal_is_the_posterior():
    everything = Masked(X, np.ones((3, 2, 2), bool))
    np.testing.assert_allclose(sample(everything).ess, PROPOSALS, rtol=1e-3)


def test_weights_put_a_wrong_proposal_right():
    everything = Masked(np.tile(X, (50, 1, 1, 1)), np.ones((150, 2, 2), bool))
    result = sample(everything, wrong=0.5, turns=1)
    assert result.ess.mean() < 0.8 * PROPOSALS
    # With one turn, what there is to see is importance resampling; with K = 16 it has still a
    # bias, where the proposals lie 0.5 away.
    z = result.z[-1].reshape(50, 3, 2, 2).mean((0, 2))
    np.testing.assert_allclose(z, posterior_of(W, X.reshape(3, 4), SIGMA**2)[0], atol=0.22)


def test_a_chain_does_not_depend_on_what_else_is_sampled(monkeypatch):
    together = sample(Masked(X, TOP))
    alone = sample(Masked(X[:2], TOP[:2]), chains=1)
    np.testing.assert_allclose(together.z[:, :2, :1], alone.z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(together.fillings[:2, :1], alone.fillings, rtol=1e-4, atol=1e-5)
    assert np.abs(together.z[:, :, 0] - together.z[:, :, 1]).max() > 0.1
    assert np.abs(together.z - sample(Masked(X, TOP), seed=1).z).max() > 0.1

    monkeypatch.setattr("vae.evaluation.posterior.DECODED", 2 * PROPOSALS)
    told = []
    parts = sample(Masked(X, TOP), report=lambda *what: told.append(what[:2]))
    for a, b in zip(together, parts, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert told == [(4, 12), (8, 12), (12, 12)]


@pytest.mark.parametrize("name", ["two_layer", "conditional"])
def test_latents_of_several_groups_and_labels_are_sampled_too(name):
    overrides = {
        "two_layer": {"model__name": "two_layer", "model__top_dim": 2, "model__top_widths": (8,)},
        "conditional": {"model__prior": "conditional", "model__condition": "label"},
    }[name]
    facts = Data(np.full((8, 8, 1), 0.5, np.float32), 16.0, 17, 10, lambda num: None)
    model = models.build(tiny(**overrides).model, facts)
    variables = jit(model.init)(key=jax.random.key(0))
    observed = np.zeros((2, 8, 8), bool)
    observed[:, 3:] = True
    x = np.full((2, 8, 8, 1), 0.25, np.float32)
    result = make_sampler(model, variables)(
        variables,
        Masked(x, observed),
        np.array([3, 7], np.int32) if name == "conditional" else None,
        chains=2,
        turns=4,
        key=jax.random.key(0),
    )
    assert result.z.shape == (2, 2, 2, 6 if name == "two_layer" else 4)
    assert np.isfinite(result.mean).all() and (result.acceptance > 0).any()
    np.testing.assert_allclose(result.fillings[:, :, 3:], 0.25)
    assert result.fillings[:, :, :3].std() > 0
