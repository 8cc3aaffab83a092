import numpy as np
import pytest
from PIL import Image

from vae.errors import InputError
from vae.tasks.transfer import transfer
from vae.tasks.traverse import traverse


def test_every_content_with_every_style(told, halves_read):
    (path, _), figures, _ = transfer(told, num=3)
    assert path.is_file()
    distance = np.array(figures["distance"])
    assert (np.diag(distance) == 0).all() and distance.max() > 0.05


def test_the_users_images_with_attributes_of_each(told, halves_read, tmp_path):
    for name in ("a", "b"):
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / f"{name}.png")
    sets = [{"Upper": 1.0, "Lower": 1.0}, {"Upper": 0.0}]
    figures = transfer(told, files=[tmp_path], attributes=sets).figures
    assert figures["examples"] == ["a", "b"]
    assert figures["distance"][0][1] > 0.05
    with pytest.raises(InputError, match="3 sets for 2 examples"):
        transfer(told, files=[tmp_path], attributes=[*sets, {}])


def test_a_ladder_mixes_levels_from_one_image_to_the_other(ladder):
    figures = transfer(ladder, num=4).figures
    first, second = (np.array(figures[f"distance_to_{end}"]) for end in ("first", "second"))
    assert first.shape == (2, 4)  # of three groups 0, 1, 2 or all
    assert (first[:, -1] == 0).all() and (second[:, 0] == 0).all() and (first[:, 0] > 0).all()


def test_models_that_cannot(plain, ladder, halves_read):
    with pytest.raises(InputError, match="no style apart from content"):
        transfer(plain)
    with pytest.raises(InputError, match="one vector of real numbers"):
        traverse(ladder)


def test_dimensions_in_the_order_of_their_activity(plain, halves_read):
    (path, _), figures, _ = traverse(plain, dimensions=2, steps=3)
    assert path.is_file()
    activity = [dimension["activity"] for dimension in figures["dimensions"]]
    assert len(activity) == 6 and activity == sorted(activity, reverse=True)
    assert figures["active"] == sum(a > 0.01 for a in activity)
    written = plain.workdir / "encodings" / "train_00000300.npz"
    before = written.stat().st_mtime_ns
    assert traverse(plain, dimensions=2, steps=3).figures == figures
    assert written.stat().st_mtime_ns == before
