import numpy as np
from PIL import Image

from vae.modalities.images.show import GAP, grid, pairs, table
from vae.modalities.pictures import save, save_animation
from vae.probability.event import BYTES, Event

EVENT = Event((8, 8, 1), BYTES)


def test_small_images_are_enlarged_and_laid_out_in_rows():
    images = np.zeros((5, 8, 8, 1), np.float32)
    images[4] = 1.0
    sheet = grid(images, columns=3)
    tile = 56 + GAP
    assert sheet.shape == (2 * tile + GAP, 3 * tile + GAP, 3)
    assert (sheet[GAP : GAP + 56, GAP : GAP + 56] == 0).all()
    assert (sheet[tile + GAP : -GAP, tile + GAP : tile + GAP + 56] == 255).all()


def test_colours_and_values_out_of_range():
    images = np.stack([np.full((64, 60, 3), value, np.float32) for value in (-9, 0.5, 9, np.nan)])
    sheet = grid(images, columns=4)
    middles = [sheet[30, GAP + i * 62 + 30].tolist() for i in range(4)]
    assert middles == [[0] * 3, [128] * 3, [255] * 3, [0] * 3]


def test_a_reconstruction_stands_to_the_right_of_its_original(tmp_path):
    originals, reconstructions = np.zeros((6, 64, 64, 1)), np.ones((6, 64, 64, 1))
    sheet = pairs(originals, reconstructions)
    assert sheet.shape[1] == 4 * (64 + GAP) + GAP
    row = sheet[GAP + 32, GAP + 32 :: 64 + GAP, 0]
    assert row.tolist()[:4] == [0, 255, 0, 255]
    save(sheet, tmp_path / "new" / "sheet.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "new" / "sheet.png")), sheet)


def test_titles_stand_over_and_beside_the_images():
    images = np.full((2, 3, 96, 96, 3), 0.5, np.float32)
    plain = table(images, EVENT)
    np.testing.assert_array_equal(plain, grid(images.reshape(-1, 96, 96, 3), 3))
    titled = table(
        images, EVENT, columns=["a", "a title that is far too long", "c"], rows=["one", "two"]
    )
    top, left = (titled.shape[axis] - plain.shape[axis] for axis in (0, 1))
    np.testing.assert_array_equal(titled[top:, left:], plain)
    dark = (titled < 128).all(-1)
    assert all(dark[:top, left + 98 * i : left + 98 * (i + 1)].any() for i in range(3))
    assert all(dark[top + 98 * i : top + 98 * (i + 1), :left].any() for i in range(2))


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
