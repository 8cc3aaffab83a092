"""Frames are encoded and decoded apart, by the same weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.errors import InputError
from vae.models.priors.dynamics import linear_dynamics
from vae.networks.per_frame import Decoder, Encoder

FRAMES, CHANNELS = 3, 2
X = np.random.default_rng(0).normal(size=(4, FRAMES, 5, 4, 1)).astype(np.float32)


def test_a_frame_changes_its_own_numbers_alone_and_the_same_frame_has_the_same():
    encoder = Encoder((4,), 2 * CHANNELS * FRAMES)
    variables = encoder.init(jax.random.key(0), X)
    first = encoder.apply(variables, X).reshape(4, 2 * CHANNELS, FRAMES)
    turned = encoder.apply(variables, X[:, ::-1]).reshape(4, 2 * CHANNELS, FRAMES)
    np.testing.assert_allclose(turned, first[..., ::-1], atol=1e-6)
    assert np.abs(np.diff(first)).max() > 1e-3 and encoder.grid((FRAMES, 5, 4)) == (FRAMES,)


def test_a_frame_is_decoded_from_its_own_numbers():
    decoder = Decoder((4,), (FRAMES, 5, 4), 2, output_bias=jnp.full((FRAMES, 5, 4, 2), 0.7))
    z = np.random.default_rng(1).normal(size=(2, 4, CHANNELS, FRAMES)).astype(np.float32)
    flat = z.reshape(2, 4, -1)
    variables = decoder.init(jax.random.key(0), flat)
    made = decoder.apply(variables, flat)
    assert made.shape == (2, 4, FRAMES, 5, 4, 2)
    turned = decoder.apply(variables, z[..., ::-1].reshape(2, 4, -1))
    np.testing.assert_allclose(turned, made[:, :, ::-1], atol=1e-6)
    np.testing.assert_allclose(made.mean(), 0.7, atol=0.1)


def test_static_channels_are_those_of_the_first_frame():
    encoder = Encoder((4,), 2 * 3 * FRAMES, static_channels=2)
    variables = encoder.init(jax.random.key(0), X)
    made = encoder.apply(variables, X).reshape(4, 2, 3, FRAMES)
    assert (made[:, :, 1:, 1:] == 0).all() and (made[:, :, :1] != 0).all()
    assert (made[:, :, 1:, 0] != 0).all()
    decoder = Decoder((4,), (FRAMES, 5, 4), 1, static_channels=2)
    z = np.random.default_rng(1).normal(size=(1, 3, FRAMES)).astype(np.float32)
    variables = decoder.init(jax.random.key(0), z.reshape(1, -1))
    decode = jax.jit(lambda z: decoder.apply(variables, z.reshape(1, -1)))

    def changes(channel, frame):
        other = z.copy()
        other[:, channel, frame] += 1
        return (np.abs(decode(other) - decode(z)).max((0, 2, 3, 4)) > 0).tolist()

    assert changes(2, 0) == [True] * FRAMES and changes(2, 1) == [False] * FRAMES
    assert changes(0, 1) == [False, True, False]


def test_latents_without_time_have_no_dynamics():
    with pytest.raises(InputError, match="choose 'per_frame'"):
        linear_dynamics(6, (), (4,))
