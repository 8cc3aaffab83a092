"""dSprites: the published frames to the pixel, the published order, and splits that are fixed."""

import hashlib

import jax
import numpy as np

from vae import modalities
from vae.modalities.images import dsprites
from vae.modalities.images.decoding import Fit
from vae.modalities.images.dsprites import NAMES, NUMBER, SIZES, draw, factors

SOME = {"train": "train[:30]", "valid": "valid[:6]", "test": "test[:6]"}
# The SHA-256 of the 320 frames of dsprites.gif, uint8 [320, 64, 64] of 0 and 1, in the authors'
# repository, github.com/deepmind/dsprites-dataset, version 1 of April 2017 (Apache-2.0).
PUBLISHED = "79e3b6d529222a04a628c13d9b5fa03b92a37b364d484a01fb5b828615af7d12"


def index(*classes):
    return np.ravel_multi_index(np.broadcast_arrays(*classes), SIZES).ravel()


def animated():
    """Returns the indices of the frames: scales, orientations, and for hearts once around."""
    there = np.arange(6)
    back, turn, along = there[::-1], np.arange(40), np.arange(32)
    found = []
    for shape in (2, 1, 0):
        scales = np.concatenate([there, back, there])
        found += [index(shape, scales, 0, 0, 0), index(shape, 5, turn, 0, 0)]
        if shape == 2:
            found += [index(2, 5, 0, 0, along), index(2, 5, 0, along, 31)]
            found += [index(2, 5, 0, 31, along[::-1]), index(2, 5, 0, along[::-1], 0)]
        found.append(index(shape, back, 0, 0, 0))
    return np.concatenate(found)


def test_all_published_frames_are_equal_to_the_pixel():
    frames = draw(animated())
    assert (frames.shape, frames.dtype) == ((320, 64, 64, 1), np.uint8)
    assert hashlib.sha256(frames.tobytes()).hexdigest() == PUBLISHED


def test_the_order_is_the_published_one():
    # The first image, the next, whose y is one step on, and the last, as the authors describe them.
    some = factors(np.array([0, 1, 32, 1024, 40_960, 245_760, NUMBER - 1]))
    by_name = {name: some[:, NAMES.index(name)] for name in NAMES}
    step = np.float32(1 / 31)
    np.testing.assert_allclose(by_name["y"], [0, step, 0, 0, 0, 0, 1])
    np.testing.assert_allclose(by_name["x"], [0, 0, step, 0, 0, 0, 1])
    turn = 2 * np.pi
    np.testing.assert_allclose(by_name["orientation"], [0, 0, 0, turn / 39, 0, 0, turn], rtol=1e-6)
    np.testing.assert_allclose(by_name["scale"], [0.5, 0.5, 0.5, 0.5, 0.6, 0.5, 1], rtol=1e-6)
    np.testing.assert_array_equal(by_name["shape=square"], [1, 1, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(by_name["shape=ellipse"], [0, 0, 0, 0, 0, 1, 0])
    assert int(np.prod(SIZES)) == NUMBER == 737_280


def test_positions_move_the_shape_and_no_window_cuts_it():
    # A square of 19.2 pixels covers the centres of 19 or 20 each way, around its own centre.
    x, y = (each.ravel() for each in np.meshgrid(np.arange(32), np.arange(32)))
    images = draw(index(0, 5, 0, x, y))[..., 0].astype(int)
    area = images.sum((1, 2))
    assert set(np.unique(area)) <= {19 * 19, 19 * 20, 20 * 20}
    middle = np.arange(64) + 0.5
    for axis, place in ((1, x), (2, y)):
        centre = (images.sum(axis) @ middle) / area
        np.testing.assert_allclose(centre, 16 + 32 * place / 31, atol=0.5)
    # Turned, it is whole at every corner, where all positions lie alike to the pixels.
    corners = np.meshgrid([0, 1], np.arange(40), [0, 31], [0, 31], indexing="ij")
    turned = draw(index(corners[0], 5, *corners[1:]))[..., 0]
    area = turned.reshape(-1, 4, 64 * 64).sum(-1)
    assert (area == area[:, :1]).all() and area.min() > 280


def test_shapes_are_symmetric():
    heart = draw(index(2, np.arange(6), 0, 0, 0))
    centred = heart[:, :32, :32]  # around (16, 16)
    np.testing.assert_array_equal(centred, centred[:, :, ::-1])
    turns = np.arange(40)
    shown = draw(index(2, 5, turns, 0, 0))[:, :32, :32]
    np.testing.assert_array_equal(shown[::-1], shown[:, :, ::-1])  # -t is t in a mirror
    np.testing.assert_array_equal(shown[0], shown[-1])  # 0 and 2 pi


def test_the_source(configure):
    held = modalities.load(configure(name="dsprites", **SOME))
    lazy = modalities.load(configure(name="dsprites", device_bytes=1, **SOME))
    assert (held.event.shape, held.attributes, held.num_classes) == ((64, 64, 1), NAMES, 0)
    assert held.event.values.kind == "binary"
    assert held.digest == lazy.digest and lazy.train.table() is None
    both = (split.read(np.array([5, 2])) for split in (held.test, lazy.test))
    jax.tree.map(np.testing.assert_array_equal, *both)
    (images, labels), ok = lazy.test.read(np.arange(6))
    np.testing.assert_array_equal(images, draw(lazy.test.indices))
    np.testing.assert_array_equal(labels, factors(lazy.test.indices))
    assert ok.all()


def test_splits_are_fixed_and_any_slice_of_them_is_random():
    splits = dsprites.read(Fit()).splits
    parts = [split.indices for split in splits.values()]
    assert [len(part) for part in parts] == [707_280, 10_000, 20_000]
    assert [int(part[0]) for part in parts] == [421_370, 513_857, 31_081]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(NUMBER))
    for labels in (splits["test"].labels, factors(parts[0][-10_000:])):
        np.testing.assert_allclose(labels[:, :3].mean(0), 1 / 3, atol=0.02)
        np.testing.assert_allclose(labels[:, 3:].mean(0), [0.75, np.pi, 0.5, 0.5], atol=0.06)


def test_other_sizes_stay_black_and_white(configure):
    found = modalities.load(configure(name="dsprites", image_size=(32, 32), **SOME))
    assert found.train.values.shape == (30, 32, 32, 1)
    assert set(np.unique(found.train.values)) == {0, 1}
