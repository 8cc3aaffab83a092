"""Importance-weighted objectives by hand, and on a linear-Gaussian model (`linear_gaussian.py`)."""

import functools

import jax
import jax.numpy as jnp
import linear_gaussian
import numpy as np
import pytest
from linear_gaussian import SIGMA, VARIANCE, W
from scipy.special import logsumexp

from vae.probability.distributions import DiagonalGaussian, StandardNormal, normal_log_prob
from vae.probability.objectives.importance import PIWAE, ciwae, dreg, iwae, miwae
from vae.probability.terms import Terms, log_weights

PARAMS = {
    "decoder": jnp.asarray(W, jnp.float32),
    "mean": jnp.zeros(2),  # of q, less that of the exact posterior
    "log_std": jnp.zeros(2),
}


def shifted(by):
    return PARAMS | {"mean": jnp.array([by, -by]), "log_std": jnp.array([0.5 * by, by])}


def terms(params, x, key, num_samples):
    """`Terms` of examples x [B, 4]."""
    mean = x @ W * VARIANCE / SIGMA**2 + params["mean"]
    q = DiagonalGaussian(mean, jnp.log(VARIANCE) / 2 + params["log_std"] + 0 * mean)
    p = StandardNormal(2)
    z, log_qz = q.sample_and_log_prob(keys=jax.random.split(key, (num_samples, len(x))))
    log_px = normal_log_prob(x, z @ params["decoder"].T, np.log(SIGMA)).sum(-1)
    return Terms(log_px, p.log_prob(z), log_qz, q.kl(p), z, q.mean, q, p, {}, {})


@pytest.fixture(scope="module")
def x():
    return linear_gaussian.images(3).reshape(3, 4)


def test_bounds_by_hand(x):
    @jax.jit
    def found(x):
        at = terms(shifted(0.3), x, jax.random.key(0), 6)._replace(losses={"a": jnp.ones(3)})
        mixed = ciwae(at, ciwae_weight=0.3)
        return log_weights(at), iwae(at), miwae(at, groups=3), PIWAE.loss(at), mixed

    w, of_all, of_pairs, of_piwae, of_both = found(x)
    w = np.asarray(w, np.float64)  # [6, 3]
    whole = 1 - (logsumexp(w, axis=0) - np.log(6))
    pairs = 1 - np.mean([logsumexp(w[i : i + 2], axis=0) - np.log(2) for i in (0, 2, 4)], axis=0)
    np.testing.assert_allclose(of_all, whole, rtol=1e-5)
    np.testing.assert_allclose(of_pairs, pairs, rtol=1e-5)
    np.testing.assert_allclose(of_piwae, whole, rtol=1e-5)
    mixed = 0.3 * (1 - w.mean(0)) + 0.7 * whole
    np.testing.assert_allclose(of_both, mixed, rtol=1e-5)


def test_bounds_are_in_order_below_the_truth(x):
    sets = 4000

    @jax.jit
    def bounds(x):
        at = terms(shifted(0.4), x, jax.random.key(0), 6)
        losses = miwae(at, groups=6), iwae(at), miwae(at, groups=2), ciwae(at, ciwae_weight=0.5)
        return [-loss.reshape(sets, 3).mean(0) for loss in losses]

    elbo, iw, *others = map(np.asarray, bounds(np.tile(x, (sets, 1))))
    for between in others:
        assert (elbo < between).all() and (between < iw).all()
    truth = linear_gaussian.log_likelihood(x)
    assert (iw < truth).all() and (truth - iw < 0.2).all()


def test_gradient_of_iwae_is_that_of_finite_differences(x):
    jax.clear_caches()  # a gradient kept from before is of float32, and jax takes it for its own
    with jax.enable_x64(True):
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64), shifted(0.3))

        @jax.jit
        @jax.value_and_grad
        def loss(params):
            return iwae(terms(params, x, jax.random.key(0), 5)).mean()

        _, slope = loss(params)
        for name, leaf in params.items():
            for index in np.ndindex(leaf.shape):
                ends = [loss(params | {name: leaf.at[index].add(h)})[0] for h in (1e-5, -1e-5)]
                numeric = (ends[0] - ends[1]) / 2e-5
                np.testing.assert_allclose(slope[name][index], numeric, rtol=1e-5, atol=1e-8)


@functools.partial(jax.jit, static_argnums=(0, 4))
def gradients(objective, params, x, keys, num_samples):
    """Gradients for q, from each key: [S, 4]."""

    def loss(own, key):
        return objective(terms(params | own, x, key, num_samples)).sum()

    own = {name: params[name] for name in ("mean", "log_std")}
    slopes = jax.vmap(jax.grad(loss), in_axes=(None, 0))(own, keys)
    return jnp.concatenate([slopes["mean"], slopes["log_std"]], axis=-1)


@pytest.mark.parametrize("num_samples", [1, 8])
def test_dreg_has_the_mean_of_the_gradient_of_iwae_and_less_variance(x, num_samples):
    keys = jax.random.split(jax.random.key(0), 10_000)
    far = shifted(0.4)
    plain = np.asarray(gradients(iwae, far, x[:1], keys, num_samples), np.float64)
    double = np.asarray(gradients(dreg, far, x[:1], keys, num_samples), np.float64)
    error = (plain - double).std(0) / np.sqrt(len(keys))
    assert (np.abs((plain - double).mean(0)) < 4 * error).all()
    assert (np.abs(plain.mean(0)) > 10 * error)[:2].all()  # so that a wrong sign would be seen

    near = shifted(0.05)
    plain = gradients(iwae, near, x[:1], keys[:2000], num_samples)
    double = gradients(dreg, near, x[:1], keys[:2000], num_samples)
    assert (double.var(0) < 0.1 * plain.var(0)).all()
    exact = gradients(dreg, PARAMS, x[:1], keys[:10], num_samples)
    np.testing.assert_allclose(exact, 0, atol=1e-4)
