"""CelebA: a small set in the published layout, and the real faces where they are at hand."""

import io
import logging
import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.errors import InputError
from vae.modalities.images.celeba import has_tables

NAMES = ("Bald", "Smiling", "Young")
SPLITS = {"train": "train", "valid": "valid", "test": "test"}
STANDARD = {"crop": (148 / 218, 148 / 178), "image_size": (16, 16), **SPLITS}
COUNT = 120


def attributes(number):
    return [1 if number % (k + 2) == 0 else -1 for k in range(len(NAMES))]


def jpeg(number, size):
    """An image in the colour of its number, and red within the central 148/218, 148/178 of it."""
    height, width = size
    pixels = np.full((height, width, 3), (0, 20 * (number // 10), 25 * (number % 10)), np.uint8)
    top, left = (height - round(height * 148 / 218)) // 2, (width - round(width * 148 / 178)) // 2
    pixels[top : height - top, left : width - left, 0] = 250
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=100, subsampling=0)
    return file.getvalue()


@pytest.fixture
def faces(tmp_path):
    """Returns a function that writes such a set of COUNT images, 3 of each person."""

    def write(size=(218, 178), partition=False, unpacked=False, damaged=()):
        directory = tmp_path / f"faces{size[0]}{partition}{unpacked}"
        (directory / "img_align_celeba").mkdir(parents=True)
        names = [f"{i:06d}.jpg" for i in range(1, COUNT + 1)]
        files = {
            name: b"nonsense" if i in damaged else jpeg(i, size) for i, name in enumerate(names, 1)
        }
        if unpacked:
            for name, content in files.items():
                (directory / "img_align_celeba" / name).write_bytes(content)
        else:
            (directory / "img_align_celeba").rmdir()
            with zipfile.ZipFile(directory / "img_align_celeba.zip", "w") as archive:
                archive.writestr("img_align_celeba/", "")
                for name, content in files.items():
                    archive.writestr(f"img_align_celeba/{name}", content)
        rows = [" ".join([n, *map("{:2d}".format, attributes(i))]) for i, n in enumerate(names, 1)]
        header = [str(COUNT), " ".join(NAMES) + " "]
        (directory / "list_attr_celeba.txt").write_text("\n".join([*header, *rows, ""]))
        people = "".join(f"{n} {1000 + i // 3}\n" for i, n in enumerate(names))
        (directory / "identity_CelebA.txt").write_text(people)
        if partition:
            which = "".join(f"{n} {0 if i < 100 else 1 + i % 2}\n" for i, n in enumerate(names))
            (directory / "list_eval_partition.txt").write_text(which)
        return directory

    return write


def by_number(found):
    """The position (split, row) of every image; its colour says its number."""
    where = {}
    for split in (found.train, found.valid, found.test):
        for row, image in enumerate(split.values):
            tens, ones = np.rint(image[8, 8, 1:] / (20, 25))
            where[int(10 * tens + ones)] = (split, row)
    return where


@pytest.mark.parametrize("unpacked", [False, True])
def test_attributes_identities_and_partition(configure, faces, unpacked):
    directory = faces(partition=True, unpacked=unpacked)
    found = modalities.load(configure(path=directory, **STANDARD))
    assert (found.attributes, found.num_classes) == (NAMES, 0)
    assert [len(s) for s in (found.train, found.valid, found.test)] == [100, 10, 10]
    assert found.train.labels.dtype == np.float32 and found.train.identities.dtype == np.int32
    where = by_number(found)
    assert sorted(where) == list(range(1, COUNT + 1))
    for number, (split, row) in where.items():
        last = (found.test, found.valid)[number % 2]
        assert split is (found.train if number <= 100 else last)
        np.testing.assert_array_equal(split.labels[row], [(a + 1) / 2 for a in attributes(number)])
        assert split.identities[row] == 1000 + (number - 1) // 3
    assert list(where) != sorted(where)  # a slice of a split is a random sample of it


def test_the_same_examples_from_files_as_they_are_read_and_unpacked(configure, faces):
    memory = modalities.load(configure(path=faces(), **STANDARD))
    lazy = modalities.load(configure(path=faces(unpacked=True), device_bytes=1, **STANDARD))
    assert lazy.train.table() is None
    for name in ("train", "valid", "test"):
        a, b = getattr(memory, name), getattr(lazy, name)
        some = np.arange(len(b))[::-2]
        (images, labels), _ = b.read(some)
        np.testing.assert_array_equal(images, a.values[some])
        np.testing.assert_array_equal(labels, a.labels[some])
        np.testing.assert_array_equal(b.take(some).identities, a.identities[some])


def test_without_a_partition_nobody_is_in_two_splits(configure, faces):
    found = modalities.load(configure(path=faces(), **STANDARD))
    people = [set(s.identities.tolist()) for s in (found.train, found.valid, found.test)]
    assert sum(map(len, people)) == len(set.union(*people)) == COUNT // 3
    assert len(people[0]) > COUNT // 3 / 2


@pytest.mark.parametrize("crop", [(148 / 218, 148 / 178), (148, 148)])
@pytest.mark.parametrize("size", [(218, 178), (109, 89), (436, 356)])
def test_the_crop_is_scaled_with_the_images(configure, faces, size, crop):
    # Only what the protocol keeps is red; and nothing of it is lost.
    found = modalities.load(configure(path=faces(size), **(STANDARD | {"crop": crop})))
    assert (found.train.values[..., 0] > 220).all()
    wider = (crop[0] * 1.1, crop[1] * 1.1)
    wider = tuple(map(round, wider)) if max(crop) > 1 else wider
    found = modalities.load(configure(path=faces(size, True), **(STANDARD | {"crop": wider})))
    edges = found.train.values[:, [0, -1, 8, 8], [8, 8, 0, -1], 0]
    assert (edges < 180).all()


def test_published_folders(configure, faces):
    directory = faces(partition=True)
    for file, place in {
        "img_align_celeba.zip": "Img",
        "list_attr_celeba.txt": "Anno",
        "identity_CelebA.txt": "Anno",
        "list_eval_partition.txt": "Eval",
    }.items():
        (directory / place).mkdir(exist_ok=True)
        (directory / file).rename(directory / place / file)
    found = modalities.load(configure(path=directory, **STANDARD))
    assert len(found.valid) == 10 and found.attributes == NAMES


def test_without_a_table(configure, faces, caplog):
    directory = faces()
    (directory / "list_attr_celeba.txt").unlink()
    found = modalities.load(configure(path=directory, **STANDARD))
    assert found.attributes == () and (found.train.labels == -1).all()
    assert len(set(found.train.identities)) > 1
    (directory / "identity_CelebA.txt").unlink()
    assert not has_tables(directory)
    other = faces(unpacked=True)
    (other / "identity_CelebA.txt").unlink()
    with caplog.at_level(logging.WARNING):
        found = modalities.load(configure(path=other, **STANDARD))
    assert found.train.identities is None and len(found.valid) and len(found.test)
    assert "a person may be in two splits" in caplog.text


def test_a_damaged_image_is_skipped_and_too_many_stop(configure, faces, caplog):
    found = modalities.load(configure(path=faces(damaged={7}), **STANDARD))
    assert "000007.jpg cannot be read and is skipped" in caplog.text
    assert sum(int((~s.ok).sum()) for s in (found.train, found.valid, found.test)) == 1
    directory = faces((109, 89), damaged={7, 9})
    with pytest.raises(InputError, match=r"2 of 120 files cannot be read, more than 1%"):
        modalities.load(configure(path=directory, **STANDARD))


def test_a_damaged_byte_in_the_archive_is_found(configure, faces, caplog):
    directory = faces()
    file = directory / "img_align_celeba.zip"
    content = bytearray(file.read_bytes())
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo("img_align_celeba/000011.jpg")
    content[info.header_offset + info.file_size] ^= 1  # a picture still, but another one
    file.write_bytes(content)
    modalities.load(configure(path=directory, **STANDARD))
    assert "000011.jpg cannot be read and is skipped: Bad CRC-32" in caplog.text


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def edit(old, new):
    def change(file):
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("img_align_celeba.zip", cut, r"img_align_celeba\.zip cannot be read .* fetch it again"),
        ("img_align_celeba.zip", lambda f: f.unlink(), r"neither img_align_celeba\.zip nor a"),
        ("list_attr_celeba.txt", cut, r"list_attr_celeba\.txt is damaged: .* number of its rows"),
        ("list_attr_celeba.txt", edit("120\n", "121\n"), "first line is not the number of its"),
        ("list_attr_celeba.txt", edit("Young", "Young Old"), r"damaged: .*4 names, but 3 columns"),
        ("list_attr_celeba.txt", edit("000005.jpg -1 -1", "000005.jpg -1"), "is damaged: .*column"),
        ("list_attr_celeba.txt", edit("000005.jpg -1 -1", "000005.jpg -1 -7"), r"Smiling must be"),
        ("list_attr_celeba.txt", edit("000005.jpg", "000006.jpg"), r"two rows of 000006\.jpg"),
        ("list_attr_celeba.txt", edit("000005.jpg", "000500.jpg"), r"no row of 000005\.jpg"),
        ("identity_CelebA.txt", edit("000005.jpg 1001\n", ""), r"no row of 000005\.jpg: add what"),
        ("identity_CelebA.txt", edit("1001\n", "1001\n999.jpg 3\n"), r"not there, 999\.jpg"),
        ("identity_CelebA.txt", edit("1001", "anna"), r"identity_CelebA\.txt is damaged: .*anna"),
        ("list_eval_partition.txt", edit("jpg 0", "jpg 3"), "must say 0, 1 or 2 of every image"),
    ],
)
def test_damaged_or_missing_files(configure, faces, name, change, message):
    directory = faces(partition=True)
    change(directory / name)
    with pytest.raises(InputError, match=message) as raised:
        modalities.load(configure(path=directory, **STANDARD))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("at", "value", "message"),
    [
        (10, 97, "compression method is not supported"),
        (8, 1, "password required"),
        (27, 64, "has more than 268435456 bytes"),
    ],
)
def test_an_image_that_its_archive_does_not_give(configure, faces, caplog, at, value, message):
    file = faces() / "img_align_celeba.zip"
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\x01\x02") + at] = value  # the last entry of its directory
    file.write_bytes(content)
    modalities.load(configure(path=file.parent, **STANDARD))
    (said,) = [r.getMessage() for r in caplog.records if "is skipped" in r.getMessage()]
    assert "000120.jpg" in said and message in said


