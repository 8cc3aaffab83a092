"""Densities of what is observed of an image, against dense Gaussians and likelihoods' own sums."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vae.probability.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogistic,
    Gaussian,
    Laplace,
    MixtureOfLogistics,
    NegativeBinomial,
    Poisson,
)
from vae.probability.observations import (
    Averaged,
    Masked,
    Noisy,
    block_means,
    enlarged,
    independent_share,
)
from vae.training.devices import jit

LIKELIHOODS = [
    Bernoulli(),
    ContinuousBernoulli(),
    Gaussian("learned", 0.3),
    Gaussian("per_pixel", 0.3),
    Laplace("optimal", 0.1),
    # Levels so fine, and scales so small, that rounding to [0, 1] changes nothing.
    DiscretizedLogistic(256, "per_pixel", 0.01),
    MixtureOfLogistics(256, 3, 0.01),
    Categorical(5),
    Poisson(4.0),
    NegativeBinomial(4.0),
]
IDS = [type(likelihood).__name__ for likelihood in LIKELIHOODS]


@functools.partial(jit, static_argnums=(0, 1, 2))
def example(likelihood, shape=(4, 4, 3), number=3):
    """Outputs [2, B, H, W, P] of a decoder, images [B, H, W, C] drawn from the first."""
    keys = jax.random.split(jax.random.key(0), 3)
    mean = jax.random.uniform(keys[0], shape, minval=0.4, maxval=0.6)
    start = likelihood.to_outputs(mean)
    outputs = start + 0.1 * jax.random.normal(keys[1], (2, number, *start.shape))
    return outputs, likelihood.sample(outputs[0], likelihood.init(), key=keys[2])


def test_the_parts_of_an_image_add_up_to_the_whole():
    outputs, x = example(LIKELIHOODS[3])
    own, observed = LIKELIHOODS[3].init(), np.random.default_rng(0).random(x.shape[:3]) < 0.4
    masks = (observed, ~observed, np.ones_like(observed))
    one, rest, whole = (Masked(x, mask).log_prob(LIKELIHOODS[3], outputs, own) for mask in masks)
    assert one.shape == (2, 3)
    np.testing.assert_allclose(one + rest, whole, rtol=2e-5)
    np.testing.assert_array_equal(whole, LIKELIHOODS[3].log_prob(outputs, x, own))


def test_a_weight_is_of_the_log_probability_and_so_of_the_precision():
    outputs, x = example(LIKELIHOODS[2])
    own, observed = LIKELIHOODS[2].init(), np.ones(x.shape[:3], bool)
    whole, half = Masked(x, observed), Masked(x, observed, weight=0.5)
    asked = (LIKELIHOODS[2], outputs, own)
    np.testing.assert_allclose(half.log_prob(*asked), whole.log_prob(*asked) / 2, rtol=1e-6)
    np.testing.assert_allclose(half.moments(*asked)[1], 2 * whole.moments(*asked)[1], rtol=1e-6)


@pytest.mark.parametrize("groups", [1, 4, 12])
def test_groups_of_equal_errors_are_worth_as_many_as_they_are(groups):
    errors = np.repeat(np.random.default_rng(0).normal(size=(2000, groups)), 12 // groups, axis=1)
    assert independent_share(errors) == pytest.approx(groups / 12, rel=0.05)


def test_of_one_image_it_is_not_known_what_its_errors_are_worth():
    assert independent_share(np.ones((1, 5))) == 1


def test_observed_pixels_stay_and_the_others_are_expected():
    outputs, x = example(LIKELIHOODS[2])
    observed = np.random.default_rng(0).random(x.shape[:3]) < 0.4
    filled = np.asarray(Masked(x, observed).expected(LIKELIHOODS[2], outputs, None))
    np.testing.assert_array_equal(filled[0][observed], np.asarray(x)[observed])
    np.testing.assert_array_equal(filled[1][~observed], np.asarray(outputs)[1][~observed])


@pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=IDS)
def test_variances_are_those_of_draws(likelihood):
    outputs, _ = example(likelihood, (2, 2, 3), 1)

    @jit
    def variances(outputs):
        own = likelihood.init()
        many = jnp.broadcast_to(outputs[0], (10000, *outputs.shape[2:]))
        draws = likelihood.sample(many, own, key=jax.random.key(1))
        return likelihood.variance(outputs[0], own)[0], draws.var(0)

    exact, drawn = variances(outputs)
    assert exact.shape == (2, 2, 3)
    np.testing.assert_allclose(drawn, exact, rtol=0.12)


@pytest.mark.parametrize(
    ("scale", "correlation"), [("fixed", 0.0), ("fixed", 0.6), ("per_pixel", 0.6)]
)
def test_averages_are_observed_as_a_dense_gaussian_says(scale, correlation):
    likelihood, sigma = Gaussian(scale, 0.3), 0.2
    for factor, shape in ((2, (4, 4, 1)), (1, (2, 2, 3))):
        outputs, x = example(likelihood, shape)
        y = np.array(block_means(x, factor))
        y[0] = block_means(likelihood.mean(outputs[0, 0]), factor) + 0.1

        @jit
        def both(outputs, y, factor=factor):
            observation = Averaged(y, sigma, factor, correlation)
            given = likelihood, outputs, None
            variance = likelihood.variance(outputs, None)
            return observation.log_prob(*given), observation.expected(*given), variance

        log_prob, expected, variance = both(outputs, y)

        size = int(np.prod(shape))
        basis = np.eye(size).reshape(size, *shape)
        average = block_means(basis, factor).reshape(size, -1).T  # A [pixels of y, pixels of x]
        within = np.where((average.T @ average) > 0, correlation, 0.0)  # the same block and channel
        np.fill_diagonal(within, 1.0)
        mean = np.asarray(outputs[..., : shape[-1]], np.float64).reshape(2, 3, size)
        variance = np.asarray(variance, np.float64).reshape(2, 3, size)
        flat = np.asarray(y, np.float64).reshape(3, -1)
        for k in range(2):
            for b in range(3):
                prior = within * np.sqrt(np.outer(variance[k, b], variance[k, b]))
                marginal = average @ prior @ average.T + sigma**2 * np.eye(len(average))
                exact = scipy.stats.multivariate_normal.logpdf(
                    flat[b], average @ mean[k, b], marginal
                )
                assert log_prob[k, b] == pytest.approx(exact, rel=1e-4, abs=1e-3)
                gain = prior @ average.T @ np.linalg.inv(marginal)
                wanted = mean[k, b] + gain @ (flat[b] - average @ mean[k, b])
                # Interpolation between blocks changes it, unless all of them are off alike.
                if factor == 1 or (scale == "fixed" and (k, b) == (0, 0)):
                    np.testing.assert_allclose(expected[k, b].reshape(-1), wanted, atol=1e-5)


def test_blocks():
    x = np.arange(2 * 4 * 6 * 1.0).reshape(2, 4, 6, 1)
    small = block_means(x, 2)
    assert small.shape == (2, 2, 3, 1) and small[0, 0, 0, 0] == np.mean([0, 1, 6, 7])
    np.testing.assert_array_equal(block_means(enlarged(small, 2), 2), small)


def test_values_with_noise_are_observed_as_gaussians_where_they_are_not_missing():
    likelihood, sigma = Gaussian("per_pixel", 0.3), 0.2
    outputs, x = example(likelihood, (4, 3))
    there = np.array([[True] * 4, [True] * 3 + [False], [True, False, False, False]])
    observation = Noisy(np.where(there[..., None], x, 0).astype(np.float32), there, sigma)
    given = likelihood, outputs, None
    mean, variance = outputs[..., :3], likelihood.variance(outputs, None)
    each = scipy.stats.norm.logpdf(x, mean, np.sqrt(variance + sigma**2))
    wanted = np.where(there[..., None], each, 0).sum((-1, -2))
    np.testing.assert_allclose(observation.log_prob(*given), wanted, rtol=1e-4)
    precise = (mean / variance + x / sigma**2) / (1 / variance + 1 / sigma**2)
    wanted = np.where(there[..., None], precise, mean)
    np.testing.assert_allclose(observation.expected(*given), wanted, atol=1e-5)
    assert np.isinf(observation.moments(*given)[1][:, ~there]).all()
