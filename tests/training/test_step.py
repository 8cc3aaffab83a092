"""What an objective is to the training step."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.probability.event import Values
from vae.training.state import initial_state
from vae.training.step import make_step, objective_settings

VALUES = Values("levels", 16.0, 17)
IMAGES = np.random.default_rng(0).integers(0, 17, (8, 4, 4, 1)).astype(np.uint8)
BATCH = HostBatch(np.arange(8)[None], Raw(IMAGES[None], np.zeros((1, 8), np.int32)))


@functools.cache
def gradient(name, groups=1, backward_samples=0):
    config = tiny(
        objective__name=name,
        objective__num_samples=4,
        objective__groups=groups,
        objective__backward_samples=backward_samples,
        data__batch_size=8,
    )
    data = facts(IMAGES.mean(0) / 16, VALUES)
    model = models.build(config.model, data)
    step = make_step(model, config, VALUES, num_examples=8, axis=None)
    start = jax.jit(lambda: initial_state(model, config))()
    state, _ = jax.jit(step)(start, BATCH, None)
    return jax.device_get(state.opt_state[0].mu)  # times 0.1, of Adam


def distance(a, b):
    return max(jax.tree.leaves(jax.tree.map(lambda a, b: np.abs(a - b).max(), a, b)))


def test_the_encoder_may_have_a_loss_of_its_own():
    iwae, dreg = gradient("iwae"), gradient("dreg")
    miwae, piwae = gradient("miwae", 2), gradient("piwae", 2)
    for part in ("decoder", "likelihood"):
        assert distance(dreg[part], iwae[part]) < 1e-6
        assert distance(piwae[part], iwae[part]) < 1e-6
        assert distance(miwae[part], iwae[part]) > 1e-4
    assert distance(dreg["encoder"], iwae["encoder"]) > 1e-4
    assert distance(piwae["encoder"], iwae["encoder"]) > 1e-4
    assert distance(piwae["encoder"], miwae["encoder"]) < 1e-6


@pytest.mark.parametrize("name", ["iwae", "dreg"])
def test_the_gradient_of_samples_drawn_by_weight_has_the_mean_of_that_of_all(name):
    every, few, many = (gradient(name, backward_samples=number) for number in (0, 1, 10_000))
    assert distance(few, every) > 1e-4
    assert distance(many, every) < 0.03 * distance(few, every)


def test_beta_and_capacity_follow_their_schedules():
    objective = tiny(
        objective__beta_schedule="cyclical",
        objective__capacity_steps=4,
    ).objective
    hyper = {"beta": 8.0, "capacity": 20.0, "beta_warmup_steps": 2.0}
    hyper = {name: jnp.float32(value) for name, value in hyper.items()}
    settings = [objective_settings(objective, hyper, jnp.int32(step)) for step in range(6)]
    np.testing.assert_allclose([s["beta"] for s in settings], [4, 8, 8, 8, 4, 8])
    np.testing.assert_allclose([s["capacity"] for s in settings], [5, 10, 15, 20, 20, 20])
