"""The digest of a data set: the same wherever the data lie, another for other data."""

import dataclasses
import shutil

import numpy as np
import pytest

from vae import modalities
from vae.data.identity import check_identity
from vae.errors import InputError

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}


@pytest.fixture
def digest(configure):
    """Returns a function from a path, and other keys of the config, to the digest."""
    return lambda path, **keys: modalities.load(configure(path=path, **HALVES | keys)).digest


def arrays(**changes):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (400, 6, 6), dtype=np.uint8), rng.integers(0, 3, 400)
    return {"images": images, "labels": labels} | changes


def test_of_arrays(tmp_path, digest):
    np.savez(tmp_path / "a.npz", **arrays())
    known = digest(tmp_path / "a.npz")
    turned = {name: array[::-1] for name, array in arrays().items()}
    (tmp_path / "elsewhere").mkdir()
    np.savez_compressed(tmp_path / "elsewhere" / "b.npz", **turned)
    assert digest(tmp_path / "elsewhere") == known
    assert digest(tmp_path / "a.npz", device_bytes=1, threads=1) == known

    images, labels = arrays().values()
    others = [
        {"images": images[1:], "labels": labels[1:]},
        {"images": 255 - images},
        {"labels": np.roll(labels, 1)},
        {"images": images.astype(np.float32) / 255},
    ]
    for number, changes in enumerate(others):
        np.savez(tmp_path / f"{number}.npz", **arrays(**changes))
    digests = {digest(tmp_path / f"{number}.npz") for number in range(len(others))}
    assert len(digests | {known}) == 1 + len(others)
    assert digest(tmp_path / "a.npz", test="train[75%:90%]") != known


@pytest.mark.parametrize("device_bytes", [0, 2**30])
def test_of_a_folder(tmp_path, digest, write_images, device_bytes):
    there = tmp_path / "there"
    write_images(there / "cats", 12)
    write_images(there / "dogs", 12, seed=1)
    (there / "attributes.txt").write_text("nothing that is read")
    known = digest(there, device_bytes=device_bytes)
    here = shutil.move(there, tmp_path / "here")
    assert digest(here, device_bytes=2**30 - device_bytes) == known

    file = here / "cats" / "0003.png"
    content = file.read_bytes()
    shutil.copy(here / "cats" / "0004.png", file)
    assert digest(here) != known
    file.write_bytes(content)
    assert digest(here) == known
    file.rename(here / "cats" / "other.png")
    assert digest(here) != known


def test_of_what_is_embedded(digest):
    drawn = {"name": "faces", "device_bytes": 1}  # none is drawn before it is needed
    digits, faces = digest("", name="digits"), digest("", **drawn)
    assert digits == digest("", name="digits") != faces == digest("", **drawn)
    assert faces != digest("", image_size=(32, 32), **drawn)


def test_other_data_are_refused_and_old_records_say_nothing(tmp_path, configure):
    dataset = modalities.load(configure(**HALVES))
    check_identity(dataset, {}, tmp_path)
    check_identity(dataset, {"digest": dataset.digest}, tmp_path)
    with pytest.raises(InputError, match=r"not the data of RUN, which were cats.*--config\.data"):
        check_identity(dataset, {"digest": "other", "description": "cats"}, "RUN")


@pytest.mark.parametrize(
    ("changes", "values", "classes", "message"),
    [
        ({}, {"levels": 256, "scale": 255.0, "low": 0.0, "high": 1.0}, 3, ""),
        (
            {"images": np.linspace(-1, 1, 3600, dtype=np.float32).reshape(100, 6, 6)},
            {"levels": None, "scale": 1.0, "low": -1.0, "high": 1.0},
            3,
            "values from -1 to 1 as they are",
        ),
        (
            {"labels": np.arange(400) % 3 + 1},
            {"levels": 256, "scale": 255.0, "low": 0.0, "high": 1.0},
            4,
            "labels as 4 classes, with those that no example has",
        ),
    ],
)
def test_what_an_earlier_version_read_otherwise(
    tmp_path, configure, changes, values, classes, message
):
    given = arrays(**changes)
    given["labels"] = given["labels"][: len(given["images"])]
    np.savez(tmp_path / "a.npz", **given)
    found = modalities.load(configure(path=tmp_path / "a.npz", **HALVES))
    record = {"values": values, "num_classes": classes}
    if not message:
        check_identity(found, record, "runs/a")
        return
    with pytest.raises(InputError, match=message):
        check_identity(found, record, "runs/a")
    today = dataclasses.asdict(found.event.values)
    check_identity(found, {"values": today, "num_classes": found.num_classes}, "runs/a")


def test_rows_that_an_earlier_version_read_as_images(tmp_path, configure):
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).random((400, 9)))
    found = modalities.load(configure(path=tmp_path / "a.npz", **HALVES))
    with pytest.raises(InputError, match="earlier version, which read rows of values as images"):
        check_identity(found, {"digest": "other", "image_shape": [3, 3, 1]}, "runs/a")
    with pytest.raises(InputError, match="these are not the data of runs/a"):
        check_identity(found, {"digest": "other", "shape": [9]}, "runs/a")


def test_the_names_of_columns_tell_tables_apart(tmp_path, configure):
    x, digests = np.random.default_rng(0).random((400, 2)), set()
    for i, names in enumerate((["a", "b"], ["b", "a"], ["a", "b"])):
        np.savez(tmp_path / f"{i}.npz", x=x, names=names)
        digests.add(modalities.load(configure(path=tmp_path / f"{i}.npz", **HALVES)).digest)
    assert len(digests) == 2
