"""Solids are drawn as their factors say, lit from where the light is, and made meshes."""

import logging
import struct

import numpy as np
import pytest
from PIL import Image

from vae.modalities.volumes import drawn, mesh, show, view
from vae.probability.event import BINARY, Event, Values

EVENT = Event((16, 16, 16, 1), BINARY)
BALL = ((np.mgrid[:16, :16, :16].transpose(1, 2, 3, 0) - 7.5) ** 2).sum(-1, keepdims=True) < 36.0
BALL = BALL.astype(np.float32)


def test_drawn_solids_have_the_size_and_the_place_that_their_factors_say():
    factors = drawn.factors(np.arange(200))
    solids = drawn.draw(factors)[..., 0]
    assert {*np.unique(solids)} == {0, 1}
    named = dict(zip(drawn.NAMES, factors.T, strict=True))
    for i in range(200):
        up = np.flatnonzero(solids[i].any((0, 1)))
        height, middle = named["Height"][i], named["Z"][i] + 15.5
        assert abs(len(up) - height) <= 3 and abs(up.mean() - middle) <= 2  # cones end in a tip
        if named["kind=box"][i]:
            volume = named["Width"][i] * named["Depth"][i] * named["Height"][i]
            assert abs(solids[i].sum() / volume - 1) < 0.2
        if named["kind=ball"][i]:
            volume = np.pi / 6 * named["Width"][i] * named["Depth"][i] * named["Height"][i]
            assert abs(solids[i].sum() / volume - 1) < 0.1
    assert not (solids[:, [0, -1]].any() or solids[:, :, [0, -1]].any())
    assert {name: round(float(named[name].max())) for name in ("Width", "Turn")} == {
        **{"Width": 18, "Turn": 45}
    }


def test_an_example_does_not_depend_on_what_is_read_beside_it():
    examples = drawn.read((0, 0, 0)).splits["valid"]
    one, ok = examples.read(np.array([7]))
    many, _ = examples.take(np.array([3, 7])).read(np.array([0, 1]))
    np.testing.assert_array_equal(one.values[0], many.values[1])
    np.testing.assert_array_equal(one.labels[0], many.labels[1])
    assert ok.all() and one.values.shape == (1, *examples.shape)


def test_a_ball_is_seen_as_a_disc_that_is_brightest_towards_the_light():
    reach = view.extent(BALL)
    assert reach == pytest.approx(1 + np.linalg.norm(np.argwhere(BALL[..., 0]) - 7.5, axis=1).max())
    picture = view.shaded(BALL[..., 0], reach=reach)
    seen = picture[..., 0] < 1
    radius = 6 * view.PIXELS / (2 * reach)  # of the disc, in pixels
    assert abs(seen.sum() / (np.pi * radius**2) - 1) < 0.1
    rows, columns = np.nonzero(seen)
    brightness = picture[seen].mean(-1)
    bright = brightness > np.quantile(brightness, 0.9)
    middle = (view.PIXELS - 1) / 2
    assert rows[bright].mean() < middle - 5 and columns[bright].mean() < middle - 5
    np.testing.assert_allclose(
        picture, view.shaded(BALL[..., 0], 125.0, reach=reach), atol=1e-3
    )  # a quarter turn


def test_what_is_missing_stays_empty_and_an_empty_solid_is_ground():
    x = np.stack([np.full(EVENT.shape, np.nan), np.zeros(EVENT.shape), BALL]).astype(np.float32)
    seen = view.pictures(x, EVENT, reach=view.extent(x))
    assert np.isnan(seen[0]).all() and (seen[1] == 1).all() and (seen[2] < 1).any()


def test_slices_of_a_grey_solid_pass_through_its_middle():
    solid = np.zeros((4, 5, 6, 1), np.float32)
    solid[3, 2, 3] = 0.5  # far along x, in the middle of y and z
    picture = view.slices(solid)[..., 0]
    assert picture.shape == (6, 4 + 1 + 4 + 1 + 5)
    # From above: x to the right, y up. From the front: x to the right, z up.
    assert sorted(map(tuple, np.argwhere(picture == 0.5).tolist())) == [(2, 8), (3, 3)]


def test_a_mesh_is_closed_points_outwards_and_has_the_volume_of_the_solid():
    pytest.importorskip("skimage")
    made = mesh.of_solid(BALL[..., 0])
    corners = made.vertices[made.faces].astype(np.float64)
    volume = np.einsum("ni,ni->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 6**3, rel=0.05)  # negative if turned inside out
    edges = made.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert {*map(tuple, edges.tolist())} == {*map(tuple, edges[:, ::-1].tolist())}
    np.testing.assert_allclose(made.vertices.mean(0), 7.5, atol=0.1)
    assert len(mesh.of_solid(np.zeros((3, 3, 3))).faces) == 0
    # At the edge of the grid, too.
    assert len(mesh.of_solid(np.ones((2, 2, 2))).faces) > 0


def test_files_have_the_triangles_of_the_mesh():
    pytest.importorskip("skimage")
    made = mesh.of_solid(BALL[..., 0])
    end, content = show.file(BALL, EVENT)
    assert end == ".stl" and struct.unpack("<I", content[80:84]) == (len(made.faces),)
    assert len(content) == 84 + 50 * len(made.faces)
    corners = np.frombuffer(content[84:134], "<f4", 12).reshape(4, 3)[1:]
    np.testing.assert_allclose(corners, made.vertices[made.faces[0]])
    sheet = show.sheet(np.stack([BALL, BALL]), EVENT, "Balls")
    lines = [line.split() for line in sheet.files[".obj"].decode().splitlines()]
    assert [line[1] for line in lines if line[0] == "o"] == ["00", "01"]
    faces = np.array([line[1:] for line in lines if line[0] == "f"], int)
    assert faces.max() == sum(line[0] == "v" for line in lines) == 2 * len(made.vertices)


def test_without_scikit_image_there_are_arrays_and_it_is_said_once(monkeypatch, caplog):
    mesh.available.cache_clear()
    monkeypatch.setattr(mesh.importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        assert show.file(BALL, EVENT)[0] == ".npy"
        assert not show.sheet(BALL[None], EVENT, "A ball").files
    assert caplog.text.count("pip install") == 1
    mesh.available.cache_clear()


def test_figures_of_likeness_are_told_apart_for_full_and_empty_voxels():
    x = np.zeros((2, 2, 2, 2, 1), np.float32)
    x[:, 0] = 1  # 4 of 8 are full
    other = np.where(np.arange(8).reshape(1, 2, 2, 2, 1) % 4 == 0, 1 - x, x) * 0.9
    # In each pair one full voxel is lost, one empty one is filled: 3 of 5 are in both.
    found = show.likeness(x, other, Event((2, 2, 2, 1), BINARY))
    assert found["iou"] == pytest.approx(3 / 5)
    assert (found["true_positives"], found["true_negatives"]) == (0.75, 0.75)
    assert found["mse"] == pytest.approx((3 * 0.01 + 1 + 0.81) / 8)
    assert show.likeness(x, x, Event((2, 2, 2, 1), Values("real"))) == {"mse": 0.0}
    empty = show.likeness(0 * x, 0 * x, Event((2, 2, 2, 1), BINARY))
    assert empty == {"mse": 0, "iou": 1, "true_positives": 1, "true_negatives": 1}


def test_an_animation_turns_the_solids_once(tmp_path):
    (path,) = show.animate(BALL[None, None], EVENT, tmp_path / "turn.gif", "A ball")
    with Image.open(path) as opened:
        assert opened.n_frames == 2 * show.FRAMES - 2  # forwards and backwards
