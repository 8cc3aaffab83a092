"""Two layers of latents against a linear-Gaussian model whose log p(x) is known.

    z2 ~ N(0, I),  z1 = A z2 + s noise,  x = W z1 + sigma noise

With a diagonal A and orthogonal columns of W both q(z1 | x) and q(z2 | z1) are diagonal.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from linear_gaussian import SHAPE, SIGMA, Decoder, W

from vae.models import parts
from vae.models.emission import Emission
from vae.models.two_layer import TwoLayer
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.event import Event, Values
from vae.probability.likelihoods import Gaussian
from vae.probability.terms import Batch, log_weights

S = 0.5
A = np.array([0.8, -1.2])
VARIANCE1 = 1 / (1 / (A**2 + S**2) + (W**2).sum(0) / SIGMA**2)  # of z1 given x
VARIANCE2 = S**2 / (A**2 + S**2)  # of z2 given z1


class Linear(nn.Module):
    """[N, ...] to the mean that is linear in it, and a constant log-variance."""

    matrix: np.ndarray
    variance: np.ndarray
    wrong: float = 0.0

    @nn.compact
    def __call__(self, inputs):
        mean = inputs.reshape(len(inputs), -1) @ self.matrix + self.wrong
        return jnp.concatenate([mean, jnp.log(self.variance) + self.wrong + 0 * mean], axis=-1)


def model(wrong=0.0):
    return TwoLayer(
        encoder=Linear(W * VARIANCE1 / SIGMA**2, VARIANCE1, wrong),
        top_encoder=Linear(np.diag(A / (A**2 + S**2)), VARIANCE2, wrong),
        top_decoder=Linear(np.diag(A), np.full(2, S**2)),
        emission=Emission(Decoder(), Gaussian("fixed", SIGMA), Event(SHAPE, Values("real"))),
        dims=(2, 2),
    )


VARIABLES = parts.join(
    dict.fromkeys(
        ("encoder", "top_encoder", "top_decoder", "decoder", "likelihood"), parts.nothing()
    )
)


@pytest.fixture(scope="module")
def x():
    rng = np.random.default_rng(0)
    z1 = A * rng.normal(size=(6, 2)) + S * rng.normal(size=(6, 2))
    x = z1 @ W.T + SIGMA * rng.normal(size=(6, 4))
    return x.reshape(6, *SHAPE).astype(np.float32)


@pytest.fixture(scope="module")
def exact(x):
    covariance = W @ np.diag(A**2 + S**2) @ W.T + SIGMA**2 * np.eye(4)
    return scipy.stats.multivariate_normal.logpdf(x.reshape(6, 4), np.zeros(4), covariance)


@functools.partial(jax.jit, static_argnums=(1, 2))
def terms(x, wrong, num_samples, first=0):
    keys = sample_keys(example_keys(jax.random.key(0), jnp.arange(len(x))), num_samples, first)
    return model(wrong).terms(VARIABLES, Batch(x), keys=keys)


def test_every_weight_is_the_likelihood_at_the_exact_posterior(x, exact):
    weights = log_weights(terms(x, 0.0, 5))
    np.testing.assert_allclose(weights, np.broadcast_to(exact, (5, 6)), rtol=1e-4)


def test_bounds_are_ordered_below_the_truth(x, exact):
    weights = log_weights(terms(x, 0.3, 20_000))
    bounds = [
        np.mean(jax.nn.logsumexp(weights.reshape(-1, k, 6), axis=1) - np.log(k)) for k in (1, 5, 50)
    ]
    assert bounds[0] < bounds[1] < bounds[2] < exact.mean() + 0.01
    whole = jax.nn.logsumexp(weights, axis=0) - np.log(20_000)
    np.testing.assert_allclose(whole, exact, atol=0.1)


def test_samples_do_not_depend_on_how_many_are_drawn(x):
    together = terms(x, 0.3, 4)
    for k in range(4):
        one = terms(x, 0.3, 1, first=k)
        np.testing.assert_allclose(log_weights(together)[k], log_weights(one)[0], rtol=1e-5)
        np.testing.assert_allclose(together.z[1][k], one.z[1][0], rtol=1e-5, atol=1e-6)
    assert together.mean.shape == (6, 4)


def test_samples_of_the_prior_have_its_moments_and_means_are_decoded(x):
    keys = example_keys(jax.random.key(1), jnp.arange(20_000))
    z1, z2 = jax.jit(lambda keys: model().sample(VARIABLES, keys=keys))(keys)
    np.testing.assert_allclose(z2.var(0), 1.0, rtol=0.05)
    np.testing.assert_allclose(z1.var(0), A**2 + S**2, rtol=0.05)
    np.testing.assert_allclose((z1 * z2).mean(0), A, rtol=0.05)
    mean = model().encode(VARIABLES, Batch(x)).mean
    np.testing.assert_allclose(mean[1], mean[0] * A / (A**2 + S**2), rtol=1e-5)
    assert model().decode(VARIABLES, mean).shape == x.shape
