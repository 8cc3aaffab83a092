"""Estimates against a linear-Gaussian model whose log p(x) is known."""

import functools

import jax
import jax.numpy as jnp
import linear_gaussian
import numpy as np
import pytest
from linear_gaussian import VARIABLES, VARIANCE, model

from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.evaluation.likelihood import chunks, make_estimator
from vae.probability.terms import Batch
from vae.training.devices import make_mesh


@pytest.fixture(scope="module")
def x():
    return linear_gaussian.images(10)


@pytest.fixture(scope="module")
def exact(x):
    return linear_gaussian.log_likelihood(x)


@functools.cache
def estimator(wrong, num_samples, max_bytes):
    return make_estimator(
        model(wrong),
        lambda batch, table, keys: Batch(batch.raw.values),
        make_mesh(),
        num_samples=num_samples,
        max_bytes=max_bytes,
    )


def batches(x, batch_size):
    for start in range(0, len(x), batch_size):
        index = np.arange(start, start + batch_size, dtype=np.int32)
        image = x[np.minimum(index, len(x) - 1)]
        yield HostBatch(index, Raw(image, None), index < len(x))


def estimate(x, wrong, num_samples, *, max_bytes=2**30, batch_size=4, seed=0):
    compiled, given = estimator(wrong, num_samples, max_bytes), list(batches(x, batch_size))
    key = jax.random.key(seed)
    return compiled(VARIABLES, {}, given, key=key, num_batches=len(given))


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


def test_an_example_under_a_mask_has_the_likelihood_and_the_size_of_what_is_there(x):
    missing = np.arange(10) % 4
    mask = (np.arange(4) != missing[:, None]).reshape(10, 2, 2)

    def preprocess(batch, table, keys):
        return Batch(batch.raw.values, mask=jnp.asarray(mask)[batch.index % 10])

    given = {"num_samples": 20000, "max_bytes": 2**30}
    result = make_estimator(model(0.2), preprocess, make_mesh(), **given)(
        VARIABLES, {}, batches(x, 12), key=jax.random.key(0), num_batches=1
    )
    kept = [np.delete(one, at) for one, at in zip(x.reshape(10, 4), missing, strict=True)]
    exact = [linear_gaussian.log_likelihood(*each) for each in zip(kept, missing, strict=True)]
    np.testing.assert_allclose(result.log_likelihood, exact, atol=0.05)
    np.testing.assert_array_equal(result.dimensions, 3)
    np.testing.assert_array_equal(estimate(x, 0.0, 8).dimensions, 4)


def test_sample_count_is_obeyed(x):
    ess = [estimate(x, 0.5, k).ess.max() for k in (1, 4, 64)]
    assert ess[0] == pytest.approx(1, rel=1e-5) and ess[1] <= 4.001 and 4 < ess[2] <= 64


def test_padding_and_batch_size_do_not_change_the_figures(x):
    one, other = estimate(x, 0.5, 16, batch_size=4), estimate(x, 0.5, 16, batch_size=12)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert len(a) == 10
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_estimates_are_in_the_order_of_the_data(x):
    whole, given = estimate(x, 0.5, 16), list(batches(x, 4))
    mixed = [jax.tree.map(lambda column: column[::-1], batch) for batch in reversed(given)]
    key = jax.random.key(0)
    result = estimator(0.5, 16, 2**30)(VARIABLES, {}, mixed, key=key, num_batches=3)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(result), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


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
