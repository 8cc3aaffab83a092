"""Images in archives, which are read as the folder that was packed."""

import gzip
import io
import logging
import os
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.data.places import files_at
from vae.errors import InputError
from vae.modalities.images.decoding import IMAGES
from vae.modalities.images.user_files import read_images
from vae.probability.event import BYTES, Event

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
KINDS = ("zip", "tar", "tar.gz", "tgz", "tar.bz2", "tar.xz")


def pack(directory, file, inside=""):
    """Packs a folder's files, below the folder `inside` of the archive."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in files:
                archive.write(path, inside + str(path.relative_to(directory)))
    else:
        ending = file.name.partition(".tar")[2].strip(".")
        mode = "w:gz" if file.suffix == ".tgz" else f"w:{ending}"
        with tarfile.open(file, mode) as archive:
            for path in files:
                archive.add(path, inside + str(path.relative_to(directory)))
    return file


@pytest.fixture
def photos(write_images, tmp_path):
    directory = tmp_path / "photos"
    write_images(directory / "cats", 10)
    write_images(directory / "dogs", 10, seed=1)
    pages = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    pages[0].save(directory / "dogs" / "p.tif", save_all=True, append_images=pages[1:])
    return directory


def everything(found):
    """All examples of the three splits, and their labels."""
    parts = [
        split.read(np.arange(len(split)))[0] for split in (found.train, found.valid, found.test)
    ]
    return tuple(np.concatenate([part[i] for part in parts]) for i in (0, 1))


@pytest.mark.parametrize(
    ("kind", "device_bytes"), [("zip", 2**30), ("tar", 2**30), *((kind, 1) for kind in KINDS)]
)
def test_an_archive_is_as_its_folder(configure, photos, tmp_path, caplog, kind, device_bytes):
    keys = {"device_bytes": device_bytes, **HALVES}
    folder = modalities.load(configure(path=photos, **keys))
    (photos / "notes.txt").write_text("not an image")
    (photos / "cats" / "._0001.png").write_bytes(b"what a Mac keeps beside")
    file = pack(photos, tmp_path / f"photos.{kind}", inside="./photos/")
    before = set(os.listdir(tmp_path))
    with caplog.at_level(logging.INFO):
        packed = modalities.load(configure(path=file, **keys))
    assert "left out 1 file(s) .txt" in caplog.text and set(os.listdir(tmp_path)) == before
    assert packed.classes == folder.classes == ("cats", "dogs") and packed.event == folder.event
    for x, y in zip(everything(folder), everything(packed), strict=True):
        np.testing.assert_array_equal(x, y)
    assert len(everything(packed)[0]) == 22  # two pages


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_splits_and_attributes_in_an_archive(configure, write_images, tmp_path, kind):
    for split in ("train", "test"):
        write_images(tmp_path / "set" / split, 6, seed=len(split))
    rows = "".join(f"{s}/{i:04d}.png,{i}\n" for s in ("train", "test") for i in range(6))
    (tmp_path / "set" / "attributes.csv").write_text("file,Age\n" + rows)
    file = pack(tmp_path / "set", tmp_path / f"set.{kind}")
    found = modalities.load(configure(path=file, train="train[:4]", valid="train[4:]", test="test"))
    assert [len(s) for s in (found.train, found.valid, found.test)] == [4, 2, 6]
    assert found.attributes == ("Age",) and sorted(found.test.labels[:, 0]) == [*range(6)]


def named(file, members):
    """Writes an archive with members of these names and contents."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(file, "w:gz" if file.suffix == ".gz" else "w") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return file


