"""Drawn faces: a function of the index alone, each factor where its name says."""

import jax
import numpy as np
import pytest

from vae import modalities
from vae.modalities.images.faces import NAMES, SPLITS, factors, render
from vae.modalities.images.faces.attributes import FACTORS
from vae.modalities.images.faces.canvas import Canvas
from vae.modalities.images.faces.drawing import _Face

SOME = {"train": "train[:30]", "valid": "valid[:6]", "test": "test[:6]"}


def with_factor(values, name, number):
    values = values.copy()
    values[:, NAMES.index(name)] = number
    return values


def test_factors_are_independent_and_a_function_of_the_index():
    values = factors(np.arange(20_000))
    assert (values.shape, values.dtype) == ((20_000, len(NAMES)), np.float32)
    assert values.min() >= 0 and values.max() <= 1
    np.testing.assert_array_equal(factors(np.array([19_999, 3])), values[[19_999, 3]])
    for column, probability in zip(values.T, FACTORS.values(), strict=True):
        if probability is None:  # uniform: mean 1/2, variance 1/12
            assert abs(column.mean() - 0.5) < 0.01 and abs(column.var() - 1 / 12) < 0.003
        else:
            assert set(np.unique(column)) == {0, 1}
            assert abs(column.mean() - probability) < 0.015
    correlation = np.corrcoef(values.T) - np.eye(len(NAMES))
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)  # five standard errors
    following = np.corrcoef(values[:-1].T, values[1:].T)[: len(NAMES), len(NAMES) :]
    assert np.abs(following).max() < 5 / np.sqrt(20_000)


def test_a_face_is_the_same_alone_and_in_any_batch():
    values = factors(np.arange(21))
    together = render(values)
    assert (together.shape, together.dtype) == ((21, 64, 64, 3), np.uint8)
    for i in (0, 7, 8, 20):
        np.testing.assert_array_equal(render(values[i : i + 1])[0], together[i])
    np.testing.assert_array_equal(render(values[::-1]), together[::-1])
    assert len(np.unique(together.reshape(21, -1), axis=0)) == 21


def test_no_part_is_cut_by_its_window(monkeypatch):
    extremes = factors(np.arange(64))
    for name in ("Head_Turn", "Position_X", "Position_Y", "Size", "Eyeglasses", "Wearing_Hat"):
        column = extremes[:, NAMES.index(name)]
        column[:] = column > 0.5
    values = np.concatenate([extremes, factors(np.arange(64, 96))])
    small = render(values, 40)
    everything = (slice(0, 40), slice(0, 40))
    monkeypatch.setattr(_Face, "part", lambda self, *_: (self.canvas, everything))
    np.testing.assert_array_equal(render(values, 40), small)


