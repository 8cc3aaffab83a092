"""Likelihoods, all together and one by one."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from jax.test_util import check_grads

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
    Tokens,
)
from vae.probability.likelihoods.bernoulli import log_normaliser
from vae.probability.likelihoods.counts import log_stirling
from vae.training.devices import jit

SHAPE = (2, 3, 1)
SCALED = [
    (kind, scale) for kind in (Gaussian, Laplace) for scale in ("fixed", "learned", "per_pixel")
]
ALL = [
    Bernoulli(),
    ContinuousBernoulli(),
    *(kind(scale) for kind, scale in SCALED),
    Gaussian("per_channel"),
    Gaussian("optimal"),
    Laplace("optimal"),
    DiscretizedLogistic(5),
    DiscretizedLogistic(5, "per_pixel"),
    MixtureOfLogistics(5, 3),
    Categorical(5),
    Poisson(4.0),
    NegativeBinomial(4.0),
]


def name(likelihood):
    return f"{type(likelihood).__name__}-{getattr(likelihood, 'scale', '')}"


def variables(likelihood, log_scale=None):
    parts = likelihood.init()
    if log_scale is not None:
        parts["params"]["log_scale"] = jnp.float32(log_scale)
    return parts


def outputs(seed=0, batch=(4,), factor=2.0):
    return factor * jax.random.normal(jax.random.key(seed), (*batch, *SHAPE))


def random_outputs(likelihood, shape, factor=1.0, seed=0):
    """Outputs for images [..., H, W, C] of this shape."""
    number = likelihood.outputs(shape[-1])
    return factor * jax.random.normal(jax.random.key(seed), (*shape[:-1], number))


@functools.partial(jit, static_argnums=0)
def log_prob_of(likelihood, raw, x):
    return likelihood.log_prob(raw, x, likelihood.init())


@functools.partial(jit, static_argnums=(0, 3))
def draw(likelihood, raw, seed, number):
    """[number, 1, 1, C] draws, given one pixel's outputs [1, 1, P]."""
    many = jnp.broadcast_to(raw, (number, *raw.shape))
    return likelihood.sample(many, likelihood.init(), key=jax.random.key(seed))


def probabilities(likelihood, raw, x):
    """exp(log p) of single values x [N], given one pixel's outputs [1, 1, P]."""
    x = jnp.asarray(x, jnp.float32).reshape(-1, 1, 1, 1)
    return np.exp(np.float64(log_prob_of(likelihood, raw[None], x)))


@pytest.mark.parametrize("likelihood", ALL, ids=name)
def test_shapes_and_the_mean_of_the_first_outputs(likelihood):
    mean = jnp.linspace(0.1, 0.9, 12).reshape(2, 2, 3)
    raw = jit(likelihood.to_outputs)(mean)
    assert raw.shape == (2, 2, likelihood.outputs(3))
    np.testing.assert_allclose(jit(likelihood.mean)(raw), mean, rtol=1e-4)
    assert np.isfinite(jit(likelihood.to_outputs)(jnp.zeros((2, 2, 3)))).all()

    def every(raw, x):
        parts, key = likelihood.init(), jax.random.key(0)
        log_prob = likelihood.log_prob(raw, x, parts)
        drawn = likelihood.sample(raw[0], parts, key=key)
        assert likelihood.update(raw, x, parts).keys() == parts["statistics"].keys()
        return log_prob, drawn, likelihood.mean(raw[0])

    raw, x = jnp.zeros((7, 5, 2, 2, likelihood.outputs(3))), jnp.zeros((5, 2, 2, 3))
    shapes = jax.eval_shape(every, raw, x)
    assert [one.shape for one in shapes] == [(7, 5), x.shape, x.shape]
    assert all(one.dtype == jnp.float32 for one in shapes)


