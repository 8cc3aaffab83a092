import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from vae.probability import schedules
from vae.probability.distributions import DiagonalGaussian, normal_log_prob
from vae.probability.objectives.variational import capacity, elbo, stl
from vae.probability.terms import Terms
from vae.training.devices import AXIS


def terms(log_px, kl=None, log_qz=None, log_pz=None, losses=None):
    log_px = jnp.asarray(log_px, jnp.float32)
    zero = jnp.zeros_like(log_px)
    return Terms(
        log_px=log_px,
        log_pz=zero if log_pz is None else jnp.asarray(log_pz),
        log_qz=zero if log_qz is None else jnp.asarray(log_qz),
        kl=None if kl is None else jnp.asarray(kl, jnp.float32),
        z=None,
        mean=None,
        q=None,
        p=None,
        losses=losses or {},
        statistics={},
    )


def test_elbo_by_hand():
    loss = elbo(terms([[-10.0, -20.0], [-12.0, -22.0]], kl=[[1.0, 2.0], [3.0, 0.5]]))
    np.testing.assert_allclose(loss, [11 + 4, 21 + 2.5])


def test_beta_weighs_the_divergence_only():
    loss = elbo(terms([[-10.0]], kl=[[3.0]]), beta=4.0)
    np.testing.assert_allclose(loss, [22.0])


def test_without_a_closed_form_the_divergence_is_estimated_from_the_samples():
    loss = elbo(terms([[-1.0], [-1.0]], log_qz=[[-2.0], [-4.0]], log_pz=[[-5.0], [-6.0]]))
    np.testing.assert_allclose(loss, [1 + 2.5])


def test_further_losses_are_added():
    np.testing.assert_allclose(elbo(terms([[-1.0]], kl=[[0.0]], losses={"a": jnp.array([2.0])})), 3)


def test_free_bits_bound_the_batch_mean_of_each_group():
    kl = [[0.1, 0.3], [4.0, 0.0]]  # batch means 0.2 and 2.0
    loss = elbo(terms([[0.0, 0.0]], kl=kl), free_bits=0.5)
    np.testing.assert_allclose(loss.mean(), 0.5 + 2.0)  # sum_g max(lambda, mean KL_g)
    slope = jax.grad(lambda kl: elbo(terms([[0.0, 0.0]], kl=kl), free_bits=0.5).mean())(
        jnp.array(kl)
    )
    np.testing.assert_allclose(slope, [[0, 0], [0.5, 0.5]])


def test_free_bits_see_the_whole_batch_on_several_devices():
    kl = jnp.array([[0.9, 0.9, 0.0, 0.0]])  # mean 0.45, on two devices 0.9 and 0.0
    mesh = jax.make_mesh((2,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,))
    mapped = jax.shard_map(
        lambda kl: elbo(terms(jnp.zeros((1, 2)), kl=kl), free_bits=0.5, axis=AXIS),
        mesh=mesh,
        in_specs=P(None, AXIS),
        out_specs=P(AXIS),
        check_vma=False,
    )
    np.testing.assert_allclose(mapped(kl), elbo(terms(jnp.zeros((1, 4)), kl=kl), free_bits=0.5))


def test_the_divergence_is_drawn_to_the_capacity_from_either_side():
    at = terms([[-10.0, -10.0]], kl=[[1.0, 6.0], [2.0, 3.0]], losses={"a": jnp.ones(2)})
    np.testing.assert_allclose(capacity(at, beta=10.0, capacity=5.0), [11 + 20, 11 + 40])


def gaussian(mean, log_std, noise):
    """Terms of log p(x, z) = -(z - 1)^2 / 2 + const, whose posterior is N(1, 1), with K samples."""
    q = DiagonalGaussian(mean, log_std)
    z = mean + jnp.exp(log_std) * noise
    at = terms(jnp.zeros(noise.shape[:2]), log_qz=q.log_prob(z))
    return at._replace(log_pz=normal_log_prob(z, 1.0, 0.0).sum(-1), z=z, q=q)


def test_sticking_the_landing_is_the_elbo_with_another_gradient():
    noise = jax.random.normal(jax.random.key(0), (50_000, 1, 1))
    at = jnp.array([[0.4]]), jnp.array([[-0.2]])

    @functools.partial(jax.jit, static_argnums=0)
    def slopes(objective, at, noise):
        return jax.value_and_grad(lambda at: objective(gaussian(*at, noise), beta=2.0).sum())(at)

    (value, own), (expected, slope) = slopes(stl, at, noise), slopes(elbo, at, noise)
    np.testing.assert_allclose(value, expected, rtol=1e-4)
    np.testing.assert_allclose(own, slope, atol=0.03)  # the mean of the score that is left out
    exact = jnp.ones((1, 1)), jnp.zeros((1, 1))
    np.testing.assert_allclose(slopes(stl, exact, noise[:3])[1], 0, atol=1e-6)
    assert np.abs(slopes(elbo, exact, noise[:3])[1]).max() > 0.1


def test_warmup_reaches_one_at_its_last_step():
    values = [float(schedules.warmup(jnp.int32(s), 4)) for s in range(6)]
    np.testing.assert_allclose(values, [0.25, 0.5, 0.75, 1, 1, 1])
    assert float(schedules.warmup(jnp.int32(0), 0)) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1, 1]),
        ("cosine", [0.5 - 0.25 * 2**0.5, 0.5, 0.5 + 0.25 * 2**0.5, 1, 1, 1, 1, 1, 1, 1]),
        ("cyclical", [0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 0.25, 0.5]),
    ],
)
def test_rise_goes_from_zero_to_one(name, expected):
    values = [float(schedules.rise(name, jnp.int32(step), 4)) for step in range(10)]
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert float(schedules.rise(name, jnp.int32(5), 0)) == 1


@pytest.mark.parametrize(("name", "half"), [("constant", 1.0), ("linear", 0.5), ("cosine", 0.5)])
def test_decay_goes_from_one_to_zero(name, half):
    at = [float(schedules.decay(name, jnp.int32(s), 100)) for s in (0, 50, 100, 120)]
    end = 1.0 if name == "constant" else 0.0
    np.testing.assert_allclose(at, [1.0, half, end, end], atol=1e-6)
