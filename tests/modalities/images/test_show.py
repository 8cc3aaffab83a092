"""Sheets of images: where each lies, what is written, and that a pixel stays a pixel."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from vae.modalities.grids import GAP, grid
from vae.modalities.images.show import animate, sheet, table
from vae.modalities.page import GROUND, LINE, NARROWEST, cut, extent, wrapped
from vae.modalities.pictures import save, save_animation
from vae.probability.event import BYTES, Event

EVENT = Event((8, 8, 1), BYTES)


@pytest.fixture
def written(monkeypatch):
    """What is written on pages from now on."""
    texts, write = [], Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda self, x, y, s, **how: texts.append(s) or write(self, x, y, s, **how)
    )
    return texts


def test_small_images_are_enlarged_and_laid_out_in_rows():
    images = np.zeros((5, 8, 8, 1), np.float32)
    images[3] = 1.0
    page = grid(np.concatenate([images, images[:2]]))
    tile = 56 + GAP
    assert page.shape == (2 * tile + GAP, 4 * tile + GAP, 3)
    assert (page[GAP : GAP + 56, GAP : GAP + 56] == 0).all()
    assert (page[GAP : GAP + 56, 3 * tile + GAP : 3 * tile + GAP + 56] == 255).all()
    assert (page[tile + GAP :, 3 * tile + GAP :] == GROUND).all()  # no eighth image


@pytest.mark.parametrize(("number", "across"), [(1, 1), (2, 2), (5, 5), (6, 3), (10, 5), (64, 8)])
def test_a_sheet_is_full_where_that_is_possible(number, across):
    page = grid(np.zeros((number, 64, 64, 1)))
    assert page.shape[1] == across * (64 + GAP) + GAP
    assert page.shape[0] == number // across * (64 + GAP) + GAP


def test_colours_and_values_out_of_range():
    values = (-9, 0.5, 9, np.inf)
    images = np.stack([np.full((64, 60, 3), value, np.float32) for value in values])
    images[3, 0] = np.nan  # of a model that diverged; one that is all NaN is no image
    page = grid(np.concatenate([images, np.full((4, 64, 60, 3), np.nan)]))
    middles = [page[30, GAP + i * 62 + 30].tolist() for i in range(4)]
    assert middles == [[0] * 3, [128] * 3, [255] * 3, [255] * 3]
    assert (page[66 + GAP :, GAP:-GAP] == GROUND).all()


def test_a_reconstruction_stands_to_the_right_of_its_original(tmp_path, written):
    originals, reconstructions = np.zeros((8, 96, 96, 1)), np.ones((8, 96, 96, 1))
    page = sheet(originals, EVENT, "Reconstructions of $8 images", beside=reconstructions).picture
    row = page[-50, GAP + 48 :: 96 + GAP, 0]
    assert row.tolist()[:2] == [0, 255]
    assert written == ["Reconstructions of $8 images", *["given", "decoded"] * 2]
    save(page, tmp_path / "new" / "sheet.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "sheet.png")), page)


def test_titles_stand_over_beside_and_under_the_images(written):
    images = np.random.default_rng(0).random((2, 3, 96, 96, 3)).astype(np.float32)
    page = table(
        images,
        EVENT,
        "A table",
        columns=["a", "a title that is far too long to stand over it", "c"],
        rows=["one", "two"],
        before={"given": images[:, 0]},
        captions=[["1", "2", "3"], ["4", "5", "6"]],
    ).picture
    cut_off = next(text for text in written if text.endswith("…"))
    assert extent(cut_off) <= 96 and "a title that is far too long".startswith(cut_off[:-1])
    assert set(written) == {"A table", "given", "a", "c", "one", "two", cut_off, *"123456"}
    wanted = np.rint(images[1, 2] * 255).astype(np.uint8)
    last = page[-96 - GAP - LINE : -GAP - LINE, -96 - GAP : -GAP]
    np.testing.assert_array_equal(last, wanted)  # to the pixel


def test_a_long_title_is_broken_between_words_and_a_page_is_wide_enough_for_one():
    text = "Samples of the prior at a step with a long name, and why they are as they are"
    lines = wrapped(text, 200)
    assert " ".join(lines) == text and all(extent(line, 10) <= 200 for line in lines)
    assert cut("x" * 500, 50).endswith("…")
    assert grid(np.zeros((1, 8, 8, 1)), text).shape[1] == NARROWEST


def test_letters_that_the_font_does_not_have_are_boxes():
    assert grid(np.zeros((1, 8, 8, 1)), "顔").shape[1] == NARROWEST  # and no warning


def test_an_animation_has_a_title_and_a_frame_for_each_column(tmp_path, written):
    images = np.linspace(0, 1, 6).repeat(64).reshape(2, 3, 8, 8, 1)
    (path,) = animate(images, EVENT, tmp_path / "a.gif", "The way", ["one", "two"])
    with Image.open(path) as animation:
        assert animation.n_frames == 4  # there and back
    assert written == ["The way", "one", "two"] * 3


def test_an_animation_has_the_colours_of_its_frames(tmp_path):
    frames = np.zeros((3, 8, 8, 3), np.uint8)
    frames[0, ..., 0], frames[1, ..., 1], frames[2, ..., 2] = 255, 200, 100
    save_animation(frames, tmp_path / "new" / "way.gif")
    with Image.open(tmp_path / "new" / "way.gif") as animation:
        seen = []
        for i in range(animation.n_frames):
            animation.seek(i)
            seen.append(np.asarray(animation.convert("RGB"))[4, 4].astype(int))
    assert len(seen) == 4
    for pixel, i in zip(seen, (0, 1, 2, 1), strict=True):
        assert np.abs(pixel - frames[i, 4, 4]).max() < 8
