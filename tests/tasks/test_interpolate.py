import json
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from vae.errors import InputError
from vae.models.posteriors.hyperbolic import Wrapped
from vae.probability.ball import distance
from vae.tasks.interpolate import _between, interpolate, lerp, slerp

T = np.linspace(0, 1, 7)


def test_a_turn_keeps_the_norm_and_has_constant_speed():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 12))
    a, b = (3 * v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    way = slerp(a, b, T)
    np.testing.assert_allclose(way[:, [0, -1]], np.stack([a, b], 1), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(way, axis=-1), 3)
    turns = np.arccos((way[:, 1:] * way[:, :-1]).sum(-1) / 9)
    whole = np.arccos((a * b).sum(-1) / 9)
    np.testing.assert_allclose(turns, np.tile(whole[:, None] / 6, 6), rtol=1e-6)


def test_in_the_plane_it_is_the_angle():
    a, b = np.array([[2.0, 0.0]]), np.array([[0.0, 4.0]])
    angle, norm = T * np.pi / 2, 2 + 2 * T
    expected = np.stack([norm * np.cos(angle), norm * np.sin(angle)], axis=-1)
    np.testing.assert_allclose(slerp(a, b, T)[0], expected, atol=1e-12)


def test_where_there_is_no_turn_it_is_straight():
    a = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    b = a * np.array([1.0, 2.5, -1.0, 0.0], np.float32)[:, None]
    way = slerp(a, b, T.astype(np.float32))
    np.testing.assert_allclose(way, lerp(a, b, T), atol=1e-5)
    assert np.isfinite(slerp(0 * a, b, T)).all()


def test_hyperbolic_latents_are_joined_at_constant_speed():
    z = np.random.default_rng(0).normal(scale=0.5, size=(4, 3)).astype(np.float32)
    way = _between(z, T, Wrapped(3, curvature=0.3).geodesic).reshape(2, 7, 3)
    np.testing.assert_allclose(way[:, [0, -1]], z.reshape(2, 2, 3), atol=1e-6)
    steps = distance(way[:, 1:], way[:, :-1], 0.3)
    whole = distance(z[::2], z[1::2], 0.3)
    np.testing.assert_allclose(steps, np.tile(whole[:, None] / 6, 6), rtol=1e-4)


def test_a_strip_and_an_animation_there_and_back(plain, halves_read):
    (strip, gif, record), figures, _ = interpolate(plain, num=4, steps=5)
    assert strip.is_file() and json.loads(record.read_text()) == figures
    assert [len(pair["change"]) for pair in figures["pairs"]] == [4, 4]
    assert figures["pairs"][1]["from"] == "test 2"
    frames = []
    with Image.open(gif) as animation:
        assert animation.n_frames == 8 and animation.info["loop"] == 0
        for i in range(8):
            animation.seek(i)
            frames.append(np.asarray(animation.convert("RGB")).astype(int))
    assert all(np.abs(a - b).max() > 10 for a, b in pairwise(frames))
    np.testing.assert_array_equal(frames[1], frames[7])


def test_its_ends_are_the_reconstructions(plain, halves_read):
    from vae import modalities
    from vae.data.prepare import first_examples

    x = first_examples(modalities.load(plain.config.data), "test", 2, plain.config).x
    expected = np.sqrt(np.mean(np.diff(plain.reconstruct(x), axis=0) ** 2))
    figures = interpolate(plain, num=2, steps=2, method="linear").figures
    np.testing.assert_allclose(figures["pairs"][0]["change"], [expected], rtol=1e-5)


def test_a_ladder_and_what_a_model_is_told(ladder, told, halves_read):
    assert len(interpolate(told, num=2, steps=3).paths) == 3
    with pytest.raises(InputError, match="must be one of geodesic, spherical, linear"):
        interpolate(ladder, method="means")
    with pytest.raises(InputError, match="is for hyperbolic latents"):
        interpolate(told, num=2, method="geodesic")
    with pytest.raises(InputError, match=r"in pairs.*: 3 cannot be paired; give an even number"):
        interpolate(told, num=3)
    with pytest.raises(InputError, match="--steps=1 must be 2 or more"):
        interpolate(told, num=2, steps=1)


def test_the_groups_of_a_ladder(ladder):
    assert interpolate(ladder, num=2, steps=3).figures["method"] == "spherical"
