"""Clips are read from every kind of file, and arrays; shorter ones lack frames; digits bounce."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.config import base
from vae.errors import InputError
from vae.modalities import grids, page, video
from vae.modalities.images.decoding import Fit
from vae.modalities.video import clips, drawn, encoding, show
from vae.modalities.video.clips import Part
from vae.probability.event import BYTES, Event

RNG = np.random.default_rng(0)
CLIP = RNG.integers(0, 256, (5, 6, 8, 1), dtype=np.uint8)


def config_of(path, **keys):
    config = base().data
    config.path = str(path)
    config.train, config.valid, config.test = "train[:50%]", "train[50%:75%]", "train[75%:]"
    for key, value in keys.items():
        config[key] = value
    return config


def save_frames(clip, folder):
    folder.mkdir(parents=True)
    for number, frame in enumerate(clip):
        Image.fromarray(frame[..., 0]).save(folder / f"frame_{number}.png")


def test_a_gif_of_grey_frames_is_read_as_it_was_written():
    content = encoding.gif(np.repeat(CLIP, 3, -1))
    parts = [Part("a.gif", lambda: content)]
    assert clips.header(parts)[:3] == (5, 6, 8)
    np.testing.assert_array_equal(clips.read(parts, Fit(channels=1), 4), CLIP[:4])


def test_a_video_is_read_about_as_it_was_written():
    pytest.importorskip("av")
    smooth = np.linspace(0, 255, 5 * 32 * 32).reshape(5, 32, 32, 1).astype(np.uint8)
    content = encoding.mp4(np.repeat(smooth, 3, -1))
    parts = [Part("a.mp4", lambda: content)]
    assert clips.header(parts) == (5, 32, 32, 3)
    read = clips.read(parts, Fit(channels=1), 4)
    assert read.shape == (4, 32, 32, 1)
    assert np.abs(read.astype(float) - smooth[:4]).mean() < 5


def test_a_video_without_its_library_is_one_sentence(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(InputError, match=r"pip install 'vae-experiments\[video\]'"):
        clips.header([Part("a.mp4", lambda: b"")])


def test_frames_are_in_the_order_of_their_numbers():
    names = ["a/2.png", "a/10.png", "a/1.png", "b.gif", "c.mp4"]
    assert clips.together(names) == {
        "a": ["a/1.png", "a/2.png", "a/10.png"],
        "b.gif": ["b.gif"],
        "c.mp4": ["c.mp4"],
    }


def test_folders_of_frames_have_labels_and_those_that_are_shorter_lack_frames(
    tmp_path, monkeypatch
):
    for i in range(8):
        save_frames(CLIP[: 3 + i % 3], tmp_path / "ab"[i % 2] / f"clip_{i}")
    dataset = modalities.load(config_of(tmp_path, modality="video"))
    assert dataset.classes == ("a", "b") and dataset.event.shape == (5, 6, 8, 1)
    assert dataset.event.ragged and dataset.train.values.dtype == np.int16
    whole = [*dataset.train.lengths, *dataset.valid.lengths, *dataset.test.lengths]
    assert sorted(whole) == [3, 3, 3, 4, 4, 4, 5, 5]
    for values, length in zip(dataset.train.values, dataset.train.lengths, strict=True):
        np.testing.assert_array_equal(values[:length], CLIP[:length])
        assert (values[length:] == -1).all()
    cut = modalities.load(config_of(tmp_path, modality="video", frames=3))
    assert cut.event.shape == (3, 6, 8, 1) and not cut.event.ragged
    x, names = video.read_files([tmp_path / "a" / "clip_0"], dataset.event, base().data)
    np.testing.assert_array_equal(x[0, :3], dataset.event.values.to_x(CLIP[:3]))
    assert np.isnan(x[0, 3:]).all() and len(names) == 1
    with pytest.raises(InputError, match="3 frames, and clips of these data have 5: give a longer"):
        video.read_files([tmp_path / "a" / "clip_0"], Event((5, 6, 8, 1), BYTES), base().data)
    monkeypatch.chdir(tmp_path / "a" / "clip_0")
    frames = sorted(path.name for path in Path.cwd().iterdir())
    again, names = video.read_files(frames, dataset.event, base().data)
    np.testing.assert_array_equal(again, x)
    assert names == ["clip_0"]


def test_arrays_are_clips_where_it_is_said(tmp_path):
    many = RNG.integers(0, 256, (12, 5, 6, 8), dtype=np.uint8)
    np.savez(tmp_path / "set.npz", x=many[..., None], y=np.arange(12) % 3)
    np.save(tmp_path / "set.npy", many)
    assert modalities.read(config_of(tmp_path / "set.npz")).modality == "volumes"
    for name in ("set.npz", "set.npy"):
        source = modalities.read(config_of(tmp_path / name, modality="video", frames=4))
        assert (source.modality, source.values.levels) == ("video", 256)
        read = sorted(map(bytes, source.splits["train"].values))
        assert read == sorted(map(bytes, many[:, :4]))


def test_clips_from_python_may_lack_frames_where_those_of_the_data_do():
    x = np.full((2, 5, 6, 8, 1), 0.5, np.float32)
    x[1, 3:] = np.nan
    ragged = Event((5, 6, 8, 1), video.form.Form((5, 6, 8, 1), True).values)
    np.testing.assert_array_equal(video.check(x, ragged), x)
    with pytest.raises(InputError, match="clips have NaN"):
        video.check(x, Event((5, 6, 8, 1), BYTES))


def test_digits_move_by_their_velocity_and_are_reflected():
    factors = np.zeros((1, len(drawn.NAMES)), np.float32)
    factors[0, [3, -4, -3, -2, -1]] = 1, 10.0, 2.0, 3.0, -1.0
    x, y = drawn.positions(factors, 6)[0].T
    np.testing.assert_allclose(x, [10, 13, 16, 13, 10, 7])
    np.testing.assert_allclose(y, [2, 1, 0, 1, 2, 3])
    clip = drawn.draw(factors, np.array([7]), "train", 6)[0, ..., 0].astype(float)
    middle = (clip.sum(1) @ np.arange(32)) / clip.sum((1, 2))
    np.testing.assert_allclose(np.diff(middle), np.diff(x), atol=0.02)
    # A digit that moves by whole pixels is the same digit.
    np.testing.assert_array_equal(clip[0, 2:18, 10:26], clip[1, 1:17, 13:29])


def test_digits_of_splits_are_different_images_and_are_a_function_of_the_index():
    train, test = (drawn.read(4, Fit()).splits[name] for name in ("train", "test"))
    one = test.take(np.arange(5)).read(np.array([3, 1]))[0]
    np.testing.assert_array_equal(one.values[0], test.read(np.array([3]))[0].values[0])
    assert not np.array_equal(train.read(np.array([3]))[0].values, one.values[:1])
    assert one.labels.shape == (2, len(drawn.NAMES)) and one.values.shape == (2, 4, 32, 32, 1)
    mine, other = (sum(map(len, drawn._written(split))) for split in ("train", "test"))
    assert mine + other + sum(map(len, drawn._written("valid"))) == 1797


def test_a_sheet_has_so_many_rows_at_most(monkeypatch):
    monkeypatch.setattr(show, "ROWS", 4)
    monkeypatch.setattr(show, "PLAYED", 3)
    x, event = np.zeros((9, 2, 4, 4, 1), np.float32), Event((2, 4, 4, 1), BYTES)
    many, few = (
        show.sheet(x, event, "Clips", beside=x),
        show.sheet(x[:2], event, "Two", beside=x[:2]),
    )
    assert many.picture.shape == few.picture.shape
    three = show.sheet(x[:3], event, "Three", beside=x[:3])
    sizes = [
        clips.header([Part("a.gif", lambda made=made: made.files[".gif"])])
        for made in (many, three)
    ]
    assert sizes[0] == sizes[1]


def test_what_is_shown_plays_and_likeness_leaves_missing_frames_out():
    event = Event((5, 6, 8, 1), BYTES)
    x = np.stack([CLIP, CLIP[::-1]]) / np.float32(255)
    sheet = show.sheet(x, event, "Clips", beside=x)
    with Image.open(io.BytesIO(sheet.files[".gif"])) as gif:
        assert gif.n_frames == 5
        gif.seek(3)
        frame = np.asarray(gif.convert("L"))
    top = page.TITLE_LINE + page.MARGIN + page.LINE + grids.GAP  # under the titles
    larger = CLIP[3, ..., 0].repeat(12, 0).repeat(12, 1)
    for left in (grids.GAP, 2 * grids.GAP + larger.shape[1]):
        np.testing.assert_array_equal(frame[top:, left:][: len(larger), : larger.shape[1]], larger)
    less = x.copy()
    less[:, 3:] = np.nan
    x[:, 3:] = 0.25
    found = show.likeness(np.nan_to_num(x) * 1.0, less, event)
    assert found["mse"] == 0.0
    end, content = show.file(less[0], event)
    assert end == ".gif" and clips.header([Part("a.gif", lambda: content)]).frames == 3