# Where a factor may change a picture of a face of middle size in the middle, looking ahead, as
# rows and columns of 64; everywhere else it must not.
WHERE = {
    "Eyeglasses": (slice(22, 40), slice(12, 52)),
    "Round_Glasses": (slice(22, 40), slice(12, 52)),
    "Gaze": (slice(26, 38), slice(20, 44)),
    "Eye_Color": (slice(26, 38), slice(20, 44)),
    "Beard": (slice(34, 56), slice(14, 50)),
    "Smiling": (slice(40, 54), slice(20, 44)),
    "Age_Lines": (slice(12, 54), slice(14, 50)),
    "Bangs": (slice(10, 36), slice(12, 52)),
    "Wearing_Hat": (slice(0, 30), slice(8, 56)),
    "Bald": (slice(6, 64), slice(8, 56)),
    "Wavy_Hair": (slice(6, 64), slice(6, 58)),
    "Hair_Length": (slice(20, 64), slice(8, 56)),
    "Shirt_Color": (slice(44, 64), slice(0, 64)),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_changes_what_its_name_says(name):
    middle = np.full((16, len(NAMES)), 0.5, np.float32)
    for other, probability in FACTORS.items():
        if probability is not None:
            middle = with_factor(middle, other, float(other == "Eyeglasses"))
    for i, other in enumerate(("Skin_Tone", "Hair_Color", "Background", "Light")):
        middle[:, NAMES.index(other)] = factors(np.arange(16))[:, i + 7]
    off, on = (render(with_factor(middle, name, number)).astype(int) for number in (0, 1))
    changed = np.abs(on - off).max(-1)
    assert (changed.max((1, 2)) > 15).all()  # it can be seen, of 255
    if name in WHERE:
        assert (changed > 2).mean() > 0.002
        inside = np.zeros((64, 64), bool)
        inside[WHERE[name]] = True
        assert not changed[:, ~inside].any()
    elif name == "Background":
        assert (changed[:, :8] > 2).mean() > 0.9 and not changed[:, 28:40, 24:40].any()


def test_a_turned_head_mirrors():
    values = with_factor(factors(np.arange(12)), "Position_X", 0.5)
    for name in ("Bangs", "Wavy_Hair", "Eyeglasses"):  # parting, curls and the glint have a side
        values = with_factor(values, name, 0)
    values = with_factor(with_factor(values, "Gaze", 0.5), "Bald", 1)
    values = with_factor(with_factor(values, "Wearing_Hat", 0), "Beard", 0)
    mirrored = values.copy()
    for name in ("Head_Turn", "Light"):
        column = NAMES.index(name)
        mirrored[:, column] = 1 - values[:, column]
    difference = render(values)[:, :, ::-1].astype(int) - render(mirrored).astype(int)
    eyes = np.abs(difference).max(-1) > 2  # the highlights of the eyes are on the left of both
    assert eyes.mean() < 0.01
    assert not eyes[:, :20].any() and not eyes[:, 44:].any()


def test_edges_are_smooth_and_shapes_the_size_they_say():
    frame = (2 * np.arange(128, dtype=np.float32) + 1) / 128 - 1
    x, y = frame[None, None, :], frame[None, :, None]
    canvas = Canvas(np.zeros((3, 1, 128, 128), np.float32), x, y, np.float32(64), frame)
    canvas.paint(canvas.edge(np.sqrt(x * x + y * y) - 0.5), np.ones((3, 1, 1, 1), np.float32))
    area = canvas.rgb[0].sum() * (2 / 128) ** 2
    assert area == pytest.approx(np.pi * 0.25, rel=1e-3)


def test_the_source(configure):
    found = modalities.load(configure(name="faces", **SOME))
    assert (found.event.shape, found.num_classes) == ((64, 64, 3), 0)
    assert found.attributes == NAMES
    (images, labels), ok = found.valid.read(np.arange(6))
    expected = factors(np.arange(100_000, 100_006))
    np.testing.assert_array_equal(labels, expected)
    np.testing.assert_array_equal(images, render(expected))
    assert ok.all() and found.train.table().labels.shape == (30, len(NAMES))
    lazy = modalities.load(configure(name="faces", device_bytes=0, **SOME))
    assert lazy.train.table() is None
    assert lazy.train.nbytes == found.train.nbytes
    both = (split.read(np.array([5, 2])) for split in (lazy.train, found.train))
    jax.tree.map(np.testing.assert_array_equal, *both)
    spans = [set(span) for span in SPLITS.values()]
    assert [len(span) for span in spans] == [100_000, 10_000, 10_000]
    assert len(set.union(*spans)) == 120_000


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ({"image_size": (32, 32)}, (32, 32, 3)),
        ({"image_size": (16, 16), "channels": 1}, (16, 16, 1)),
        ({"image_size": (8, 8)}, (8, 8, 3)),
        ({"image_size": (20, 30)}, (20, 30, 3)),
        ({"crop": (40, 40), "image_size": (32, 32)}, (32, 32, 3)),
    ],
)
def test_sizes(configure, keys, shape):
    found = modalities.load(configure(name="faces", **keys, **SOME))
    assert found.event.shape == shape
    assert found.train.values.shape == (30, *shape)
    assert found.train.values.std(0).min() > 0
