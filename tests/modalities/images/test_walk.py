"""Folders as people have them: links, pipes, names of any bytes, deep images, pages."""

import logging
import os
import unicodedata

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.data.walk import files_in
from vae.errors import InputError, readable
from vae.files import check_memory, user_path
from vae.modalities.images.decoding import IMAGES

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
RAMP = np.tile(np.arange(32), (8, 1)) / 31


def every(found):
    """All images of a data set, [N, H, W, C]."""
    return np.concatenate([split.values for split in (found.train, found.valid, found.test)])


def test_a_folder_linked_into_itself_is_read_once(configure, write_images, tmp_path, caplog):
    write_images(tmp_path / "a", 10)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "0again").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self.png").symlink_to("self.png")
    with caplog.at_level(logging.INFO):
        files = files_in(tmp_path, IMAGES)
    assert files == [f"a/{i:04d}.png" for i in range(10)] + ["a/self.png"]
    assert "2 folder(s) that are there under another name, too" in caplog.text
    (tmp_path / "a" / "self.png").unlink()
    assert len(every(modalities.load(configure(path=tmp_path, **HALVES)))) == 10


def test_folders_of_links_elsewhere_are_followed(configure, write_images, tmp_path):
    for name, seed in (("cats", 0), ("dogs", 1)):
        write_images(tmp_path / "store" / name, 10, seed=seed)
        (tmp_path / "set").mkdir(exist_ok=True)
        (tmp_path / "set" / name).symlink_to(tmp_path / "store" / name)
    found = modalities.load(configure(path=tmp_path / "set", **HALVES))
    assert (len(every(found)), found.classes) == (20, ("cats", "dogs"))


def test_what_is_no_file_is_left_out(configure, write_images, tmp_path, caplog):
    write_images(tmp_path, 10)
    os.mkfifo(tmp_path / "pipe.png")
    write_images(tmp_path / "folder.png", 2, seed=1)
    (tmp_path / "notes.txt").write_text("hello")
    with caplog.at_level(logging.INFO):
        found = modalities.load(configure(path=tmp_path, **HALVES))
    assert len(every(found)) == 12
    assert "left out 1 file(s) .txt, 1 pipe(s), socket(s) or device(s)" in caplog.text


@pytest.mark.parametrize(
    "name", ["a.npz", "a.csv", "train.amat", "attributes.csv", "a.npz/", "x.amat/"]
)
def test_pipes_and_folders_with_the_names_of_files(configure, write_images, tmp_path, name):
    write_images(tmp_path, 10)
    if name.endswith("/"):
        write_images(tmp_path / name, 2, seed=1)
        assert len(every(modalities.load(configure(path=tmp_path, **HALVES)))) == 12
        return
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match=name):
        modalities.load(configure(path=tmp_path / name))


def test_names_that_are_no_text(configure, write_images, tmp_path, caplog):
    directory = os.fsencode(write_images(tmp_path / "images" / "a", 10))
    write_images(tmp_path / "images" / "b", 10, seed=1)
    os.rename(directory + b"/0000.png", directory + b"/caf\xe9.png")
    os.rename(directory, os.path.dirname(directory) + b"/\xff")
    found = modalities.load(configure(path=tmp_path / "images", **HALVES))
    assert (len(every(found)), found.classes) == (20, ("\\xff", "b")[::-1])
    with open(os.path.dirname(directory) + b"/\xff/caf\xe9.png", "wb") as file:
        file.write(b"nonsense")
    with pytest.raises(InputError, match="1 of 20 files cannot be read") as caught:
        modalities.load(configure(path=tmp_path / "images", **HALVES))
    assert "caf\\xe9.png" in str(caught.value)
    caplog.text.encode()  # as a terminal needs it


@pytest.mark.parametrize(
    ("array", "ending", "white"),
    [
        (RAMP.astype(np.float32), "tif", 1),
        ((255 * RAMP).astype(np.float32), "tif", 255),
        ((255 * RAMP).astype(np.int32), "tif", 255),
        ((1023 * RAMP).astype(np.uint16), "png", 1023),
        ((4095 * RAMP).astype(np.uint16), "png", 4095),
        ((4095 * RAMP).astype(np.uint16), "tif", 4095),
        ((65535 * RAMP).astype(np.uint16), "png", 65535),
        ((65535 * RAMP).astype(np.int32), "tif", 65535),
    ],
)
def test_deep_images_keep_their_grey_values(configure, tmp_path, caplog, array, ending, white):
    for i in range(10):
        Image.fromarray(array).save(tmp_path / f"{i}.{ending}")
    Image.fromarray(array // 8 if array.dtype != np.float32 else array / 8).save(
        tmp_path / f"dark.{ending}"
    )
    with caplog.at_level(logging.INFO):
        found = modalities.load(configure(path=tmp_path, **HALVES))
    images = every(found)
    assert (found.event.shape, found.event.values.levels) == ((8, 32, 1), 256)
    assert found.event.values.white == white and f"black 0 and white {white}" in caplog.text
    bright = images[images.max((1, 2, 3)) == 255]
    assert len(bright) == 10 and np.abs(bright[..., 0] - 255 * RAMP).max() <= 1
    (dark,) = images[images.max((1, 2, 3)) < 255]  # by the range of all, not by its own
    assert np.abs(dark[..., 0] - 255 / 8 * RAMP).max() <= 1


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (-1000, 1000, np.float32),
        (0, 40, np.float32),
        (0, 10**6, np.int32),
        (-9000, -3, np.int32),
    ],
)
def test_deep_images_of_no_known_range_are_scaled_by_theirs(
    configure, tmp_path, caplog, low, high, kind
):
    ramp = (low + (high - low) * RAMP).astype(kind)
    middle = np.full_like(ramp, (low + high) / 2)
    for i in range(9):
        Image.fromarray(middle).save(tmp_path / f"{i}.tif")
    Image.fromarray(middle).save(
        tmp_path / "9.tif", save_all=True, append_images=[Image.fromarray(ramp)]
    )  # the range is that of all pages
    with caplog.at_level(logging.INFO):
        found = modalities.load(configure(path=tmp_path, **HALVES))
    assert f"black {low:g} and white {high:g}" in caplog.text
    values = found.event.values
    assert (values.black, values.white, values.levels) == (low, high, 256)
    images = every(found)
    (own,) = images[images.max((1, 2, 3)) == 255]
    assert np.abs(own[..., 0] - 255 * RAMP).max() <= 1
    assert np.abs(images[images.max((1, 2, 3)) < 255] - 127.5).max() <= 2


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.where(RAMP > 0.9, np.nan, RAMP).astype(np.float32), "none of its deep images can be"),
        (np.full_like(RAMP, -7, np.float32), "its deep images have values from -7 to -7: rescale"),
    ],
)
def test_deep_images_without_a_range_are_refused(configure, tmp_path, array, message):
    for i in range(10):
        Image.fromarray(array).save(tmp_path / f"{i}.tif")
    with pytest.raises(InputError, match=message):
        modalities.load(configure(path=tmp_path, **HALVES))


