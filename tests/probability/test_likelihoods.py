import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.test_util import check_grads

from vae.probability.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian

SHAPE = (2, 3, 1)


def variables(likelihood, log_scale=None):
    parts = likelihood.init()
    if log_scale is not None:
        parts["params"]["log_scale"] = jnp.float32(log_scale)
    return parts


def outputs(seed=0, batch=(4,), factor=2.0):
    return factor * jax.random.normal(jax.random.key(seed), (*batch, *SHAPE))


def test_bernoulli_is_that_of_scipy():
    logits = outputs()
    x = (jax.random.uniform(jax.random.key(1), (4, *SHAPE)) < 0.5).astype(jnp.float32)
    p = 1 / (1 + np.exp(-np.float64(logits)))
    expected = scipy.stats.bernoulli.logpmf(x, p).sum((-3, -2, -1))
    np.testing.assert_allclose(Bernoulli().log_prob(logits, x, {}), expected, rtol=1e-5)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_bernoulli_stays_finite_and_exact_at_large_logits(logit):
    one = jnp.full((1, 1, 1, 1), logit)
    value, slope = jax.value_and_grad(
        lambda logits: Bernoulli().log_prob(logits, jnp.ones((1, 1, 1)), {}).sum()
    )(one)
    np.testing.assert_allclose(value, min(logit, 0.0), atol=1e-6)
    assert np.isfinite(slope).all()


def test_bernoulli_outputs_of_a_mean_give_it_back():
    mean = jnp.linspace(0.01, 0.99, 6).reshape(SHAPE)
    back = Bernoulli().mean(Bernoulli().to_outputs(mean))
    np.testing.assert_allclose(back, mean, rtol=1e-5)


@pytest.mark.parametrize("scale", ["fixed", "learned", "optimal"])
def test_gaussian_is_that_of_scipy(scale):
    likelihood = Gaussian(scale, 0.3)
    x = jax.random.uniform(jax.random.key(1), (4, *SHAPE))
    mean = outputs()
    expected = scipy.stats.norm.logpdf(x, mean, 0.3).sum((-3, -2, -1))
    log_prob = likelihood.log_prob(mean, x, variables(likelihood))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


def test_gaussian_learned_scale_is_best_at_the_mean_squared_error():
    likelihood = Gaussian("learned")
    x, mean = jax.random.uniform(jax.random.key(1), (4, *SHAPE)), outputs()
    optimum = 0.5 * jnp.log(jnp.mean((x - mean) ** 2))
    slope = jax.grad(lambda s: likelihood.log_prob(mean, x, variables(likelihood, s)).mean())(
        optimum
    )
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)


def test_gaussian_optimal_scale_follows_the_error_with_the_gradient_of_the_optimum():
    likelihood = Gaussian("optimal", 1.0)
    x, mean = jax.random.uniform(jax.random.key(1), (4, *SHAPE)), outputs()
    parts = likelihood.init()
    for _ in range(300):
        parts = parts | {"statistics": likelihood.update(mean, x, parts)}
    error = jnp.mean((x - mean) ** 2)
    np.testing.assert_allclose(parts["statistics"]["variance"], error, rtol=1e-5)

    def inside(mean):  # the optimum in the graph: D / 2 log(MSE), up to a constant
        return -0.5 * 6 * jnp.log(jnp.mean((x - mean) ** 2))

    kept = jax.grad(lambda mean: likelihood.log_prob(mean, x, parts).mean())(mean)
    np.testing.assert_allclose(kept, jax.grad(inside)(mean), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize(
    ("mean", "log_scale"), [(0.5, -2.0), (0.0, -5.0), (-3.0, 1.0), (2.0, -3.0)]
)
def test_discretized_logistic_sums_to_one(levels, mean, log_scale):
    likelihood = DiscretizedLogistic(levels)
    x = jnp.linspace(0, 1, levels).reshape(levels, 1, 1, 1)
    log_prob = likelihood.log_prob(
        jnp.full((1, 1, 1, 1), mean), x, variables(likelihood, log_scale)
    )
    np.testing.assert_allclose(np.exp(np.float64(log_prob)).sum(), 1.0, rtol=1e-4)


def test_discretized_logistic_is_the_difference_of_scipys_distribution():
    likelihood, levels, scale = DiscretizedLogistic(17), 17, 0.07
    x = np.linspace(0, 1, levels)
    half = 0.5 / (levels - 1)
    below = np.where(x == 1, 1.0, scipy.stats.logistic.cdf(x + half, 0.4, scale))
    above = np.where(x == 0, 0.0, scipy.stats.logistic.cdf(x - half, 0.4, scale))
    log_prob = likelihood.log_prob(
        jnp.full((1, 1, 1, 1), 0.4),
        jnp.asarray(x, jnp.float32).reshape(levels, 1, 1, 1),
        variables(likelihood, np.log(scale)),
    )
    np.testing.assert_allclose(log_prob, np.log(below - above), rtol=2e-4)


def test_discretized_logistic_far_from_the_mean_is_finite_and_has_a_gradient():
    likelihood = DiscretizedLogistic(256)
    parts = variables(likelihood, -7.0)
    value, slope = jax.value_and_grad(
        lambda mean: likelihood.log_prob(mean, jnp.full((1, 1, 1), 0.2), parts).sum()
    )(jnp.full((1, 1, 1, 1), 200.0))
    assert np.isfinite(value)
    # Deep in the tail log p falls by 1 / s for each unit of the mean.
    np.testing.assert_allclose(slope.sum(), -np.exp(7.0), rtol=1e-3)


@pytest.mark.parametrize(
    "likelihood",
    [Bernoulli(), Gaussian("learned"), DiscretizedLogistic(17)],
    ids=lambda likelihood: type(likelihood).__name__,
)
def test_gradients_agree_with_finite_differences(likelihood):
    x = np.round(np.random.default_rng(0).uniform(size=(4, *SHAPE)) * 16) / 16
    mean = np.random.default_rng(1).uniform(0.2, 0.8, (4, *SHAPE))
    with jax.enable_x64(True):
        parts = jax.tree.map(jnp.float64, likelihood.init())
        check_grads(
            lambda mean, params: likelihood.log_prob(mean, x, parts | {"params": params}).sum(),
            (mean, parts["params"]),
            order=1,
            modes=["rev"],
            rtol=1e-6,
        )


@pytest.mark.parametrize(
    "likelihood",
    [Bernoulli(), Gaussian("fixed", 0.1), DiscretizedLogistic(256, "fixed", 0.05)],
    ids=lambda likelihood: type(likelihood).__name__,
)
def test_samples_have_the_likelihoods_mean(likelihood):
    mean = jnp.full((20000, 1, 1, 1), 0.4)
    parts = likelihood.init()
    raw = likelihood.to_outputs(mean)
    np.testing.assert_allclose(likelihood.mean(raw)[0], 0.4, rtol=1e-5)
    x = likelihood.sample(raw, parts, key=jax.random.key(0))
    np.testing.assert_allclose(x.mean(), 0.4, atol=0.01)
