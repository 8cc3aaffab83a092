"""New labelled images, near those that they were made of."""

import csv
import dataclasses

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.errors import InputError
from vae.modalities.images.tasks.augment import augment, new_images


def augmented(run, out, **options):
    """What `augment` gives, and the folder that it wrote, in `out`."""
    output = augment(dataclasses.replace(run, out=out), **options)
    return output.figures, output.paths[0]


def test_each_is_near_its_source_or_between_two_of_its_class(run):
    (images, labels), _ = modalities.load(run.config.data).train.read(np.arange(40))
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
    result, folder = augmented(run, tmp_path / "new", num=50, num_given=20)
    assert result["noise"] + result["interpolated"] == 50 and result["given"] == 20
    with open(folder / "manifest.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50 and all(row["file"].split("/")[0] == row["label"] for row in rows)
    with Image.open(folder / rows[0]["file"]) as image:
        assert image.size == (8, 8)
    config = run.config.data.copy_and_resolve_references()
    config.path = str(folder)
    source = modalities.read(config)
    assert len(source.splits["train"]) == 50

    assert augmented(run, tmp_path / "more", num=5, data=str(folder))[0]["given"] == 50
    with pytest.raises(InputError, match="exists already"):
        augmented(run, tmp_path / "new")
    (tmp_path / "flat").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "flat" / "0.png")
    with pytest.raises(InputError, match="must be labelled"):
        augmented(run, tmp_path / "none", data=str(tmp_path / "flat"))
    assert not (tmp_path / "none").exists()


def test_what_is_written_is_what_a_folder_reads(run, told, halves_read, tmp_path):
    def read(folder):
        config = run.config.data.copy_and_resolve_references()
        config.path = str(folder)
        return modalities.read(config)

    # Attributes, of any range, image by image.
    _, halves = augmented(told, tmp_path / "halves", num=20, num_given=10)
    source = read(halves)
    assert source.attributes == ("Upper", "Lower") and source.num_classes == 0
    (_, known), _ = modalities.load(told.config.data).train.read(np.arange(10))
    found = np.array(sorted(map(tuple, source.splits["train"].labels)))
    np.testing.assert_array_equal(found, np.array(sorted(map(tuple, known.repeat(2, 0)))))

    # Images of the user's with attributes of theirs, beside which are those that a model is told.
    table = halves / "attributes.csv"
    lines = table.read_text().splitlines()
    more = [f"{line},{age}" for line, age in zip(lines, ["Age", *range(20, 40)], strict=True)]
    table.write_text("\n".join(more))
    _, older = augmented(told, tmp_path / "older", num=20, data=str(halves))
    source = read(older)
    assert source.attributes == ("Upper", "Lower", "Age")
    assert sorted(source.splits["train"].labels[:, 2]) == list(range(20, 40))
    table.write_text(
        "\n".join(line.split(",", 1)[0] + ",1" for line in lines).replace(",1", ",X", 1)
    )
    with pytest.raises(
        InputError, match="conditioned on Upper, which is no attribute of the given images"
    ):
        augmented(told, tmp_path / "none", data=str(halves))


def test_classes_keep_their_names(run, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "a dog", "test", ".hid"):
        (tmp_path / "own" / "train" / name).mkdir(parents=True)
        for i in range(3):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / "train" / name / f"{i}.png")
    _, folder = augmented(run, tmp_path / "new", num=9, data=str(tmp_path / "own"))
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert folders == ["0_a-dog", "2_test", "cat"]
    config = run.config.data.copy_and_resolve_references()
    config.path = str(folder)
    source = modalities.read(config)
    assert source.classes == ("0_a-dog", "2_test", "cat") and list(source.splits) == ["train"]
