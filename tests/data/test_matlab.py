"""MATLAB files as people save them: examples last, text in cells, no arrays of one axis."""

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from vae import modalities
from vae.errors import InputError

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
GREY = IMAGES[..., 0]
LABELS = np.arange(40) % 4 + 1


def loaded(configure, path, **arrays):
    scipy.io.savemat(path, arrays)
    return modalities.load(configure(path=path, **HALVES))


def same(found, images, labels=None):
    """Whether these are the images, with these labels."""
    splits = (found.train, found.valid, found.test)
    seen = {
        image.tobytes(): int(label)
        for split in splits
        for image, label in zip(split.values, split.labels, strict=True)
    }
    wanted = labels if labels is not None else np.full(len(images), -1)
    return seen == {x.tobytes(): int(y) for x, y in zip(images, wanted, strict=True)}


@pytest.mark.parametrize(
    ("arrays", "images", "labels"),
    [
        ({"X": np.moveaxis(IMAGES, 0, -1), "y": LABELS[:, None]}, IMAGES, LABELS - 1),  # SVHN's
        ({"X": IMAGES, "y": LABELS[None]}, IMAGES, LABELS - 1),
        ({"X": np.moveaxis(IMAGES, 0, -1)}, IMAGES, None),
        ({"X": IMAGES}, IMAGES, None),
        ({"images": np.moveaxis(GREY, 0, -1)}, GREY, None),
        ({"images": np.moveaxis(GREY, 0, -1).astype(np.float64)}, GREY, None),
        ({"images": GREY}, GREY, None),
    ],
)
def test_images(configure, tmp_path, caplog, arrays, images, labels):
    found = loaded(configure, tmp_path / "a.mat", **arrays)
    assert same(found, images, labels)
    if labels is not None:
        assert found.classes == ("1", "2", "3", "4")


def test_few_square_images_are_told_by_their_sides(configure, tmp_path):
    square = RNG.integers(0, 256, (9, 12, 12), dtype=np.uint8)
    assert same(loaded(configure, tmp_path / "a.mat", x=np.moveaxis(square, 0, -1)), square)
    assert same(loaded(configure, tmp_path / "b.mat", x=square), square)


@pytest.mark.parametrize(
    "names",
    [
        np.array([["cat"], ["mouse"]] * 20, dtype=object),
        np.array(["cat  ", "mouse"] * 20),
    ],
)
def test_labels_of_text(configure, tmp_path, names):
    found = loaded(configure, tmp_path / "a.mat", X=GREY, labels=names)
    assert found.classes == ("cat", "mouse") and same(found, GREY, [0, 1] * 20)


def test_rows_are_a_table(configure, tmp_path):
    rows = RNG.normal(size=(40, 3))
    found = loaded(configure, tmp_path / "a.mat", X=rows.T, y=LABELS)
    assert (found.modality, found.event.shape, found.num_classes) == ("tables", (3,), 4)
    sparse = loaded(configure, tmp_path / "b.mat", X=scipy.sparse.csc_array(rows > 0), y=LABELS)
    assert (sparse.modality, sparse.event.values.kind) == ("tables", "binary")


def test_splits_in_one_file_and_in_a_directory(configure, tmp_path):
    keys = {"train": "train[:30]", "valid": "train[30:]", "test": "test"}
    scipy.io.savemat(tmp_path / "one.mat", {"x_train": GREY, "x_test": GREY[:7]})
    one = modalities.load(configure(path=tmp_path / "one.mat", **keys))
    (tmp_path / "two").mkdir()
    scipy.io.savemat(tmp_path / "two" / "train.mat", {"X": GREY})
    scipy.io.savemat(tmp_path / "two" / "test.mat", {"X": GREY[:7]})
    two = modalities.load(configure(path=tmp_path / "two", **keys))
    assert [len(found.test) for found in (one, two)] == [7, 7]
    np.testing.assert_array_equal(one.train.values, two.train.values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400), r"version 7\.3, which is"),
        (b"", r"a\.mat is no MATLAB file or a damaged one \(.*\): save it again"),
        (b"nonsense" * 100, "is no MATLAB file or a damaged one"),
        ("half", "is no MATLAB file or a damaged one"),
        ({"meas": GREY}, r"a\.mat has no examples, only meas: name them images, x or data"),
        ({"X": scipy.sparse.csc_array((10**6, 10**6))}, r"X of .*a\.mat would take 7,450\.6 GiB"),
        ({"X": GREY, "y": LABELS[:9]}, "give one label for 40 examples"),
        ({"X": {"a": GREY}}, "neither numbers nor bool: convert it"),
    ],
)
def test_files_that_are_refused(configure, tmp_path, content, message):
    file = tmp_path / "a.mat"
    scipy.io.savemat(file, content if isinstance(content, dict) else {"X": GREY})
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content == "half":
        file.write_bytes(file.read_bytes()[:700])
    with pytest.raises(InputError, match=message) as caught:
        modalities.load(configure(path=file, **HALVES))
    assert "\n" not in str(caught.value)
