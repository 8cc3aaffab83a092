import numpy as np
from PIL import Image

from vae.tasks.pictures import GAP, grid, pairs, save


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