def test_an_archive_of_another_version(configure, faces):
    file = faces() / "img_align_celeba.zip"
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 6] = 99
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read \(zip file version 9\.9\)"):
        modalities.load(configure(path=file.parent, **STANDARD))


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "img_align_celeba.zip"])
def test_a_pipe_is_no_table_and_no_archive(configure, faces, name):
    directory = faces()
    (directory / name).unlink()
    os.mkfifo(directory / name)
    with pytest.raises(InputError, match="is a pipe, a socket or a device"):
        modalities.load(configure(path=directory, **STANDARD))


def test_a_crop_larger_than_the_images(configure, faces):
    with pytest.raises(InputError, match=r"data\.crop = \(220, 178\) is larger than CelebA's"):
        modalities.load(configure(path=faces(), **(STANDARD | {"crop": (220, 178)})))


def test_real_faces(configure, real):
    directory = real("celeba")
    keys = {**STANDARD, "image_size": (64, 64), "device_bytes": 1}
    found = modalities.load(configure(path=directory, **keys))
    assert len(found.attributes) == 40 and found.attributes[15] == "Eyeglasses"
    splits = (found.train, found.valid, found.test)
    lines = (directory / "list_attr_celeba.txt").read_text().split("\n")[2:]
    positive = np.zeros(40)
    for line in filter(None, lines):
        positive += [word == "1" for word in line.split()[1:]]
    np.testing.assert_array_equal(sum(s.labels.sum(0, dtype=np.float64) for s in splits), positive)
    people = [set(s.identities.tolist()) for s in splits]
    assert sum(map(len, people)) == len(set.union(*people)) == 5429
    assert 0.78 < len(found.train) / 10_000 < 0.82
    assert all(900 < len(s) < 1100 for s in splits[1:])

    rows = np.array([0, 17, 400])
    (images, labels), _ = found.valid.read(rows)
    words = {line.split()[0]: line.split()[1:] for line in filter(None, lines)}
    with zipfile.ZipFile(directory / "img_align_celeba.zip") as archive:
        for image, label, name in zip(images, labels, found.valid.paths[rows], strict=True):
            picture = Image.open(archive.open(f"img_align_celeba/{name}"))
            assert picture.size == (89, 109)
            centre = picture.crop((7, 17, 7 + 74, 17 + 74)).resize((64, 64), Image.BILINEAR)
            np.testing.assert_array_equal(image, np.asarray(centre))
            assert [word == "1" for word in words[name]] == label.astype(bool).tolist()
