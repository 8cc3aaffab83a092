"""Objectives on the aggregate posterior, by hand, in closed form, and on several devices."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P
from rows import parts
from scipy.special import logsumexp
from scipy.stats import norm

from vae.probability.distributions import (
    DiagonalGaussian,
    StandardNormal,
    example_keys,
    sample_keys,
)
from vae.probability.objectives.aggregate import (
    SCALES,
    beta_tc,
    decomposition,
    dip_i,
    dip_ii,
    info_vae,
    mmd,
    wae,
)
from vae.probability.objectives.objective import reading
from vae.probability.objectives.variational import elbo
from vae.probability.terms import Terms
from vae.training.devices import AXIS

DIM = 3
PARAMS = {
    "mean": jax.random.normal(jax.random.key(1), (2, DIM)),
    "log_std": 0.3 * jax.random.normal(jax.random.key(2), (2, DIM)) - 0.5,
    "decoder": jax.random.normal(jax.random.key(3), (DIM,)),
}
X = jax.random.normal(jax.random.key(4), (8, 2))
INDEX = jnp.arange(8)


def terms(params=PARAMS, x=X, index=INDEX, num_samples=2):
    q, p = DiagonalGaussian(x @ params["mean"], x @ params["log_std"]), StandardNormal(DIM)
    keys = sample_keys(example_keys(jax.random.key(0), index), num_samples)
    z, log_qz = q.sample_and_log_prob(keys=keys)
    log_px = -((z @ params["decoder"] - x[:, 0]) ** 2)
    return Terms(log_px, p.log_prob(z), log_qz, q.kl(p), z, q.mean, q, p, {}, {})


def test_the_decomposition_of_a_batch_that_is_all_there_is():
    at = terms()
    mean, std = np.asarray(at.q.mean, np.float64), np.exp(np.asarray(at.q.log_std, np.float64))
    z = np.asarray(at.z, np.float64)
    log_q = norm.logpdf(z[:, :, None], mean, std)  # [K, B, B, D]
    joint = logsumexp(log_q.sum(-1), axis=-1) - np.log(8)
    marginals = logsumexp(log_q, axis=2) - np.log(8)
    found = jax.jit(functools.partial(decomposition, num_examples=8))(at)
    information, correlation, dimwise = found
    np.testing.assert_allclose(information, at.log_qz - joint, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(correlation, joint - marginals.sum(-1), rtol=1e-4, atol=1e-5)
    expected = (marginals - norm.logpdf(z)).sum(-1)
    np.testing.assert_allclose(dimwise, expected, rtol=1e-4, atol=1e-5)


def test_the_estimate_of_the_aggregate_density_is_unbiased_over_batches():

    @jax.jit
    def density(chosen):
        """q(z) at the samples of the first of some examples, estimated from these."""
        at = terms(x=X[chosen], index=INDEX[chosen])
        information, _, _ = decomposition(at, num_examples=8)
        return jnp.exp((at.log_qz - information)[:, 0])

    batches = [[0, *others] for others in itertools.combinations(range(1, 8), 2)]
    estimates = [density(np.array(batch)) for batch in batches]
    np.testing.assert_allclose(np.mean(estimates, axis=0), density(np.arange(8)), rtol=1e-4)


def test_the_total_correlation_of_a_gaussian():
    # x ~ N(0, 1), z = (x, x) + 0.5 noise: an aggregate with correlation 1 / 1.25.
    x = norm.ppf((np.arange(1500) + 0.5) / 1500)
    mean = jnp.stack([x, x], axis=-1)
    q = DiagonalGaussian(mean, jnp.full_like(mean, np.log(0.5)))
    z, log_qz = q.sample_and_log_prob(keys=jax.random.split(jax.random.key(0), (1, 1500)))
    at = terms()._replace(z=z, q=q, log_qz=log_qz, log_pz=jnp.zeros_like(log_qz))
    information, correlation, _ = decomposition(at, num_examples=1500)
    determinant = 1 - 0.8**2
    np.testing.assert_allclose(correlation.mean(), -0.5 * np.log(determinant), atol=0.06)
    mutual = 0.5 * np.log(1.25**2 * determinant / 0.25**2)
    np.testing.assert_allclose(information.mean(), mutual, atol=0.06)


def test_the_parts_sum_to_the_divergence_of_the_samples():
    at = terms()
    weights = dict.fromkeys(("beta", "mi_weight", "dimwise_weight"), 1.0)
    whole = beta_tc(at, **weights, num_examples=100)
    expected = elbo(at._replace(kl=None))
    np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-5)
    parts = decomposition(at, num_examples=100)
    for name, part in zip(("mi_weight", "beta", "dimwise_weight"), parts, strict=True):
        more = beta_tc(at, **weights | {name: 3.0}, num_examples=100)
        np.testing.assert_allclose(more - whole, 2 * part.mean(0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("objective", [dip_i, dip_ii])
def test_dip_by_hand(objective):
    at = terms()
    covariance = np.cov(np.asarray(at.q.mean, np.float64).T)
    if objective is dip_ii:
        covariance += np.diag(np.exp(2 * np.asarray(at.q.log_std, np.float64)).mean(0))
    penalty = 5 * ((np.diag(covariance) - 1) ** 2).sum()
    penalty += 2 * (covariance[~np.eye(DIM, dtype=bool)] ** 2).sum()
    loss = objective(at, beta=3.0, dip_diagonal=5.0, dip_off_diagonal=2.0)
    np.testing.assert_allclose(loss - elbo(at, beta=3.0), np.full(8, penalty), rtol=1e-3)


@pytest.mark.parametrize("name", ["rbf", "imq"])
def test_mmd_by_hand(name):
    x, y = (np.random.default_rng(seed).normal(seed, 1.0, (5, DIM)) for seed in (0, 1))

    def kernel(a, b):
        distance = ((a - b) ** 2).sum()
        widths = 2 * DIM * np.array(SCALES)
        each = np.exp(-distance / widths) if name == "rbf" else widths / (widths + distance)
        return each.sum()

    expected = 0.0
    for i, j in itertools.product(range(5), range(5)):
        if i != j:
            expected += (kernel(x[i], x[j]) + kernel(y[i], y[j])) / (5 * 4)
        expected -= 2 * kernel(x[i], y[j]) / 5**2
    np.testing.assert_allclose(mmd(x, y, kernel=name).mean(), expected, rtol=1e-4)


def test_mmd_is_unbiased_and_sees_what_differs():
    draws = jax.random.normal(jax.random.key(0), (2, 2000, 6, DIM))
    same = jax.vmap(lambda x, y: mmd(x, y, kernel="imq").mean())(*draws)
    assert abs(same.mean()) < 4 * same.std() / 2000**0.5
    other = jax.vmap(lambda x, y: mmd(0.5 * x, y, kernel="imq").mean())(*draws)
    assert other.mean() > 20 * other.std() / 2000**0.5


def test_info_vae_lies_between_the_elbo_and_wae():
    at, settings = terms(), {"keys": example_keys(jax.random.key(7), INDEX), "kernel": "imq"}
    np.testing.assert_allclose(
        info_vae(at, alpha=0.0, mmd_weight=1.0, **settings), elbo(at), rtol=1e-5
    )
    np.testing.assert_allclose(
        info_vae(at, alpha=1.0, mmd_weight=3.0, **settings),
        wae(at, mmd_weight=3.0, **settings),
        rtol=1e-5,
    )
    prior = at.p.sample(keys=settings["keys"])
    mismatch = np.mean([mmd(z, prior, kernel="imq") for z in at.z], axis=0)
    np.testing.assert_allclose(
        wae(at, mmd_weight=3.0, **settings), 3 * mismatch - at.log_px.mean(0), rtol=1e-5
    )


SETTINGS = {
    "beta": 3.0,
    "mi_weight": 0.5,
    "dimwise_weight": 2.0,
    "num_examples": 50,
    "dip_diagonal": 5.0,
    "dip_off_diagonal": 2.0,
    "alpha": 0.3,
    "mmd_weight": 4.0,
    "kernel": "imq",
}


def test_several_devices_see_one_batch():
    names = ("beta_tc", "dip_i", "dip_ii", "info_vae", "wae")

    def step(params, x, index, axis):
        """The loss of each objective, and its gradient."""
        settings = SETTINGS | {"axis": axis, "keys": example_keys(jax.random.key(7), index)}

        def loss(params, name):
            loss = parts("objective.name")[name].loss
            return reading(loss, settings)(terms(params, x, index)).mean()

        results = {name: jax.value_and_grad(loss)(params, name) for name in names}
        return results if axis is None else jax.lax.pmean(results, axis)

    expected = jax.jit(lambda *args: step(*args, None))(PARAMS, X, INDEX)
    for number in (1, 2, 4):
        mesh = jax.make_mesh(
            (number,),
            (AXIS,),
            axis_types=(jax.sharding.AxisType.Auto,),
            devices=jax.devices()[:number],
        )
        mapped = jax.shard_map(
            lambda *args: step(*args, AXIS),
            mesh=mesh,
            in_specs=(P(), P(AXIS), P(AXIS)),
            out_specs=P(),
            check_vma=False,
        )
        jax.tree.map(
            lambda several, one: np.testing.assert_allclose(several, one, rtol=1e-4, atol=1e-5),
            jax.jit(mapped)(PARAMS, X, INDEX),
            expected,
        )
