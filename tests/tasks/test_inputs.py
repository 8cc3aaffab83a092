from types import SimpleNamespace

import numpy as np
import pytest
from configs import tiny
from PIL import Image

from vae.data.dataset import BYTES
from vae.tasks.inputs import read_images

STANDARD = (148 / 218, 148 / 178)


def run_with(crop, image_shape=(64, 64, 3)):
    config = tiny(data__crop=crop)
    return SimpleNamespace(
        config=config, values=BYTES, model=SimpleNamespace(image_shape=image_shape)
    )


@pytest.mark.parametrize(
    ("crop", "size", "kept"),
    [  # height, width; of CelebA at any size the protocol's centre, of anything else the whole
        (STANDARD, (218, 178), (148, 148)),
        (STANDARD, (109, 89), (74, 74)),
        (STANDARD, (436, 356), (296, 296)),
        (STANDARD, (64, 64), (64, 64)),
        (STANDARD, (300, 400), (300, 300)),
        ((148, 148), (218, 178), (148, 148)),
        ((148, 148), (109, 89), (89, 89)),
        ((0, 0), (218, 178), (178, 178)),
    ],
)
def test_files_are_framed_as_the_training_images(tmp_path, crop, size, kept):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8))
    image.save(tmp_path / "a.png")
    left, top = (size[1] - kept[1]) // 2, (size[0] - kept[0]) // 2
    centre = image.crop((left, top, left + kept[1], top + kept[0]))
    expected = np.asarray(centre.resize((64, 64), Image.Resampling.BILINEAR)) / np.float32(255)
    (x,) = read_images([tmp_path / "a.png"], run_with(crop))
    np.testing.assert_allclose(x, expected, atol=1e-6)
