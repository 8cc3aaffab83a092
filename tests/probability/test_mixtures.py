import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from jax.test_util import check_grads

from vae.probability import mixtures
from vae.probability.distributions import DiagonalGaussian, FullGaussian
from vae.probability.mixtures import (
    CorrelatedGaussianMixture,
    EqualMixture,
    GaussianMixture,
    normal_log_probs,
)

LOGITS = jnp.array([0.5, -1.0, 0.0])
MEAN = jnp.array([[0.0, 1.0], [2.0, -1.0], [-1.5, 0.5]])
LOG_STD = jnp.array([[0.1, -0.5], [-0.3, 0.2], [-1.0, 0.3]])
SCALE = jnp.array([[[1.0, 0.0], [0.5, 0.7]], [[0.6, 0.0], [-0.3, 1.2]], [[0.9, 0.0], [0.2, 0.4]]])
MIXTURES = {
    "diagonal": GaussianMixture(LOGITS, MEAN, LOG_STD),
    "correlated": CorrelatedGaussianMixture(LOGITS, MEAN, SCALE),
    "equal": EqualMixture(DiagonalGaussian(MEAN, LOG_STD), 3),
}


def covariances(mixture):
    if isinstance(mixture, CorrelatedGaussianMixture):
        return np.asarray(SCALE @ SCALE.transpose(0, 2, 1))
    return np.stack([np.diag(np.exp(2 * row)) for row in np.asarray(LOG_STD)])


def weights(mixture):
    return np.full(3, 1 / 3) if isinstance(mixture, EqualMixture) else scipy.special.softmax(LOGITS)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_density_is_that_of_scipy(name):
    mixture = MIXTURES[name]
    z = np.asarray(3 * jax.random.normal(jax.random.key(0), (4, 5, 2)))
    normals = [
        scipy.stats.multivariate_normal(m, c)
        for m, c in zip(MEAN, covariances(mixture), strict=True)
    ]
    components = np.stack([normal.logpdf(z) for normal in normals], -1)
    expected = scipy.special.logsumexp(components, axis=-1, b=weights(mixture))
    np.testing.assert_allclose(mixture.log_prob(jnp.asarray(z)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MIXTURES)
def test_samples_have_the_moments_of_the_density(name):
    mixture = MIXTURES[name]
    z = np.asarray(mixture.sample(keys=jax.random.split(jax.random.key(1), 20000)))
    mean = weights(mixture) @ np.asarray(MEAN)
    second = covariances(mixture) + np.einsum("mi,mj->mij", MEAN, MEAN)
    covariance = np.einsum("m,mij->ij", weights(mixture), second) - np.outer(mean, mean)
    np.testing.assert_allclose(z.mean(0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(z.T), covariance, atol=0.1)


def test_narrow_components_far_apart_keep_their_density():
    mean = 3 * np.asarray(jax.random.normal(jax.random.key(0), (20, 16)))
    z = mean + 1e-3 * np.asarray(jax.random.normal(jax.random.key(1), mean.shape))
    log_std = np.full(mean.shape, np.log(1e-3), np.float32)
    expected = scipy.stats.norm.logpdf(z[:, None], mean, np.exp(log_std)).sum(-1)
    found = normal_log_probs(jnp.asarray(z), jnp.asarray(mean), jnp.asarray(log_std))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_gradients_are_finite_differences_and_those_of_the_plain_form():
    z = jax.random.normal(jax.random.key(2), (3, 4, 2))

    def total(z, logits, mean, log_std):
        return GaussianMixture(logits, mean, log_std).log_prob(z).sum()

    def plain(z, logits, mean, log_std):
        components = DiagonalGaussian(mean, log_std).log_prob(z[..., None, :])
        return jax.nn.logsumexp(jax.nn.log_softmax(logits) + components, axis=-1).sum()

    arguments = (z, LOGITS, MEAN, LOG_STD)
    check_grads(jax.jit(total), arguments, order=1, modes=["fwd", "rev"], rtol=2e-2, atol=2e-2)
    for found, expected in zip(
        jax.jit(jax.grad(total, (0, 1, 2, 3)))(*arguments),
        jax.jit(jax.grad(plain, (0, 1, 2, 3)))(*arguments),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_each_example_may_have_weights_of_its_own():
    logits = jnp.array([[0.0, 0.0, -jnp.inf], [-jnp.inf, 0.0, -jnp.inf]])
    mixture = GaussianMixture(logits, MEAN, LOG_STD)
    z = jax.random.normal(jax.random.key(3), (5, 2, 2))

    @jax.jit
    def found(mixture):
        first = GaussianMixture(jnp.zeros(2), MEAN[:2], LOG_STD[:2]).log_prob(z[:, 0])
        second = DiagonalGaussian(MEAN[1], LOG_STD[1]).log_prob(z[:, 1])
        slopes = jax.grad(lambda mixture: mixture.log_prob(z).sum())(mixture)
        return mixture.log_prob(z), jnp.stack([first, second], axis=1), slopes

    log_prob, expected, slopes = found(mixture)
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert mixture.sample(keys=jax.random.split(jax.random.key(4), 2)).shape == (2, 2)


@pytest.mark.parametrize("shape", [(5,), (2, 5)])
def test_densities_that_hold_too_much_are_taken_in_pieces(shape, monkeypatch):
    rng = np.random.default_rng(0)
    mean, z = rng.normal(size=(3, 2)), rng.normal(size=(*shape, 2))
    scale = np.tril(rng.normal(size=(3, 2, 2))) + 3 * np.eye(2)
    mean, z, scale = (jnp.asarray(x, jnp.float32) for x in (mean, z, scale))

    def total(z):
        density = EqualMixture(FullGaussian(mean, scale), 3).log_prob(z)
        return density.sum(), density

    gradient = jax.value_and_grad(total, has_aux=True)
    whole = jax.jit(gradient)(z)
    monkeypatch.setattr(mixtures, "HELD", 1)
    pieces = jax.jit(lambda z: gradient(z))(z)
    assert "scan" in str(jax.make_jaxpr(total)(z))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), whole, pieces)
