"""Files of every kind that the readers take, damaged, odd and hostile.

Whatever lies there, it is read or refused in one line, within a minute, and nothing is left behind.
"""

import contextlib
import gzip
import io
import os
import signal
import struct
import tarfile
import tempfile
import warnings
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.io
import scipy.sparse
from configs import tiny
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from vae import modalities
from vae.config import base
from vae.errors import InputError
from vae.modalities import images
from vae.probability.event import BYTES, Event
from vae.tasks.inputs import read_set

SECONDS = 60


def numbers():
    """The same numbers each time, so that a tree depends on its draws alone."""
    return np.random.default_rng(0)


def _encoded(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def _image_files():
    """Small images as files, by their endings."""
    rng = numbers()
    grey = rng.integers(0, 256, (6, 8), dtype=np.uint8)
    rgb = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    made = {
        "png": [Image.fromarray(rgb), Image.fromarray(grey), Image.fromarray(rgb).convert("P")],
        "jpg": [Image.fromarray(rgb), Image.fromarray(rgb).convert("CMYK")],
        "bmp": [Image.fromarray(rgb)],
        "webp": [Image.fromarray(rgb)],
        "gif": [Image.fromarray(grey)],
        "ppm": [Image.fromarray(rgb)],
        "tif": [Image.fromarray(grey), Image.fromarray(grey.astype(np.float32))],
    }
    kinds = {"jpg": "JPEG", "tif": "TIFF", "ppm": "PPM"}
    files = [
        (ending, _encoded(image, kinds.get(ending, ending.upper())))
        for ending, images in made.items()
        for image in images
    ]
    deep = Image.fromarray(grey.astype(np.uint16) * 16)
    pages = [Image.fromarray(grey)] * 3
    files += [("png", _encoded(deep, "PNG")), ("tif", _encoded(deep, "TIFF"))]
    for ending, kind in (("tif", "TIFF"), ("gif", "GIF"), ("png", "PNG")):
        files.append((ending, _encoded(pages[0], kind, save_all=True, append_images=pages)))
    files.append(("tif", _encoded(Image.fromarray(grey / np.float32(0)), "TIFF")))
    return files


with np.errstate(divide="ignore", invalid="ignore"):
    IMAGES = _image_files()

MOST = 2**16
PLACE = st.integers(0, MOST)  # in a file, whose size may depend on its date

# Names as they are found on disks; bytes that are no text among them.
NAMES = st.sampled_from(
    [
        "a",
        "b",
        "a b",
        "\u00e9",
        "e\u0301",
        "caf\udce9",
        "x\ny",
        "train",
        "test",
        "-",
        "#",
        "n" * 240,
    ]
)


def damaged(draw, content):
    """The bytes cut, changed, doubled or replaced."""
    how = draw(st.sampled_from(["cut", "flip", "double", "zero", "empty", "other"]))
    at = draw(PLACE) * len(content) // MOST
    if how == "cut":
        return content[:at]
    if how == "flip" and content:
        changed = bytearray(content)
        for _ in range(draw(st.integers(1, 4))):
            changed[draw(PLACE) * (len(content) - 1) // MOST] = draw(st.integers(0, 255))
        return bytes(changed)
    if how == "double":
        return content[:at] + content[max(0, at - 20) :]
    if how == "zero":
        return content[:at] + bytes(len(content) - at)
    if how == "empty":
        return b""
    return draw(st.binary(max_size=40))


def damager(draw):
    """A function that damages a few of the files it is given, or none."""
    left = draw(st.sampled_from([0, 0, 1, 3]))

    def hurt(content):
        nonlocal left
        if left and draw(st.integers(0, 2)) == 2:
            left -= 1
            return damaged(draw, content)
        return content

    return hurt


def folder(draw, hurt):
    """Images in folders, as classes or splits, with what else may lie there."""
    files = {}
    for _ in range(draw(st.sampled_from([1, 6, 12, 12]))):
        ending, content = draw(st.sampled_from(IMAGES))
        if draw(st.integers(0, 20)) == 20:
            ending = draw(st.sampled_from(["jfif", "PNG", "tiff", "webp", "txt"]))
        parts = draw(st.lists(NAMES, min_size=1, max_size=3))
        files["/".join(parts) + "." + ending] = hurt(content)
    for _ in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(["fifo", "folder", "loop", "nothing"]))
        files[draw(NAMES) + draw(st.sampled_from([".png", "", ".npz", ".amat"]))] = kind
    if draw(st.booleans()):
        files["attributes.csv"] = table(draw, hurt, list(files))
    return files


def table(draw, hurt, names):
    """A table of attributes, more or less of these files."""
    cell = st.sampled_from(
        ["0", "1", "-1", "0.5", "", "x", "nan", "1e400", "-1e30", '"', "1,2", "\x00", "\u0663"]
    )
    good = draw(st.booleans())
    columns = draw(st.lists(st.sampled_from(["a", "b", "identity", "", "a"]), max_size=3))
    rows = [["file", *columns]]
    for name in names:
        own = ["1" for _ in columns] if good else [draw(cell) for _ in columns]
        rows.append([name.encode("utf-8", "replace").decode(), *own])
    if not good and draw(st.booleans()):
        rows[draw(st.integers(0, len(rows) - 1))].append("more")
    text = "\n".join(",".join(row) for row in rows)
    return hurt(text.encode("utf-8", "replace"))


def array(draw):
    """An array as somebody may save it, images or labels or neither."""
    count = draw(st.sampled_from([1, 6, 12, 12, 12, 12]))
    shape = draw(
        st.sampled_from(
            [(), (4,), (6, 6), (6, 8), (3, 6, 6), (6, 6, 3), (1, 1), (0, 3), (2, 2, 2, 2)]
        )
    )
    kind = draw(
        st.sampled_from(
            [
                "u1",
                "u1",
                "f4",
                "f8",
                "f2",
                "g",
                "i4",
                "i8",
                "u8",
                "?",
                "c8",
                "U3",
                "S2",
                "M8[s]",
                "O",
            ]
        )
    )
    scale = draw(st.sampled_from([1, 1, 2, 255, 255, 65535, -1, 1e30, 1e300, 0]))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = numbers().random((count, *shape)) * scale
        if draw(st.integers(0, 9)) == 0 and values.size:
            values.flat[0] = draw(st.sampled_from([np.nan, np.inf, -np.inf]))
        if kind == "M8[s]":
            return values.astype("i8").astype(kind)
        if kind == "O":
            return np.array([None] * count)
        if draw(st.integers(0, 15)) == 15:
            return np.zeros(count, [("a", "i4")])
        return values.astype(kind)


def arrays(draw):
    """Arrays with names that are known, or none."""
    names = ["images", "images", "x", "labels", "y", "x_train", "x_test", "train_labels", "other"]
    found = {draw(st.sampled_from(names)): array(draw) for _ in range(draw(st.integers(0, 4)))}
    if draw(st.booleans()):
        found |= {"images": np.arange(24 * 12).reshape(12, 6, 4).astype("u1")}
        found.pop("x", None)
    return found


def mat(draw, hurt):
    """A MATLAB file of arrays, as they are or with their axes turned around."""
    found = {
        name: array.T if draw(st.booleans()) else array for name, array in arrays(draw).items()
    }
    file = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scipy.io.savemat(file, found, do_compression=draw(st.booleans()))
    except (TypeError, ValueError, NotImplementedError):  # it cannot hold every array of numpy's
        return {"set.mat": b""}
    return {draw(st.sampled_from(["set.mat", "train.mat"])): hurt(file.getvalue())}


def npz(draw, hurt):
    """An archive of such arrays."""
    file = io.BytesIO()
    saved = np.savez_compressed if draw(st.booleans()) else np.savez
    saved(file, **arrays(draw))
    if draw(st.integers(0, 19)) == 9:
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr("labels", draw(st.binary(max_size=9)))
    name = draw(st.sampled_from(["set.npz", "train.npz", "set.npz/train.npz"]))
    files = {name: hurt(file.getvalue())}
    if draw(st.integers(0, 5)) == 5:
        files["test.npz"] = draw(st.sampled_from(["fifo", "folder", "nothing", files[name]]))
    return files


def idx(draw, hurt):
    """The files of MNIST, with headers that may say anything."""
    files = {}
    for part in ("train", "t10k"):
        for kind, dimensions in (("images", 3), ("labels", 1)):
            shape = [12, 4, 5][:dimensions]
            if draw(st.integers(0, 5)) == 5:
                size = draw(st.sampled_from([0, 1, 11, 2**16, 2**31, 2**32 - 1]))
                shape[draw(st.integers(0, dimensions - 1))] = size
            content = bytes([0, 0, 8, dimensions]) + struct.pack(f">{dimensions}I", *shape)
            content += (
                numbers().integers(0, 9, 240 if dimensions == 3 else 12, dtype=np.uint8).tobytes()
            )
            content = hurt(content)
            if draw(st.booleans()):
                files[f"{part}-{kind}-idx{dimensions}-ubyte.gz"] = hurt(
                    gzip.compress(content, mtime=0)
                )
            elif draw(st.integers(0, 9)):
                files[f"{part}-{kind}-idx{dimensions}-ubyte"] = content
    return files or {"train-labels-idx1-ubyte": "fifo"}


def amat(draw, hurt):
    """Lines of 0 and 1, or MATLAB files of whatever."""
    if draw(st.booleans()):
        text = draw(st.sampled_from(["0 1 1 0\n", "0 1\n", "0 1 2\n", "0.5 1\n", "01 1\n", "\n"]))
        content = (text * draw(st.sampled_from([0, 1, 12]))).encode()
    else:
        bits = numbers().integers(0, 2, (12, 16))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x = draw(
                st.sampled_from(
                    [
                        *(bits.astype("u1"), bits.astype("f8"), bits > 0, bits * 2, bits * 1j),
                        *(scipy.sparse.csc_array(bits), scipy.sparse.csc_array((10**6, 10**6))),
                        *({"a": bits}, "text", bits[0, :0], bits.reshape(3, 4, 16)),
                        *(np.array([bits, "a"], object), np.zeros((0, 4)), bits - np.nan),
                    ]
                )
            )
        file = io.BytesIO()
        scipy.io.savemat(file, {draw(st.sampled_from(["X", "X", "X", "Y"])): x})
        content = file.getvalue()
    name = draw(st.sampled_from(["train.amat", "binarized_test.amat", "a.amat", "a.amat/b.amat"]))
    return {name: hurt(content)}


def celeba(draw, hurt):
    """CelebA's images and tables, more or less."""
    names = [f"{i:06d}.jpg" for i in range(1, 13)]
    jpeg = next(content for ending, content in IMAGES if ending == "jpg")
    rows = {
        "list_attr_celeba.txt": ["12", "A B", *(f"{n}  1 -1" for n in names)],
        "identity_CelebA.txt": [f"{n} {i // 2}" for i, n in enumerate(names)],
        "list_eval_partition.txt": [f"{n} {i // 5}" for i, n in enumerate(names)],
    }
    files = {}
    for name, lines in rows.items():
        if draw(st.integers(0, 3)) == 3:
            continue
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            at = draw(st.integers(0, len(lines) - 1))
            lines[at] = draw(
                st.sampled_from(
                    [
                        *("", "000001.jpg", lines[at] + " 1", "99", "A A", "000001.jpg x y"),
                        *("000002.jpg 99999999999 1", "caf\u00e9 1 1", "000001.jpg 1.5 1"),
                        *(lines[0], "\x00"),
                    ]
                )
            )
        files[name] = hurt("\n".join(lines).encode())
        if draw(st.integers(0, 20)) == 20:
            files[name] = draw(st.sampled_from(["fifo", "folder"]))
    if draw(st.booleans()):
        return files | {f"img_align_celeba/{n}": hurt(jpeg) for n in names}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(f"img_align_celeba/{name}", hurt(jpeg))
    content = bytearray(file.getvalue())
    if draw(st.integers(0, 3)) == 3:  # another version, another method, a password
        entry = content.rindex(b"PK\x01\x02")
        at, value = draw(st.sampled_from([(6, 99), (10, 97), (8, 1), (24, 255), (27, 255)]))
        content[entry + at] = value
    return files | {"img_align_celeba.zip": hurt(bytes(content))}


def archive(draw, hurt):
    """The images of a folder, packed, with names that may lead out of it."""
    file, kind = io.BytesIO(), draw(st.sampled_from(["zip", "tar", "tar.gz"]))
    members = {name: content for name, content in folder(draw, hurt).items() if content}
    members = {name: x for name, x in members.items() if isinstance(x, bytes)}
    if draw(st.integers(0, 9)) == 9:
        members[draw(st.sampled_from(["../a.png", "/a.png", "__MACOSX/._a.png", "a.npz"]))] = b""
    if kind == "zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in members.items():
                packed.writestr(name.encode("utf-8", "replace").decode(), content)
    else:
        with tarfile.open(fileobj=file, mode="w:gz" if kind == "tar.gz" else "w") as packed:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                packed.addfile(info, io.BytesIO(content))
    return {f"a.{kind}": hurt(file.getvalue())}


KINDS = {
    **{"folder": folder, "npz": npz, "idx": idx, "amat": amat, "mat": mat, "celeba": celeba},
    "archive": archive,
}


@st.composite
def trees(draw):
    """Files below a directory: their contents, or what is there instead of a file."""
    kinds, hurt = st.sampled_from(list(KINDS)), damager(draw)
    kind = draw(kinds)
    files = KINDS[kind](draw, hurt)
    if draw(st.integers(0, 9)) == 9:
        files |= KINDS[draw(kinds)](draw, hurt)
    keys = {
        "image_size": draw(st.sampled_from([(0, 0), (0, 0), (4, 4), (1, 9)])),
        "crop": draw(st.sampled_from([(0, 0), (0, 0), (3, 3), (0.5, 0.5), (50, 50)])),
        "channels": draw(st.sampled_from([0, 0, 1, 3])),
        "device_bytes": draw(st.sampled_from([1, 2**30])),
        "train": draw(st.sampled_from(["train[:50%]"] * 5 + ["train"])),
        "valid": draw(st.sampled_from(["train[50%:75%]"] * 5 + ["valid", "test[:50%]"])),
        "test": draw(st.sampled_from(["train[75%:]"] * 5 + ["test", "test[50%:]"])),
    }
    patterns = ["", "", "", "", "{label}.{*}", "{identity}/{*}", "{age}.{*}", "{label", "{*}"]
    if kind in ("folder", "archive"):
        keys["label_pattern"] = draw(st.sampled_from(patterns))
    first = next(iter(files))  # an archive is a file, and no directory of such
    inside = draw(st.sampled_from([first if kind == "archive" else ""] * 5 + [first]))
    return files, keys, inside


def write(directory, files):
    """Writes a tree; what cannot stand beside what is there already is left out."""
    for name, content in files.items():
        path = directory / name
        with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            path.parent.mkdir(parents=True, exist_ok=True)
            if content == "fifo":
                os.mkfifo(path)
            elif content == "folder":
                path.mkdir()
            elif content == "loop":
                path.symlink_to(directory)
            elif content == "nothing":
                path.symlink_to("nothing")
            else:
                path.write_bytes(content)


def listed(directory):
    """The names of all that lies in a directory."""
    return {
        os.path.join(at, n) for at, folders, names in os.walk(directory) for n in folders + names
    }


def read_all(path, keys):
    """What training and tasks read of a tree; returns the messages of what was refused, or ""."""
    config = base().data
    config.update({"name": "", "path": str(path), "threads": 2, **keys})
    run = SimpleNamespace(
        config=tiny(),
        event=Event((4, 4, 3), BYTES),
        model=SimpleNamespace(event=Event((4, 4, 3), BYTES)),
        workdir="run",
        modality=images,
    )

    def load():
        found = modalities.load(config)
        for split in (found.train, found.valid, found.test):
            (raw, labels), ok = split.read(np.arange(min(5, len(split))))
            assert raw.shape[1:] == found.event.shape and len(labels) == len(ok) == len(raw)
            assert np.isfinite(raw).all()
        mean = found.mean()
        assert mean.min() >= 0 and mean.max() <= 1 + 1e-6

    said = []
    for read in (
        load,
        lambda: images.read_files([path], run.event, run.config.data),
        lambda: read_set(str(path), run, 5),
    ):
        try:
            read()
            said.append("")
        except InputError as error:
            said.append(str(error))
    return said


def check(files, keys, inside, read):
    """Reads a tree, within a minute."""

    def too_long(*_):
        raise AssertionError(f"more than {SECONDS} s")

    with tempfile.TemporaryDirectory() as place:
        directory, empty = Path(place) / "tree", Path(place) / "empty"
        empty.mkdir()
        directory.mkdir()
        write(directory, files)
        there, here = listed(directory), set(os.listdir())
        before = tempfile.tempdir
        tempfile.tempdir = str(empty)
        signal.signal(signal.SIGALRM, too_long)
        signal.alarm(SECONDS)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, of damaged files
                warnings.simplefilter("error", RuntimeWarning)
                said = read_all(directory / inside, keys)
        finally:
            signal.alarm(0)
            tempfile.tempdir = before
        for message in filter(None, said):
            assert "\n" not in message and message.encode() and message.endswith(".")
        assert listed(directory) == there and not listed(empty) and set(os.listdir()) == here
        read.append(not said[0])


def fuzz(number):
    """Reads so many trees; returns for each whether training takes it."""
    read = []

    @seed(1)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(tree=trees())
    def run(tree):
        check(*tree, read)

    run()
    return read


def test_odd_files():
    read = fuzz(50)
    assert len(read) >= 50 and 0 < sum(read) < len(read)


@pytest.mark.slow
def test_five_hundred_odd_files():
    read = fuzz(500)
    assert len(read) >= 500 and 50 < sum(read) < 450
