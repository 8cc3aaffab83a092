"""What a clip lacks is left out, of the latents and of predictions."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from configs import tiny
from facts import checked, facts
from untrained import small

from vae import models
from vae.errors import InputError
from vae.modalities.video.tasks.predict import predictable
from vae.probability.distributions import sample_keys
from vae.probability.dynamics import flattened, in_time
from vae.probability.event import BYTES
from vae.probability.terms import Batch

FRAMES, SHORT = 3, 2
CLIPS = np.random.default_rng(0).random((2, FRAMES, 4, 4, 1)).astype(np.float32)
LACKING = np.ones((2, FRAMES, 4, 4), bool)
LACKING[0, SHORT:] = False


def config_of(**overrides):
    keys = {"model__encoder": "per_frame", "model__decoder": "per_frame"}
    keys |= {"model__encoder_widths": (2,), "model__decoder_widths": (2,)}
    keys |= {"model__latent_channels": 3, "model__static_channels": 1, "model__prior_widths": (3,)}
    return tiny(**keys | {"model__prior": "recurrent", "model__likelihood": "gaussian"} | overrides)


def model_of(frames):
    data = facts(np.full((frames, 4, 4, 1), 0.5), replace(BYTES, missing=True))
    return models.build(config_of().model, data)


def test_a_shorter_clip_has_the_weights_of_a_model_of_so_many_frames():
    model, short = model_of(FRAMES), model_of(SHORT)
    variables, statistics = small(model), small(short)["statistics"]
    for frames, each in (FRAMES, variables["statistics"]), (SHORT, statistics):
        each["posterior"]["origin"] = np.zeros(3 * frames, np.float32)
    keys = sample_keys(jax.random.split(jax.random.key(1), 2), 3)

    @jax.jit
    def log_weights(mask):
        terms = model.terms(variables, Batch(CLIPS, None, mask), keys=keys)
        return terms.log_px + terms.log_pz - terms.log_qz, terms.z

    (weights, z), (whole, _) = log_weights(LACKING), log_weights(np.ones_like(LACKING))
    np.testing.assert_allclose(weights[:, 1], whole[:, 1], rtol=1e-5)
    assert np.abs(weights[:, 0] - whole[:, 0]).min() > 1

    own = {"params": variables["params"], "statistics": statistics}
    cut = flattened(in_time(z, FRAMES)[:SHORT])[:, :1]

    @jax.jit
    def of_the_short(z):
        batch = Batch(CLIPS[:1, :SHORT])
        log_px = short.emission.log_prob(own, short.outputs(own, z), batch)
        return log_px + short.latents(own).log_prob(z) - short.encode(own, batch).log_prob(z)

    np.testing.assert_allclose(weights[:, :1], of_the_short(cut), rtol=1e-5)


def test_other_posteriors_are_refused_where_clips_differ_in_length():
    data = facts(np.full((FRAMES, 4, 4, 1), 0.5), replace(BYTES, missing=True))
    with pytest.raises(InputError, match="some have fewer frames than others"):
        checked(config_of(model__posterior="full_gaussian"), data)


def test_clips_are_predicted_that_have_the_given_frames_and_others():
    x = np.zeros((3, FRAMES, 1, 1, 1))
    x[1, 2:], x[2, 1:] = np.nan, np.nan
    first, between = np.array([True, True, False]), np.array([True, False, True])
    np.testing.assert_array_equal(predictable(x, first), [True, False, False])
    np.testing.assert_array_equal(predictable(x, np.arange(3) < 1), [True, True, False])
    np.testing.assert_array_equal(predictable(x, between), [True, False, False])