def test_pages_are_images_and_small_copies_are_not(configure, tmp_path, caplog):
    pages = [Image.fromarray(np.full((9, 7), 20 * page, np.uint8)) for page in range(4)]
    copy = Image.new("L", (3, 3))
    for i in range(10):
        pages[0].save(tmp_path / f"{i}.tif", save_all=True, append_images=[*pages[1:], copy])
    with caplog.at_level(logging.INFO):
        found = modalities.load(configure(path=tmp_path, **HALVES))
    assert "10 files have 30 more pages, which are images too" in caplog.text
    assert np.bincount(every(found)[:, 0, 0, 0])[::20].tolist() == [10, 10, 10, 10]
    # Pages of a file stay together.
    assert found.train.values[:4, 0, 0, 0].tolist() == [0, 20, 40, 60]
    lazy = modalities.load(configure(path=tmp_path, device_bytes=1, **HALVES))
    np.testing.assert_array_equal(lazy.train.read(np.arange(20))[0].values, found.train.values)


def test_frames_after_the_first_are_said_to_be_left_out(configure, write_images, tmp_path, caplog):
    write_images(tmp_path, 10)
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    modalities.load(configure(path=tmp_path, **HALVES))
    assert "1 of 11 images looked at have several frames: the first is used" in caplog.text


@pytest.mark.parametrize(
    "ending",
    ["png", "jpg", "webp", "bmp", "tif", "ppm", "pgm", "pnm", "pfm", "pbm", "avif", "jp2"],
)
def test_formats(configure, tmp_path, ending):
    x = np.add.outer(np.arange(16) * 8, np.arange(24) * 5)
    colour = np.stack([x, x[::-1], np.full_like(x, 90)], -1).astype(np.uint8)
    mode = {"pgm": "L", "pfm": "F", "pbm": "1"}.get(ending, "RGB")
    image = Image.fromarray(colour).convert(mode)
    for i in range(4):
        image.save(tmp_path / f"{i}.{ending}", "PPM" if ending in ("pnm", "pbm") else None)
    found = modalities.load(configure(path=tmp_path, **HALVES))
    grey = mode != "RGB"
    assert found.event.shape == (16, 24, 1 if grey else 3)
    wanted = np.asarray(image.convert("L") if grey else image).reshape(found.event.shape)
    # Lossy ones on a smooth image.
    assert np.abs(found.train.values[0].astype(float) - wanted).max() <= 16


def test_a_jpeg_by_its_other_names(configure, write_images, tmp_path):
    write_images(tmp_path, 10)
    for ending in ("jfif", "jpe", "JFIF"):
        Image.new("RGB", (8, 6), "red").save(tmp_path / f"a.{ending}", format="JPEG")
    assert len(every(modalities.load(configure(path=tmp_path, **HALVES)))) == 13


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 5000, r"aaa\.\.\. \(5000 characters\) is no path \(File name too long\)"),
        ("a\0b", "is no path"),
        ("\ud800", "is no path"),
        ("~nobody-has-this-name/x", "~ has no home directory"),
    ],
)
def test_names_that_no_file_can_have(configure, name, message):
    with pytest.raises(InputError, match=message):
        user_path(name)
    with pytest.raises(InputError, match=message):
        modalities.load(configure(path=name))


def test_the_home_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/x") == tmp_path / "x"
    assert readable(os.fsdecode(b"\xe9")) == "\\xe9"


def test_what_would_not_fit_into_memory():
    check_memory(2**20, "a megabyte")
    with pytest.raises(InputError, match=r"it would take 1,024\.0 GiB.*0 GiB|1,048,576\.0 GiB"):
        check_memory(2**50, "it")


def test_a_table_of_names_with_accents_and_of_no_text(configure, write_images, tmp_path):
    for i, name in enumerate(
        (unicodedata.normalize("NFD", "\u00e9.png"), os.fsdecode(b"\xe9.png"))
    ):
        Image.new("L", (4, 4), 100 * i).save(tmp_path / f"{i}.png")
        os.rename(tmp_path / f"{i}.png", tmp_path / name)
    table = "file,Bright\n\u00e9.png,0\n\\xe9.png,1\n"
    (tmp_path / "attributes.csv").write_text(table, encoding="utf-8")
    (split,) = modalities.read(configure(path=tmp_path)).splits.values()
    (images, labels), _ = split.read(np.arange(2))
    np.testing.assert_array_equal(images[:, 0, 0, 0] == 100, labels[:, 0] == 1)
