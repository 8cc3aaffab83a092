"""Annealed importance sampling against models whose log p(x) is known, and what it refuses."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import linear_gaussian
import numpy as np
import pytest
from configs import tiny
from facts import facts
from jax.sharding import AxisType
from linear_gaussian import SHAPE, SIGMA, VARIABLES, W
from scipy.special import logsumexp
from scipy.stats import norm

from vae import models
from vae.evaluation import annealing
from vae.evaluation.annealing import make_annealer, schedule, why_not
from vae.probability.event import Values
from vae.probability.likelihoods import NegativeBinomial
from vae.training.devices import AXIS, MEMBER

ROWS = 240  # chains in all, so that one program serves several tests
LINEAR = linear_gaussian.model()
EVENT = dataclasses.replace(LINEAR.event, values=Values("real", missing=True))
MODEL = dataclasses.replace(LINEAR, emission=dataclasses.replace(LINEAR.emission, event=EVENT))


def mesh(devices):
    return jax.make_mesh(
        (1, devices), (MEMBER, AXIS), (AxisType.Auto,) * 2, devices=jax.devices()[:devices]
    )


@functools.cache
def annealer(devices):
    return make_annealer(MODEL, VARIABLES, mesh(devices), noise=None, max_bytes=2**20)


def anneal(x, z=None, *, temperatures, devices=1, seed=0):
    given = {"chains": ROWS // len(x), "temperatures": temperatures, "key": jax.random.key(seed)}
    return annealer(devices).anneal(VARIABLES, x, None, z, **given)


def log_mean(log_weights):
    return logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])


def test_the_truth_lies_between_the_bounds_which_meet():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(60, 2)).astype(np.float32)
    x = (z @ W.T + SIGMA * rng.normal(size=(60, 4))).reshape(60, *SHAPE).astype(np.float32)
    truth = linear_gaussian.log_likelihood(x)
    gaps = []
    for temperatures in (4, 64):
        weights = anneal(x, z, temperatures=temperatures)
        forward, reverse = weights.forward - truth[:, None], weights.reverse - truth[:, None]
        # E[w] = p(x) and E[1 / w] = 1 / p(x), whatever the number of temperatures.
        for ratios in (np.exp(forward), np.exp(-reverse)):
            means = ratios.mean(1)
            assert abs(means.mean() - 1) < 4 * means.std(ddof=1) / np.sqrt(len(means))
        lower = log_mean(forward)
        upper = -log_mean(-reverse)
        error = (upper - lower).std() / np.sqrt(len(x))
        assert lower.mean() < 2 * error and upper.mean() > -2 * error
        gaps.append((upper - lower).mean())
    assert gaps[0] > 0.5 and gaps[1] < 0.15
    assert weights.acceptance.shape == (60, 4) and 0.9 < weights.acceptance.mean() <= 1


def test_a_chain_is_the_same_to_the_bit_whatever_else_is_annealed():
    x = linear_gaussian.images(24)
    many = anneal(x, temperatures=8)
    few = anneal(x[:6], temperatures=8)
    np.testing.assert_array_equal(many.forward[:6], few.forward[:, :10])
    assert len(set(many.forward.ravel())) == ROWS
    assert (anneal(x, temperatures=8, seed=1).forward != many.forward).all()
    # A quarter of them on each of four devices, in another program.
    spread = anneal(x, temperatures=8, devices=4)
    np.testing.assert_array_equal(many.forward, spread.forward)


def test_missing_values_are_left_out():
    x = linear_gaussian.images(10)
    truth = linear_gaussian.log_likelihood(x.reshape(10, 4)[:, [0, 3]], [1, 2])
    x[:, 0, 1] = x[:, 1, 0] = np.nan
    found = log_mean(anneal(x, temperatures=64).forward)
    np.testing.assert_allclose(found, truth, atol=0.4)
    assert found.mean() == pytest.approx(truth.mean(), abs=0.1)


def test_a_gan_with_stated_noise_has_a_likelihood():
    data = facts(np.full((4, 4, 1), 0.5))
    config = tiny(
        model__name="gan",
        model__latent_dim=1,
        model__adversary="images",
        model__discriminator_widths=(4,),
        model__decoder_widths=(8,),
    )
    gan = models.build(config.model, data)
    assert "--noise" in why_not(gan, None) and why_not(gan, 0.2) is None
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: np.float32(rng.normal(size=leaf.shape)),
        jax.eval_shape(lambda: gan.init(key=jax.random.key(0))),
    )
    of = make_annealer(gan, variables, mesh(1), noise=0.2, max_bytes=2**20)
    x, _ = of.simulate(variables, (None, jax.random.split(jax.random.key(0), 4)))
    weights = of.anneal(
        variables, np.asarray(x), None, chains=32, temperatures=25, key=jax.random.key(0)
    )
    # By quadrature over the one latent.
    grid = np.linspace(-6, 6, 2001)[:, None]
    made = np.asarray(gan.decode(variables, jnp.asarray(grid)), np.float64)
    log_px = norm.logpdf(x, made[:, None], 0.2).sum((2, 3, 4))
    truth = logsumexp(log_px + norm.logpdf(grid), axis=0) + np.log(grid[1] - grid[0])
    np.testing.assert_allclose(log_mean(weights.forward), truth, atol=0.2)


REFUSED = {
    "vq": "no density of real latents",
    "categorical": "not all of R^D",
    "flow_matching": "only estimated",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_density_of_real_latents_is_refused(name):
    overrides = {
        "vq": {"model__name": "vq"},
        "categorical": {"model__posterior": "categorical", "model__prior": "uniform_categorical"},
        "flow_matching": {"model__prior": "flow_matching"},
    }[name]
    model = models.build(tiny(**overrides).model, facts(np.full((8, 8, 1), 0.5)))
    assert REFUSED[name] in why_not(model, None)


def test_counts_given_their_sum_are_annealed_but_not_drawn():
    likelihood = NegativeBinomial(largest=9.0, library="observed", total=20.0)
    emission = dataclasses.replace(LINEAR.emission, likelihood=likelihood)
    model = dataclasses.replace(LINEAR, emission=emission)
    assert why_not(model, None) is None and why_not(LINEAR, None, drawn=True) is None
    assert "given their sum" in why_not(model, None, drawn=True)
    assert why_not(model, 0.1, drawn=True) is None


def test_the_schedule_is_a_sigmoid_from_0_to_1():
    betas = schedule(10)
    assert betas[0] == 0 and betas[-1] == 1 and (np.diff(betas) > 0).all()
    np.testing.assert_allclose(betas, 1 - betas[::-1], atol=1e-7)
    odds = [1 / (1 + np.exp(-4 * t)) for t in (-1, -0.8, 1)]
    assert betas[1] == pytest.approx((odds[1] - odds[0]) / (odds[2] - odds[0]), rel=1e-6)
    np.testing.assert_array_equal(schedule(1), [0, 1])


def test_a_chain_takes_the_step_sizes_of_its_pilot_at_its_own_temperatures():
    pilot = np.arange(5.0)[:, None] * [1, 10]  # found at t / P = 0.2, 0.4, ..., 1
    steps = annealing._at_temperatures(pilot, 10)
    np.testing.assert_allclose(steps[1::2], pilot)
    np.testing.assert_allclose(steps[2], pilot[0] + 0.5 * (pilot[1] - pilot[0]))
    np.testing.assert_allclose(steps[0], pilot[0])
    np.testing.assert_allclose(annealing._at_temperatures(pilot, 5), pilot)
    np.testing.assert_allclose(annealing._at_temperatures(pilot[:1], 3), pilot[[0, 0, 0]])
