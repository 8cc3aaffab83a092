"""New labelled images, near those that they were made of."""

import csv

import numpy as np
import pytest
from PIL import Image

from vae import data
from vae.errors import InputError
from vae.tasks.augment import augment, new_images


def test_each_is_near_its_source_or_between_two_of_its_class(run):
    images, labels, _ = data.load(run.config.data).train.read(np.arange(40))
    x = images / np.float32(16)
    new = new_images(run, x, labels, 160)
    np.testing.assert_array_equal(new.labels, labels[new.source])
    noise = new.partner < 0
    alone = np.bincount(labels)[labels] == 1
    np.testing.assert_array_equal(noise.reshape(4, 40), [alone | True, alone] * 2)
    np.testing.assert_array_equal(labels[new.partner[~noise]], new.labels[~noise])
    assert (new.partner != new.source).all()

    distance = ((new.images[:, None] - run.reconstruct(x)) ** 2).sum((2, 3, 4))
    own = distance[np.arange(160), new.source]
    assert (own[noise] < np.median(distance[noise], 1)).mean() > 0.8
    assert own[noise].min() > 0
    again = new_images(run, x, labels, 160)
    np.testing.assert_array_equal(new.images, again.images)


def test_a_folder_that_a_run_can_be_trained_on(run, tmp_path):
    folder = tmp_path / "new"
    result = augment(run, folder=folder, num=50, num_given=20)
    assert result["noise"] + result["interpolated"] == 50 and result["given"] == 20
    with open(folder / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50 and all(row["file"].split("/")[0] == row["label"] for row in rows)
    with Image.open(folder / rows[0]["file"]) as image:
        assert image.size == (8, 8)
    config = run.config.data.copy_and_resolve_references()
    config.path = str(folder)
    source = data.read(config)
    assert len(source.splits["train"]) == 50

    assert augment(run, folder=tmp_path / "more", num=5, given=str(folder))["given"] == 50
    with pytest.raises(InputError, match="exists already"):
        augment(run, folder=folder)
    (tmp_path / "flat").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "flat" / "0.png")
    with pytest.raises(InputError, match="must be labelled"):
        augment(run, folder=tmp_path / "none", given=str(tmp_path / "flat"))
    assert not (tmp_path / "none").exists()
