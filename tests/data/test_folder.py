import io
import logging

import numpy as np
import pytest
from PIL import Image

from vae import data
from vae.data.batches import Batches, evaluation_batches
from vae.data.images import Fit, fit_image, fit_images, open_image
from vae.errors import InputError

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}


def everything(examples):
    return examples.read(np.arange(len(examples)))


def test_classes_and_mixed_sizes(configure, write_images, tmp_path):
    write_images(tmp_path / "cats", 10, size=(20, 30))
    write_images(tmp_path / "dogs" / "small", 10, size=(9, 9), mode="L", seed=1)
    (tmp_path / "dogs" / "notes.txt").write_text("not an image")
    found = data.load(configure(path=tmp_path, image_size=(8, 6), **HALVES))
    assert (found.image_shape, found.num_classes) == ((8, 6, 3), 2)
    labels = np.concatenate([s.labels for s in (found.train, found.valid, found.test)])
    assert np.bincount(labels).tolist() == [10, 10]
    assert set(found.train.labels) == {0, 1}  # a slice of a folder is a random sample of it
    with pytest.raises(InputError, match=r"differ in size .* set data\.image_size"):
        data.load(configure(path=tmp_path, **HALVES))


def test_split_folders(configure, write_images, tmp_path, caplog):
    for split, count in (("train", 6), ("val", 3), ("test", 4)):
        write_images(tmp_path / split / "a", count, mode="L")
        write_images(tmp_path / split / "b", count, mode="L", seed=1)
    write_images(tmp_path / "spare", 2)
    found = data.load(configure(path=tmp_path, train="train", valid="valid", test="test"))
    assert [len(s) for s in (found.train, found.valid, found.test)] == [12, 6, 8]
    assert (found.image_shape, found.num_classes) == ((6, 8, 1), 2)
    assert "2 images outside" in caplog.text


def test_lazy_equals_in_memory(configure, write_images, tmp_path):
    write_images(tmp_path, 150)
    (tmp_path / "0007.png").write_bytes(b"nonsense")  # below 1 per cent
    memory = data.load(configure(path=tmp_path, **HALVES))
    lazy = data.load(configure(path=tmp_path, device_bytes=0, **HALVES))
    assert memory.train.table() and not lazy.train.table()
    for split in ("train", "valid", "test"):
        a, b = getattr(memory, split), getattr(lazy, split)
        for x, y in zip(
            evaluation_batches(a, 16), evaluation_batches(b, 16, threads=2), strict=True
        ):
            np.testing.assert_array_equal(x["mask"], y["mask"])
            np.testing.assert_array_equal(x["label"], y["label"])
            seen = a.images[x["index"]]
            np.testing.assert_array_equal(seen[x["mask"]], y["image"][x["mask"]])
        with Batches(b, batch_size=16, seed=3) as ahead:
            for step in range(9):
                batch = ahead.batch(step)
                np.testing.assert_array_equal(batch["image"], a.images[batch["index"]])
                np.testing.assert_array_equal(batch["label"], a.labels[batch["index"]])
    np.testing.assert_allclose(memory.mean_image(), lazy.mean_image(), rtol=1e-6)
    assert sum(int((~getattr(memory, s).ok).sum()) for s in ("train", "valid", "test")) == 1


def test_corrupt_file_is_named_once(configure, write_images, tmp_path, caplog):
    write_images(tmp_path, 100)
    (tmp_path / "0042.png").write_bytes((tmp_path / "0042.png").read_bytes()[:60])
    found = data.load(configure(path=tmp_path, device_bytes=0, **HALVES))
    for _ in range(2):
        for split in (found.train, found.valid, found.test):
            everything(split)
    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "0042.png" in warnings[0].getMessage()


def test_many_corrupt_files_stop(configure, write_images, tmp_path):
    write_images(tmp_path, 100)
    for i in (3, 50):
        (tmp_path / f"{i:04d}.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"2 of 100 images cannot be read, more than 1%"):
        data.load(configure(path=tmp_path, **HALVES))
    lazy = data.load(configure(path=tmp_path, device_bytes=0, **HALVES))
    with (
        pytest.raises(InputError, match=r"2 of 100 .*0003\.png, .*0050\.png"),
        Batches(lazy.train, batch_size=50, seed=0) as a,
        Batches(lazy.valid, batch_size=25, seed=0) as b,
        Batches(lazy.test, batch_size=25, seed=0) as c,
    ):
        for batches in (a, b, c):
            batches.batch(0)


def test_all_corrupt(configure, tmp_path):
    (tmp_path / "a.png").write_bytes(b"nonsense")
    with pytest.raises(InputError, match="none of 1 images"):
        data.load(configure(path=tmp_path))


def test_decoding(tmp_path):
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
    as_file = {}
    for name, image in {
        "L": Image.fromarray(grey),
        "P": Image.fromarray(grey).convert("P"),
        "1": Image.fromarray(grey).convert("1"),
        "16": Image.fromarray(grey.astype(np.uint16) * 257),
        "RGBA": Image.merge("RGBA", [Image.fromarray(grey)] * 3 + [Image.new("L", (8, 6), 0)]),
    }.items():
        file = io.BytesIO()
        image.save(file, "PNG")
        as_file[name] = fit_image(open_image(file.getvalue(), Fit()), Fit(channels=1))
    np.testing.assert_array_equal(as_file["L"][..., 0], grey)
    np.testing.assert_array_equal(as_file["P"][..., 0], grey)
    np.testing.assert_array_equal(as_file["16"][..., 0], grey)
    assert set(np.unique(as_file["1"])) == {0, 255}
    assert (as_file["RGBA"] == 255).all()  # transparent: white

    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(grey).save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg", Fit()).size == (6, 8)


def test_large_jpeg_decoded_small_looks_the_same(tmp_path):
    y, x = np.mgrid[0:600, 0:800]
    smooth = (127 + 80 * np.sin(x / 90) + 40 * np.cos(y / 70)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    fit = Fit(size=(32, 32))
    small = fit_image(open_image(tmp_path / "a.jpg", fit), fit)
    full = fit_image(Image.fromarray(smooth), fit)
    assert open_image(tmp_path / "a.jpg", fit).size == (100, 75)
    assert np.abs(small.astype(int) - full.astype(int)).max() <= 6  # of 255, at the steepest edge


def test_crop_and_aspect():
    image = np.zeros((1, 10, 20, 1), np.uint8)
    image[:, 2:8, 7:13] = 200
    assert (fit_images(image, Fit(size=(3, 3), crop=(6, 6))) == 200).all()
    square = fit_images(image, Fit(size=(10, 10)))
    np.testing.assert_array_equal(square[0], image[0, :, 5:15])
    binary = fit_images((image > 0).astype(np.uint8), Fit(size=(7, 7)))
    assert set(np.unique(binary)) == {0, 1}
    floats = fit_images(image.astype(np.float32) / 100, Fit(size=(4, 9)))
    assert floats.dtype == np.float32 and floats.min() >= 0 and floats.max() <= 2


def test_real_faces(configure, real, tmp_path):
    import zipfile

    with zipfile.ZipFile(real("celeba") / "img_align_celeba.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")][:60]
        archive.extractall(tmp_path, names)
    found = data.load(configure(path=tmp_path, crop=(74, 74), image_size=(64, 64), **HALVES))
    assert found.image_shape == (64, 64, 3)
    assert (found.num_classes, len(found.train)) == (0, 30)
    assert 60 < found.train.images.mean() < 190