@pytest.mark.parametrize(
    ("kind", "density"), [(Gaussian, scipy.stats.norm), (Laplace, scipy.stats.laplace)]
)
def test_each_channel_has_its_own_scale(kind, density):
    likelihood = kind("per_channel", 0.5, channels=2)
    parts = likelihood.init()
    assert parts["params"]["log_scale"].shape == (2,)
    scale = np.array([0.5, 3.0])
    parts["params"]["log_scale"] = jnp.log(scale)
    x, mean = np.array([[0.3, -2.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [-1.0, 4.0]])
    expected = density(mean, scale).logpdf(x).sum(-1)
    np.testing.assert_allclose(likelihood.log_prob(mean, x, parts), expected, rtol=1e-6)
    drawn = likelihood.sample(jnp.zeros((4000, 2)), parts, key=jax.random.key(0))
    deviation = np.sqrt(likelihood.variance(jnp.zeros((1, 2)), parts)[0])
    np.testing.assert_allclose(drawn.std(0), deviation, rtol=0.1)
    np.testing.assert_allclose(deviation, density(0, scale).std(), rtol=1e-5)


@pytest.mark.parametrize("likelihood", ALL, ids=name)
def test_large_outputs_stay_finite_and_so_do_their_gradients(likelihood):
    x = jnp.asarray([0.0, 0.25, 1.0]).reshape(3, 1, 1, 1) * jnp.ones(3)
    function = jit(
        jax.value_and_grad(lambda raw: likelihood.log_prob(raw, x, likelihood.init()).sum())
    )
    for size in (-200.0, 200.0):
        log_prob, slope = function(jnp.full((3, 1, 1, likelihood.outputs(3)), size))
        assert np.isfinite(log_prob) and np.isfinite(slope).all()


@pytest.mark.parametrize("likelihood", ALL, ids=name)
def test_a_mask_keeps_the_sum_over_its_places_whatever_their_rank(likelihood):
    rng = np.random.default_rng(0)
    asked = []
    for places in ((), (5,), (2, 3), (2, 1, 2)):
        shape = (3, *places, 3)
        raw = random_outputs(likelihood, (2, *shape), 0.5)
        x = rng.integers(0, 5, shape).astype(np.float32) / 4
        asked.append((raw, x, rng.random(shape[:-1]) < 0.5))

    @jit
    def log_probs(raw, x, mask):
        own = likelihood.init()
        other = jnp.where(mask[..., None], x, 1 - x)
        one = raw.reshape(2, -1, 1, 1, raw.shape[-1]), x.reshape(-1, 1, 1, 3)  # a place an image
        return (
            likelihood.log_prob(raw, other, own, mask),
            likelihood.log_prob(raw, x, own),
            likelihood.log_prob(*one, own).reshape(2, 3, -1),
        )

    for raw, x, mask in asked:
        masked, whole, each = map(np.asarray, log_probs(raw, x, mask))
        kept = np.where(mask.reshape(3, -1), each, 0.0).sum(-1)
        np.testing.assert_allclose(masked, kept, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(whole, each.sum(-1), rtol=1e-5, atol=1e-5)
    everywhere = log_probs(raw, x, np.ones_like(mask))
    np.testing.assert_array_equal(everywhere[0], everywhere[1])


@pytest.mark.parametrize("likelihood", ALL, ids=name)
def test_gradients_agree_with_finite_differences(likelihood):
    shape = (4, 2, 2, 3)
    x = np.round(np.random.default_rng(0).uniform(size=shape) * 4) / 4
    with jax.enable_x64(True):
        raw = np.float64(random_outputs(likelihood, shape, 0.5))
        parts = jax.tree.map(np.float64, likelihood.init())
        check_grads(
            jax.jit(
                lambda raw, params: likelihood.log_prob(raw, x, parts | {"params": params}).sum()
            ),
            (raw, parts["params"]),
            order=1,
            modes=["rev"],
            rtol=1e-6,
        )


@pytest.mark.parametrize("likelihood", [one for one in ALL if one.discrete], ids=name)
def test_probabilities_sum_to_one_and_samples_follow_them(likelihood):
    last = 1 if isinstance(likelihood, Bernoulli) else 4
    counts = isinstance(likelihood, Poisson | NegativeBinomial)
    x = np.arange(3000 if counts else last + 1) / last
    for seed in range(3):
        raw = random_outputs(likelihood, (1, 1, 1), 1.5, seed)
        p = probabilities(likelihood, raw, x)
        np.testing.assert_allclose(p.sum(), 1.0, rtol=2e-5)
        if not isinstance(likelihood, DiscretizedLogistic | MixtureOfLogistics):
            np.testing.assert_allclose((p * x).sum(), likelihood.mean(raw)[0, 0, 0], rtol=1e-4)
        if not counts:
            drawn = draw(likelihood, raw, seed, 4000).ravel()
            frequencies = [np.mean(np.abs(drawn - value) < 1e-6) for value in x]
            np.testing.assert_allclose(frequencies, p, atol=0.03)


@pytest.mark.parametrize("likelihood", [one for one in ALL if not one.discrete], ids=name)
def test_densities_integrate_to_one_and_samples_have_their_mean(likelihood):
    edge = 0.0 if isinstance(likelihood, ContinuousBernoulli) else 20.0
    x = np.linspace(-edge, 1 + edge, 400_001 if edge else 2001)
    for seed in range(3):
        raw = random_outputs(likelihood, (1, 1, 1), 1.5, seed)
        p = probabilities(likelihood, raw, x)
        np.testing.assert_allclose(scipy.integrate.trapezoid(p, x), 1.0, rtol=1e-3)
        drawn = draw(likelihood, raw, seed, 20000)
        error = 5 * drawn.std() / np.sqrt(20000)
        np.testing.assert_allclose(drawn.mean(), likelihood.mean(raw)[0, 0, 0], atol=error)


def test_bernoulli_is_that_of_scipy():
    logits = outputs()
    x = (jax.random.uniform(jax.random.key(1), (4, *SHAPE)) < 0.5).astype(jnp.float32)
    p = 1 / (1 + np.exp(-np.float64(logits)))
    expected = scipy.stats.bernoulli.logpmf(x, p).sum((-3, -2, -1))
    np.testing.assert_allclose(Bernoulli().log_prob(logits, x, {}), expected, rtol=1e-5)


@pytest.mark.parametrize("logit", [-200.0, 200.0])
def test_bernoulli_is_exact_at_large_logits(logit):
    value = Bernoulli().log_prob(jnp.full((1, 1, 1, 1), logit), jnp.ones((1, 1, 1, 1)), {})
    np.testing.assert_allclose(value, [min(logit, 0.0)], atol=1e-6)


@pytest.mark.parametrize("logit", [0.0, 1e-4, -0.01, 0.3, 0.49999, 0.50001, -0.7, 5.0, -20.0])
def test_continuous_bernoulli_normaliser_and_its_gradient_are_the_integrals(logit):
    normaliser = scipy.integrate.quad(lambda x: np.exp(logit * x), 0, 1)[0]
    mean = scipy.integrate.quad(lambda x: x * np.exp(logit * x), 0, 1)[0] / normaliser
    value, slope = jax.value_and_grad(log_normaliser)(logit)
    np.testing.assert_allclose(value, np.log(normaliser), rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(slope, mean, rtol=2e-6)
    p = 1 / (1 + np.exp(-logit))  # and in the paper's own form, away from 1/2
    if abs(logit) > 0.1:
        log_constant = np.log(2 * np.arctanh(1 - 2 * p) / (1 - 2 * p))
        np.testing.assert_allclose(-value, log_constant + np.log(1 - p), rtol=1e-5)


@pytest.mark.parametrize(("kind", "scale"), SCALED)
def test_location_and_scale_are_those_of_scipy(kind, scale):
    likelihood = kind(scale, 0.3)
    x = jax.random.uniform(jax.random.key(1), (4, *SHAPE))
    mean, raw = outputs(), outputs(2)
    given, std = mean, 0.3
    if scale == "per_pixel":
        given = jnp.concatenate([mean, raw], axis=-1)
        std = 0.3 * np.exp(5 * np.tanh(np.float64(raw) / 5))
    log_density = {Gaussian: scipy.stats.norm.logpdf, Laplace: scipy.stats.laplace.logpdf}[kind]
    expected = log_density(np.float64(x), np.float64(mean), std).sum((-3, -2, -1))
    log_prob = likelihood.log_prob(given, x, variables(likelihood))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


@pytest.mark.parametrize(("kind", "power"), [(Gaussian, 2), (Laplace, 1)])
def test_the_optimal_scale_follows_the_error_and_is_what_is_best_learned(kind, power):
    likelihood = kind("optimal", 1.0)
    x, mean = jax.random.uniform(jax.random.key(1), (4, *SHAPE)), outputs()
    parts = likelihood.init()
    update = jit(likelihood.update)
    for _ in range(300):
        parts = parts | {"statistics": update(mean, x, parts)}
    error = jnp.mean(jnp.abs(x - mean) ** power)
    np.testing.assert_allclose(parts["statistics"]["error"], error, rtol=1e-5)

    def learned(log_scale):
        other = kind("learned")
        return other.log_prob(mean, x, variables(other) | {"params": {"log_scale": log_scale}})

    np.testing.assert_allclose(
        likelihood.log_prob(mean, x, parts), learned(jnp.log(error) / power), rtol=1e-5
    )
    slope = jax.grad(lambda log_scale: learned(log_scale).mean())(jnp.log(error) / power)
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)

    def inside(mean):  # the optimum in the graph: D / power log(error), up to a constant
        return -6 / power * jnp.log(jnp.mean(jnp.abs(x - mean) ** power))

    kept = jax.grad(lambda mean: likelihood.log_prob(mean, x, parts).mean())(mean)
    np.testing.assert_allclose(kept, jax.grad(inside)(mean), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("kind", "power"), [(Gaussian, 2), (Laplace, 1)])
def test_the_optimal_scale_is_that_of_the_values_under_the_mask(kind, power):
    likelihood, rng = kind("optimal", 1.0), np.random.default_rng(0)
    mean, x, mask = rng.random((2, 4, 5, 3)), rng.random((4, 5, 3)), rng.random((4, 5)) < 0.5
    updated = likelihood.update(mean, x, likelihood.init(), mask)
    error = (np.abs(x - mean) ** power)[:, mask].mean()
    np.testing.assert_allclose(updated["error"], 0.9 + 0.1 * error, rtol=1e-6)


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_discretized_logistic_sums_to_one(levels):
    likelihood = DiscretizedLogistic(levels)
    x = jnp.linspace(0, 1, levels).reshape(levels, 1, 1, 1)
    log_prob = jit(likelihood.log_prob)
    for mean, log_scale in [(0.5, -2.0), (0.0, -5.0), (-3.0, 1.0), (2.0, -3.0)]:
        p = np.exp(
            log_prob(jnp.full((1, 1, 1, 1), mean), x, variables(likelihood, log_scale)), dtype=float
        )
        np.testing.assert_allclose(p.sum(), 1.0, rtol=1e-4)


def logistic_bin(x, levels, location, scale):
    """The probability of a level's bin by scipy's distribution function."""
    half = 0.5 / (levels - 1)
    below = np.where(x == 1, 1.0, scipy.stats.logistic.cdf(x + half, location, scale))
    above = np.where(x == 0, 0.0, scipy.stats.logistic.cdf(x - half, location, scale))
    return below - above


def test_discretized_logistic_is_the_difference_of_scipys_distribution():
    likelihood, x = DiscretizedLogistic(17), np.linspace(0, 1, 17)
    log_prob = likelihood.log_prob(
        jnp.full((1, 1, 1, 1), 0.4),
        jnp.asarray(x, jnp.float32).reshape(17, 1, 1, 1),
        variables(likelihood, np.log(0.07)),
    )
    np.testing.assert_allclose(log_prob, np.log(logistic_bin(x, 17, 0.4, 0.07)), rtol=2e-4)


def test_discretized_logistic_far_from_the_mean_is_finite_and_has_a_gradient():
    likelihood = DiscretizedLogistic(256)
    parts = variables(likelihood, -7.0)
    value, slope = jax.value_and_grad(
        lambda mean: likelihood.log_prob(mean, jnp.full((1, 1, 1, 1), 0.2), parts).sum()
    )(jnp.full((1, 1, 1, 1), 200.0))
    assert np.isfinite(value)
    # Deep in the tail log p falls by 1 / s for each unit of the mean.
    np.testing.assert_allclose(slope.sum(), -np.exp(7.0), rtol=1e-3)


def test_a_mixture_of_coupled_channels_sums_to_one_and_its_samples_follow():
    likelihood, values = MixtureOfLogistics(4, 3), np.linspace(0, 1, 4)
    raw = random_outputs(likelihood, (1, 1, 3), 1.5)
    grid = np.stack(np.meshgrid(values, values, values, indexing="ij"), -1).reshape(64, 1, 1, 3)
    log_prob = log_prob_of(likelihood, raw[None], jnp.asarray(grid, jnp.float32))
    p = np.exp(np.float64(log_prob))
    np.testing.assert_allclose(p.sum(), 1.0, rtol=1e-5)
    drawn = draw(likelihood, raw, 0, 20000)
    index = np.rint(np.asarray(drawn[:, 0, 0]) * 3).astype(int) @ [16, 4, 1]
    np.testing.assert_allclose(np.bincount(index, minlength=64) / 20000, p, atol=0.015)


def test_a_mixture_is_what_the_paper_writes():
    likelihood, scale = MixtureOfLogistics(17, 2, 0.05), 0.05
    weights, locations = [0.3, 0.7], [[0.2, 0.6], [0.3, 0.5], [0.8, 0.1]]  # [C][K]
    raw_scales, coefficients = [[0.5, 0.0], [0.1, -1.0], [0.0, 2.0]], [[0.5, -0.3]] * 3
    raw = np.concatenate(
        [np.log(weights), *locations, *raw_scales, *np.arctanh(coefficients)]
    ).astype(np.float32)
    x = np.array([4, 9, 0]) / 16
    expected = 0.0
    for k in range(2):
        p, coefficient = weights[k], coefficients[0][k]
        for c in range(3):
            location = 2 * locations[c][k] - 1  # the paper's images are from -1 to 1
            for d in range(c):
                location += coefficient * (2 * x[d] - 1)
            std = scale * np.exp(5 * np.tanh(raw_scales[c][k] / 5))
            p *= logistic_bin(x[c], 17, (location + 1) / 2, std)
        expected += p
    x = jnp.asarray(x, jnp.float32).reshape(1, 1, 1, 3)
    log_prob = log_prob_of(likelihood, raw.reshape(1, 1, 1, -1), x)
    np.testing.assert_allclose(log_prob, [np.log(expected)], rtol=1e-4)


def test_a_mixtures_mean_is_that_of_its_samples_where_nothing_is_cut_off():
    likelihood = MixtureOfLogistics(256, 3, 0.02)
    raw = np.array(random_outputs(likelihood, (1, 1, 3), 0.3))
    raw[..., 3:12] = 0.5 + 0.2 * raw[..., 3:12]  # the locations
    drawn = draw(likelihood, raw, 0, 20000)
    np.testing.assert_allclose(drawn.mean(0), likelihood.mean(raw), atol=0.004)


def test_a_mixtures_components_start_apart():
    raw = MixtureOfLogistics(256, 4).to_outputs(jnp.full((1, 1, 1), 0.4))
    np.testing.assert_allclose(raw.ravel()[4:8], [0.1, 0.3, 0.5, 0.7], rtol=1e-5)
    alone = MixtureOfLogistics(256, 1).to_outputs(jnp.full((1, 1, 1), 0.4))
    np.testing.assert_allclose(alone.ravel(), [0.0, 0.4, 0.0], rtol=1e-6)


def test_categorical_is_the_softmax():
    raw = random_outputs(Categorical(5), (2, 2, 3), 2.0)
    x = np.array([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 2, 2]).reshape(1, 2, 2, 3)
    p = scipy.special.log_softmax(np.float64(raw).reshape(2, 2, 5, 3), axis=-2)
    expected = np.take_along_axis(p[None], x[..., None, :], -2).sum()
    log_prob = log_prob_of(Categorical(5), raw[None], jnp.asarray(x / 4, jnp.float32))
    np.testing.assert_allclose(log_prob, [expected], rtol=1e-5)


def test_the_slopes_of_tokens_are_those_of_the_softmax_and_none_where_there_is_no_token():
    likelihood, logits = Tokens(7), 3 * jax.random.normal(jax.random.key(0), (2, 1, 3, 14))
    tokens = jnp.array([[[3, 0], [6, 5], [-1, -1]]])
    mask = jnp.array([[True, True, False]])

    def ours(logits):
        return (weights * likelihood.log_prob(logits, tokens, likelihood.init(), mask)).sum()

    def theirs(logits):
        log_p = jax.nn.log_softmax(logits.reshape(2, 1, 3, 7, 2), axis=-2)
        own = jnp.einsum("kblvc,blcv->kblc", log_p, jax.nn.one_hot(tokens, 7))
        return (weights[..., None, None] * own).sum()

    weights = jnp.array([[1.0], [-0.5]])
    for a, b in zip(*(jax.value_and_grad(f)(logits) for f in (ours, theirs)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert (jax.grad(ours)(logits)[:, :, 2] == 0).all()


def test_tokens_are_the_softmax_over_the_vocabulary():
    likelihood = Tokens(7)
    raw = random_outputs(likelihood, (2, 3, 1), 2.0)
    log_p = scipy.special.log_softmax(np.float64(raw), axis=-1)
    every = np.arange(7, dtype=np.int32).reshape(7, 1, 1)  # as sentences of one token
    alone = np.exp(np.float64(log_prob_of(likelihood, raw[:1, :1], every)))
    np.testing.assert_allclose(alone.sum(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(np.log(alone), log_p[0, 0], rtol=1e-5)
    tokens, mask = np.int32([[3, 0, 6], [5, 5, 1]])[..., None], np.array([[1, 1, 0], [1, 0, 1]])
    own = np.take_along_axis(log_p, tokens, -1)[..., 0]
    log_prob = likelihood.log_prob(raw, tokens, likelihood.init(), mask.astype(bool))
    np.testing.assert_allclose(log_prob, (mask * own).sum(-1), rtol=1e-5)
    most_probable = likelihood.typical(raw)
    assert most_probable.dtype == jnp.int32
    np.testing.assert_array_equal(most_probable[..., 0], log_p.argmax(-1))
    drawn = draw(likelihood, raw[:1, 0], 0, 20000).ravel()
    assert drawn.dtype == jnp.int32
    np.testing.assert_allclose(np.bincount(drawn, minlength=7) / 20000, alone, atol=0.015)
    np.testing.assert_array_equal(likelihood.to_outputs(np.zeros((3, 1))), np.zeros((3, 7)))


@pytest.mark.parametrize("scale", [4.0, 255.0, 60000.0])
def test_counts_are_those_of_scipy(scale):
    # What float32 leaves of the mean itself, and of k log(mean / k), is below 1e-6 of the count.
    tolerance = {"rtol": 2e-5, "atol": 2e-5 + 1e-6 * scale}
    for raw in (-12.0, -1.0, 0.5, 3.0):
        mean = scale / (1 + np.exp(-raw))
        near = [mean, mean + np.sqrt(mean), mean - np.sqrt(mean), 1.2 * mean]
        count = np.rint(np.clip([0.0, 1.0, 3.0, *near, scale], 0, scale))
        x = jnp.asarray(count / scale, jnp.float32).reshape(-1, 1, 1, 1)
        log_prob = log_prob_of(Poisson(scale), jnp.full((1, 1, 1, 1), raw), x)
        np.testing.assert_allclose(log_prob, scipy.stats.poisson.logpmf(count, mean), **tolerance)
        for raw_r in (-6.0, 0.0, 6.0):
            r = np.exp(10 * np.tanh(raw_r / 10))
            both = jnp.asarray([raw, raw_r]).reshape(1, 1, 1, 2)
            log_prob = log_prob_of(NegativeBinomial(scale), both, x)
            expected = scipy.stats.nbinom.logpmf(count, r, r / (r + mean))
            np.testing.assert_allclose(log_prob, expected, **tolerance)


def test_samples_of_counts_have_mean_and_variance():
    raw = jnp.asarray([0.3, 1.0]).reshape(1, 1, 2)
    mean, r = 50 * jax.nn.sigmoid(0.3), np.exp(10 * np.tanh(0.1))
    for likelihood, given, variance in (
        (Poisson(50.0), raw[..., :1], mean),
        (NegativeBinomial(50.0), raw, mean + mean**2 / r),
    ):
        count = 50 * draw(likelihood, given, 0, 20000)
        np.testing.assert_allclose(count.mean(), mean, rtol=0.03)
        np.testing.assert_allclose(count.var(), variance, rtol=0.05)


def test_stirlings_rest():
    k = np.array([0.0, 1e-4, 0.7, 9.99, 10.01, 1000.0, 16e6])
    expected = scipy.special.xlogy(k, k) - k - scipy.special.gammaln(k + 1)
    np.testing.assert_allclose(log_stirling(jnp.float32(k)), expected, rtol=3e-6, atol=2e-6)
