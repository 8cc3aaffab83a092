"""Estimates against a linear-Gaussian model whose log p(x) is known.

    z ~ N(0, I),  x = W z + sigma noise,  so that x ~ N(0, W W' + sigma^2 I).

With orthogonal columns of W the exact posterior is a diagonal Gaussian.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from vae.evaluation.likelihood import chunks, make_estimator
from vae.models import parts
from vae.models.posteriors.gaussian import Gaussian as GaussianPosterior
from vae.models.priors.standard import Standard
from vae.models.vae import VAE
from vae.probability.likelihoods import Gaussian
from vae.probability.terms import Batch
from vae.training.devices import make_mesh

SHAPE, SIGMA = (2, 2, 1), 0.7
W = np.array([[1.0, 0.5], [-0.5, 1.0], [1.0, 0.5], [-0.5, 1.0]])  # columns are orthogonal
VARIANCE = 1 / (1 + (W**2).sum(0) / SIGMA**2)


class Decoder(nn.Module):
    @nn.compact
    def __call__(self, z):
        return (z @ W.T).reshape(*z.shape[:-1], *SHAPE)


class Encoder(nn.Module):
    wrong: float = 0.0  # shift of the mean and of the log-variance away from the exact posterior

    @nn.compact
    def __call__(self, x):
        mean = x.reshape(len(x), -1) @ W * VARIANCE / SIGMA**2 + self.wrong
        return jnp.concatenate([mean, jnp.log(VARIANCE) + self.wrong + 0 * mean], axis=-1)


def model(wrong=0.0):
    return VAE(
        encoder=Encoder(wrong),
        decoder=Decoder(),
        posterior=GaussianPosterior(2),
        prior=Standard(2),
        likelihood=Gaussian("fixed", SIGMA),
        image_shape=SHAPE,
    )


VARIABLES = parts.join(
    dict.fromkeys(("encoder", "decoder", "posterior", "prior", "likelihood"), parts.nothing())
)


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 2)) @ W.T + SIGMA * rng.normal(size=(10, 4))
    return x.reshape(10, *SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def exact(x):
    covariance = W @ W.T + SIGMA**2 * np.eye(4)
    return scipy.stats.multivariate_normal.logpdf(x.reshape(10, 4), np.zeros(4), covariance)


@functools.cache
def estimator(wrong, num_samples, max_bytes):
    return make_estimator(
        model(wrong),
        lambda batch, table, keys: Batch(batch["image"]),
        make_mesh(),
        num_samples=num_samples,
        max_bytes=max_bytes,
    )


def estimate(x, wrong, num_samples, *, max_bytes=2**30, batch_size=4, seed=0):

    def batches():
        for start in range(0, len(x), batch_size):
            index = np.arange(start, start + batch_size, dtype=np.int32)
            image = x[np.minimum(index, len(x) - 1)]
            yield {"index": index, "image": image, "mask": index < len(x)}

    compiled = estimator(wrong, num_samples, max_bytes)
    return compiled(VARIABLES, {}, batches(), key=jax.random.key(seed))


def test_all_bounds_are_tight_at_the_exact_posterior(x, exact):
    result = estimate(x, 0.0, 8)
    np.testing.assert_allclose(result.log_likelihood, exact, rtol=1e-4)
    np.testing.assert_allclose(result.ess, 8, rtol=1e-3)
    # E_q[log w] is exact only in the mean: the closed-form KL leaves the noise of log p(x | z).
    many = estimate(x, 0.0, 4000)
    np.testing.assert_allclose(many.elbo, exact, atol=0.1)


def test_elbo_below_iwae_below_the_truth_and_closer_with_more_samples(x, exact):
    elbo = estimate(x, 0.5, 2000).elbo.mean()
    bounds = [
        np.mean([estimate(x, 0.5, k, seed=seed).log_likelihood.mean() for seed in range(20)])
        for k in (1, 5, 50)
    ]
    assert elbo < bounds[1] < bounds[2] < exact.mean() + 0.01
    np.testing.assert_allclose(bounds[0], elbo, atol=0.15)
    np.testing.assert_allclose(estimate(x, 0.5, 20000).log_likelihood, exact, atol=0.05)


def test_elbo_of_a_wrong_posterior_is_the_truth_less_its_divergence(x, exact):
    shift = 0.5
    # KL(N(m + s, v e^s) || N(m, v)) per dimension, against the exact posterior.
    gap = (0.5 * (np.exp(shift) + shift**2 / VARIANCE - 1 - shift)).sum()
    np.testing.assert_allclose(estimate(x, shift, 20000).elbo, exact - gap, atol=0.08)


def test_sample_count_is_obeyed(x):
    ess = [estimate(x, 0.5, k).ess.max() for k in (1, 4, 64)]
    assert ess[0] == pytest.approx(1, rel=1e-5) and ess[1] <= 4.001 and 4 < ess[2] <= 64


def test_padding_and_batch_size_do_not_change_the_figures(x):
    one, other = estimate(x, 0.5, 16, batch_size=4), estimate(x, 0.5, 16, batch_size=12)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert len(a) == 10
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_chunks_cover_the_samples_under_the_bound(x, exact):
    assert chunks(5000, 10, 100, 10 * 100 * 64) == (79, 64)
    assert chunks(3, 10, 100, 1) == (3, 1)
    # 7 samples in chunks of 3: the last is masked, not counted.
    bytes_per_image = 4 * 4
    result = estimate(x, 0.0, 7, max_bytes=3 * bytes_per_image)
    np.testing.assert_allclose(result.ess, 7, rtol=1e-3)
    np.testing.assert_allclose(result.log_likelihood, exact, rtol=1e-4)
    whole = estimate(x, 0.5, 50)
    chunked = estimate(x, 0.5, 50, max_bytes=7 * bytes_per_image)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(chunked), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
