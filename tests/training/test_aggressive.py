"""An encoder that is updated more often than the rest: by hand, resumed, on devices, in a sweep."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from configs import tiny
from facts import facts

import vae
from vae import models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.errors import InputError
from vae.population import population
from vae.population.population import Member
from vae.probability.event import Values
from vae.rules.config import check_config
from vae.training.state import initial_state
from vae.training.step import make_step

VALUES = Values("levels", 16.0, 17)
IMAGES = np.random.default_rng(0).integers(0, 17, (8, 4, 4, 1)).astype(np.uint8)
BATCH = HostBatch(np.arange(8)[None], Raw(IMAGES[None], np.zeros((1, 8), np.int32)))
RATE, STEPS, EVERY = 1e-2, 5, 3
TURNS = [False, False, True, False, False, True, True]  # steps 5 and 6 are usual ones
AGGRESSIVE = {"training__aggressive_steps": STEPS, "training__encoder_updates": EVERY}
Q = ("encoder", "posterior")


def sgd():
    return optax.identity()


SGD = {"optimizer__name": f"{__name__}:sgd"}


@functools.cache
def stepper(**overrides):
    config = tiny(optimizer__learning_rate=RATE, data__batch_size=8, **overrides)
    model = models.build(config.model, facts(IMAGES.mean(0) / 16, VALUES))
    start = jax.jit(lambda: initial_state(model, config))()
    step = jax.jit(make_step(model, config, VALUES, num_examples=8, axis=None))
    return start, lambda state: step(state, BATCH, None)[0]


def after(steps, **overrides):
    """The states before the first step and after each one."""
    state, step = stepper(**overrides)
    states = [state]
    for _ in range(steps):
        states.append(step(states[-1]))
    return states


def gradient(state):
    """The gradient at the parameters of a state, in its next step."""
    _, step = stepper(**SGD)
    plain = stepper(**SGD)[0].replace(
        step=state.step, params=state.params, statistics=state.statistics
    )
    moved = step(plain).params
    return jax.tree.map(lambda before, new: (before - new) / RATE, state.params, moved)


def close(found, expected, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), found, dict(expected))


def test_plain_descent_is_that_of_the_encoder_alone_but_for_its_turns():
    states = after(len(TURNS), **SGD, **AGGRESSIVE)
    for before, now, turn in zip(states, states[1:], TURNS, strict=False):
        slope = gradient(before)
        expected = {
            part: jax.tree.map(lambda p, g: p - RATE * g, leaves, slope[part])
            if turn or part in Q
            else leaves
            for part, leaves in before.params.items()
        }
        close(now.params, expected, rtol=1e-5, atol=1e-6)
        moved = {part: expected[part] is not before.params[part] for part in expected}
        assert moved["encoder"] and moved["decoder"] == turn


def test_the_moments_of_what_waits_are_left_alone():
    names = {"optimizer__eps": 1e-2, "optimizer__clip_norm": 1e6}
    states = after(len(TURNS), **names, **AGGRESSIVE)
    adam = optax.scale_by_adam(eps=1e-2)
    params, moments = states[0].params["decoder"], adam.init(states[0].params["decoder"])
    for before, now, turn in zip(states, states[1:], TURNS, strict=False):
        if turn:
            slope = gradient(before)["decoder"]
            directions, moments = adam.update(slope, moments)
            params = jax.tree.map(lambda p, d: p - RATE * d, params, directions)
        close(now.params["decoder"], params, rtol=1e-3, atol=1e-5)
    counts = {name: state[1].count for name, state in states[-1].opt_state.items()}
    assert counts == {"inference": len(TURNS), "others": sum(TURNS)}


def test_weights_of_what_waits_do_not_decay():
    names = {"optimizer__name": "adamw", "optimizer__weight_decay": 0.5}
    first, second, third = after(2, **names, **AGGRESSIVE)
    jax.tree.map(np.testing.assert_array_equal, third.params["decoder"], first.params["decoder"])
    kernel = second.params["encoder"]["head"]["kernel"]
    assert jnp.abs(third.params["encoder"]["head"]["kernel"] - kernel).max() > 0


LATER = {
    "training__aggressive_steps": 12,
    "training__encoder_updates": 3,
    "model__encoder_widths": (64,),
    "evaluation__every_steps": 0,
    "evaluation__num_samples": 1,
    "training__ema_decay": 0.0,
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return folder, vae.train(tiny(**LATER), folder)


def test_a_run_goes_on_to_the_bit(whole, tmp_path):
    vae.train(tiny(training__steps=10, **LATER), tmp_path)  # the decoder's turn was two steps ago
    assert vae.train(tiny(**LATER), tmp_path)["params_sha256"] == whole[1]["params_sha256"]


@pytest.mark.parametrize("how", ["spread", "together"])
def test_devices_that_share_the_state_and_members_end_alike(whole, tmp_path, how):
    if how == "spread":
        vae.train(tiny(training__shard_state=True, **LATER), tmp_path)
    else:
        other = tiny(seed=1, **LATER)
        pair = [Member(tiny(**LATER), tmp_path, {}), Member(other, tmp_path / "b", {"seed": 1})]
        population.train(pair)
    runs = vae.load(whole[0]), vae.load(tmp_path)
    close(runs[0].params, runs[1].params, rtol=1e-3, atol=1e-5)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(InputError, match="encoder_updates=3 has no effect"):
        check_config(tiny(training__encoder_updates=3))
    ladder = {"model__name": "ladder", "model__groups": (1,), "model__latent_dim": 2}
    with pytest.raises(InputError, match=r"aggressive_steps=5 .* of the decoder, too; leave it"):
        vae.train(tiny(training__aggressive_steps=5, **ladder), tmp_path)
