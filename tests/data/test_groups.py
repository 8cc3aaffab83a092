"""Splits that keep all images of a person together."""

import itertools

import numpy as np
import pytest

from vae import modalities
from vae.data.groups import of_groups
from vae.errors import InputError


@pytest.fixture
def people(write_images, tmp_path):
    """60 images of 20 people, of one to five images each, and of three whom nobody knows."""
    write_images(tmp_path, 60)
    who = np.sort(np.concatenate([np.arange(20), np.random.default_rng(0).integers(0, 20, 40)]))
    names = [f"p{person}" for person in who]
    names[-3:] = ["", "", ""]
    rows = [f"{i:04d}.png,{name},{i // 7}" for i, name in enumerate(names)]
    (tmp_path / "attributes.csv").write_text("\n".join(["file,identity,Camera", *rows]) + "\n")
    return tmp_path


THREE = {"train": "train[:60%]", "valid": "train[60%:80%]", "test": "train[80%:]"}


@pytest.mark.parametrize("device_bytes", [1, 2**30])
def test_nobody_is_in_two_splits(configure, people, device_bytes):
    by_image = modalities.load(configure(path=people, **THREE))
    found = modalities.load(
        configure(path=people, split_by="identity", device_bytes=device_bytes, **THREE)
    )
    for known, apart in ((by_image, False), (found, True)):
        parts = [set(s.identities.tolist()) - {-1} for s in (known.train, known.valid, known.test)]
        assert (sum(map(len, parts)) == len(set.union(*parts))) is apart
    sizes = [len(s) for s in (found.train, found.valid, found.test)]
    assert sum(sizes) == 60
    np.testing.assert_allclose(sizes, [36, 12, 12], atol=4)
    everyone = np.concatenate([s.identities for s in (found.train, found.valid, found.test)])
    assert (everyone == -1).sum() == 3


def test_by_an_attribute_and_by_label(configure, people, write_images, tmp_path):
    found = modalities.load(configure(path=people, split_by="Camera", **THREE))
    cameras = [set(s.labels[:, 0].tolist()) for s in (found.train, found.valid, found.test)]
    assert sum(map(len, cameras)) == len(set.union(*cameras)) == 9
    for name in "abcdef":
        write_images(tmp_path / "folders" / name, 4, seed=ord(name))
    found = modalities.load(configure(path=tmp_path / "folders", split_by="label", **THREE))
    labels = [set(s.labels.tolist()) for s in (found.train, found.valid, found.test)]
    assert sum(map(len, labels)) == len(set.union(*labels)) == 6


def test_groups_in_increasing_order():
    """Whole groups, the first ones by number whatever lies where; unknown ones come last."""
    groups = np.array([10, 2, -1, 2, 0, 10, 1, 0])
    assert of_groups(groups, range(5), in_order=True).tolist() == [1, 3, 4, 6, 7]
    assert of_groups(groups, range(5, 8), in_order=True).tolist() == [0, 2, 5]


def test_takes_are_split_in_their_order(configure, write_images, tmp_path):
    """A pattern's identity is a number, and its fields are columns to split by."""
    write_images(tmp_path, 60)
    for i, file in enumerate(sorted(tmp_path.glob("*.png"))):
        file.rename(tmp_path / f"{i % 3}_{'ab'[i // 3 % 2]}_{i // 6}.png")
    pattern = "{digit:label}_{who:label}_{identity}.png"
    tenths = {"train": "train[20%:]", "valid": "train[10%:20%]", "test": "train[:10%]"}
    keys = {"path": tmp_path, "label_pattern": pattern, **tenths}
    found = modalities.load(configure(split_by="identity:sorted", **keys))
    assert set(found.test.identities.tolist()) == {0}
    assert set(found.valid.identities.tolist()) == {1}
    assert found.attributes == ("digit=0", "digit=1", "digit=2", "who=a", "who=b")
    assert (found.train.labels.sum(0) == [16, 16, 16, 24, 24]).all()
    thirds = {"train": "train[:33%]", "valid": "train[33%:66%]", "test": "train[66%:]"}
    found = modalities.load(configure(split_by="digit:sorted", **keys | thirds))
    for k, split in enumerate((found.train, found.valid, found.test)):
        assert (split.labels[:, :3].argmax(1) == k).all() and len(split) == 20


def test_what_cannot_be_split_so_is_a_sentence(configure, people, write_images, tmp_path):
    with pytest.raises(InputError, match=r"there are identity, Camera; did you mean 'identity'\?"):
        modalities.load(configure(path=people, split_by="identiy", **THREE))
    with pytest.raises(InputError, match=r"data\.valid has no examples with data\.split_by"):
        keys = {"train": "train[:50%]", "valid": "train[50%:52%]", "test": "train[52%:]"}
        modalities.load(configure(path=people, split_by="Camera", **keys))
    with pytest.raises(InputError, match=r"'identity' is not in .*digits.*; there are label"):
        modalities.load(configure(name="digits", path="", split_by="identity", **THREE))
    own = tmp_path / "own"
    rows = ["file,identity"]
    for i, split in enumerate(("train", "valid", "test")):
        write_images(own / split, 4, seed=i)
        rows += [f"{split}/{j:04d}.png,p{j}" for j in range(4)]
    (own / "attributes.csv").write_text("\n".join(rows))
    with pytest.raises(InputError, match=r"data\.train and data\.valid share 4 of the groups"):
        keys = {"train": "train", "valid": "valid", "test": "test"}
        modalities.load(configure(path=own, split_by="identity", **keys))


def test_slices_of_groups_meet_and_keep_the_order():
    groups = np.random.default_rng(1).integers(-1, 30, 500)
    cuts = [0, 130, 131, 300, 420, 500]
    parts = [of_groups(groups, range(a, b)) for a, b in itertools.pairwise(cuts)]
    together = np.concatenate(parts)
    assert sorted(together.tolist()) == list(range(500))
    assert all((np.diff(part) > 0).all() for part in parts)
    shared = [set(groups[part].tolist()) - {-1} for part in parts]
    assert sum(map(len, shared)) == len(set.union(*shared)) == 30
    assert abs(len(parts[2]) - 169) < 25