def png(value=0):
    file = io.BytesIO()
    Image.new("L", (5, 5), value).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "has no images in it, but nothing: give another"),
        ({"a.npz": b"", "b.npz": b""}, r"has no images in it, but 2 file\(s\) \.npz: give"),
        ({"a.png": png(), "x/../../b.png": png()}, r"has a file x/\.\./\.\./b\.png, which is outs"),
        ({"/etc/b.png": png()}, "has a file /etc/b.png, which is outside of it"),
        ({f"{i}.png": b"nonsense" for i in range(9)}, "none of 9 images can be read"),
        ({"a.png": png(), "attributes.csv": b"\xff\xfe"}, r"attributes\.csv cannot be read as a"),
    ],
)
def test_archives_that_are_refused(configure, tmp_path, kind, members, message):
    file = named(tmp_path / f"a.{kind}", members)
    with pytest.raises(InputError, match=message) as caught:
        modalities.load(configure(path=file, **HALVES))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_archives(configure, photos, tmp_path, kind):
    file = pack(photos, tmp_path / f"a.{kind}")
    whole = file.read_bytes()
    for content in (b"", b"nonsense" * 100, whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=rf"a\.{kind} cannot be read \(.*\): fetch it again"):
            modalities.load(configure(path=file, **HALVES))


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_tar_that_is_damaged_after_some_of_its_files(configure, photos, tmp_path, kind):
    whole = pack(photos, tmp_path / "a.tar").read_bytes()
    hurt = whole.replace(b"cats/0003.png", b"cats/0004.png", 1)  # not as its check sum says
    with (gzip.open if kind == "tar.gz" else open)(tmp_path / f"a.{kind}", "wb") as file:
        file.write(hurt)
    with pytest.raises(InputError, match=r"cannot be read \(bad checksum\): fetch it again"):
        modalities.load(configure(path=tmp_path / f"a.{kind}", **HALVES))


def test_a_zip_with_a_password(configure, tmp_path):
    file = named(tmp_path / "a.zip", {"a.png": png()})
    content = bytearray(file.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] = 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip wants a password: pack its files without one"):
        modalities.load(configure(path=file, **HALVES))


def test_a_small_archive_that_unpacks_to_very_much(configure, tmp_path, monkeypatch):
    bomb = bytes(2**20)
    members = {f"{i}.png": bomb for i in range(3)}
    monkeypatch.setattr("vae.files.os.sysconf", lambda name: 2**11)  # 4 MiB, of which half
    file = named(tmp_path / "a.tar.gz", members)
    assert file.stat().st_size < 10_000
    with pytest.raises(InputError, match=r"a\.tar\.gz, unpacked, would take 0\.0 GiB, and this"):
        modalities.load(configure(path=file, **HALVES))
    monkeypatch.setattr("vae.modalities.images.places._LARGEST", 2**19)
    for kind in ("zip", "tar"):
        with pytest.raises(InputError, match="none of 3 images can be read"):
            modalities.load(configure(path=named(tmp_path / f"a.{kind}", members), **HALVES))


def test_links_in_a_tar_are_not_followed(configure, tmp_path):
    (tmp_path / "secret.png").write_bytes(png(9))
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for i in range(8):
            info = tarfile.TarInfo(f"{i}.png")
            info.size = len(png(i))
            archive.addfile(info, io.BytesIO(png(i)))
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
        archive.addfile(link)
    found = modalities.load(configure(path=tmp_path / "a.tar", **HALVES))
    assert sorted(np.unique(everything(found)[0])) == [*range(8)]


def test_an_archive_as_a_persons_own_files(configure, photos, tmp_path):
    file = pack(photos, tmp_path / "photos.zip")
    event = Event((6, 8, 3), BYTES)
    x, y = (read_images(files_at([path], IMAGES), event, configure()) for path in (photos, file))
    np.testing.assert_array_equal(x, y)
    assert next(name for name, _ in files_at([file], IMAGES)) == f"{file}/cats/0000.png"


def test_what_else_lies_in_a_directory_is_said(configure, write_images, tmp_path, caplog):
    write_images(tmp_path, 10)
    np.savez(tmp_path / "a.npz", images=np.arange(9 * 16, dtype=np.uint8).reshape(9, 4, 4))
    found = modalities.load(configure(path=tmp_path, **HALVES))
    assert found.event.shape == (4, 4, 1)
    assert "has .npz files, which are read, and images, which are left out" in caplog.text
