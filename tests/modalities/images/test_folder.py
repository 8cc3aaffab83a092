import io

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.data.batches import Batches, evaluation_batches
from vae.data.examples import called, read_complete
from vae.errors import InputError
from vae.modalities.images import folder
from vae.modalities.images.decoding import Fit, fit_image, fit_images, open_image

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}


def everything(examples):
    return examples.read(np.arange(len(examples)))[0]


def test_classes_and_mixed_sizes(configure, write_images, tmp_path):
    write_images(tmp_path / "cats", 10, size=(20, 30))
    write_images(tmp_path / "dogs" / "small", 10, size=(9, 9), mode="L", seed=1)
    (tmp_path / "dogs" / "notes.txt").write_text("not an image")
    found = modalities.load(configure(path=tmp_path, image_size=(8, 6), **HALVES))
    assert (found.event.shape, found.num_classes) == ((8, 6, 3), 2)
    labels = np.concatenate([s.labels for s in (found.train, found.valid, found.test)])
    assert np.bincount(labels).tolist() == [10, 10]
    assert set(found.train.labels) == {0, 1}  # a slice of a folder is a random sample of it
    with pytest.raises(InputError, match=r"differ in size .* set data\.image_size"):
        modalities.load(configure(path=tmp_path, **HALVES))


def test_split_folders(configure, write_images, tmp_path, caplog):
    for split, count in (("train", 6), ("val", 3), ("test", 4)):
        write_images(tmp_path / split / "a", count, mode="L")
        write_images(tmp_path / split / "b", count, mode="L", seed=1)
    write_images(tmp_path / "spare", 2)
    found = modalities.load(configure(path=tmp_path, train="train", valid="valid", test="test"))
    assert [len(s) for s in (found.train, found.valid, found.test)] == [12, 6, 8]
    assert (found.event.shape, found.num_classes) == ((6, 8, 1), 2)
    assert "2 images outside" in caplog.text


def test_lazy_equals_in_memory(configure, write_images, tmp_path):
    write_images(tmp_path, 150)
    (tmp_path / "0007.png").write_bytes(b"nonsense")  # below 1 per cent
    memory = modalities.load(configure(path=tmp_path, **HALVES))
    lazy = modalities.load(configure(path=tmp_path, device_bytes=0, **HALVES))
    assert memory.train.table() is not None and lazy.train.table() is None
    for split in ("train", "valid", "test"):
        a, b = getattr(memory, split), getattr(lazy, split)
        np.testing.assert_array_equal(a.names, b.names)
        files = [np.array(Image.open(tmp_path / name)) for name in a.names[a.ok]]
        np.testing.assert_array_equal(files, a.values[a.ok])
        assert called(b, split, [0, 1]) == a.names[:2].tolist()
        for x, y in zip(
            evaluation_batches(a, 16), evaluation_batches(b, 16, threads=2), strict=True
        ):
            np.testing.assert_array_equal(x.counted, y.counted)
            labels = a.labels[x.index][x.counted]
            np.testing.assert_array_equal(labels, y.raw.labels[x.counted])
            seen = a.values[x.index]
            np.testing.assert_array_equal(seen[x.counted], y.raw.values[x.counted])
        with Batches(b, batch_size=16, seed=3) as ahead:
            for step in range(9):
                batch = ahead.batch(step)
                np.testing.assert_array_equal(batch.raw.values, a.values[batch.index])
                np.testing.assert_array_equal(batch.raw.labels, a.labels[batch.index])
    np.testing.assert_allclose(memory.mean(), lazy.mean(), rtol=1e-6)
    assert sum(int((~getattr(memory, s).ok).sum()) for s in ("train", "valid", "test")) == 1


def test_a_trained_run_decodes_what_it_is_asked_for(configure, write_images, tmp_path, monkeypatch):
    write_images(tmp_path, 40)
    config = configure(path=tmp_path, **HALVES)
    trained_on = modalities.load(config)
    opened = []
    monkeypatch.setattr(
        folder, "open_image", lambda file, *more: opened.append(file) or open_image(file, *more)
    )
    found = modalities.load(config, whole=False)
    assert found.digest == trained_on.digest and found.event == trained_on.event
    assert not opened
    raw, _ = read_complete(found.test, np.arange(4))
    np.testing.assert_array_equal(raw.values, trained_on.test.values[:4])
    assert len(opened) == 4
    arrays = configure(name="digits", train="train[:50]", valid="train[50:60]", test="train[60:]")
    arrays.labelled = 20
    some = modalities.load(arrays, whole=False).train
    assert (some.labels >= 0).sum() == 20 and some.table() is not None


def test_corrupt_file_is_named_once(configure, write_images, tmp_path, caplog):
    write_images(tmp_path, 100)
    (tmp_path / "0042.png").write_bytes((tmp_path / "0042.png").read_bytes()[:60])
    found = modalities.load(configure(path=tmp_path, device_bytes=0, **HALVES))
    for _ in range(2):
        for split in (found.train, found.valid, found.test):
            everything(split)
    warnings = [r for r in caplog.records if "cannot be read" in r.getMessage()]
    assert len(warnings) == 1
    assert "0042.png" in warnings[0].getMessage()


def test_many_corrupt_files_stop(configure, write_images, tmp_path):
    write_images(tmp_path, 100)
    for i in (3, 50):
        (tmp_path / f"{i:04d}.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"2 of 100 files cannot be read, more than 1%"):
        modalities.load(configure(path=tmp_path, **HALVES))
    lazy = modalities.load(configure(path=tmp_path, device_bytes=0, **HALVES))
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
        modalities.load(configure(path=tmp_path))


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
    found = modalities.load(configure(path=tmp_path, crop=(74, 74), image_size=(64, 64), **HALVES))
    assert found.event.shape == (64, 64, 3)
    assert (found.num_classes, len(found.train)) == (0, 30)
    assert 60 < found.train.values.mean() < 190


TABLE = """file,identity,Smiling,Age
cats/0000.png,tom,-1,0.25
cats/0001.png,tom,1,1
dogs/0000.png,rex,1,0
dogs/0001.png,bo,-1,0.5
"""


def described(write_images, directory, table=TABLE):
    write_images(directory / "cats", 2)
    write_images(directory / "dogs", 2, seed=1)
    (directory / "attributes.csv").write_text(table)
    return directory


@pytest.mark.parametrize("device_bytes", [1, 2**30])
def test_a_table_of_attributes(configure, write_images, tmp_path, device_bytes):
    directory = described(write_images, tmp_path)
    found = modalities.load(configure(path=directory, device_bytes=device_bytes, **HALVES))
    assert (found.attributes, found.num_classes) == (("Smiling", "Age"), 0)
    splits = (found.train, found.valid, found.test)
    images, labels = (np.concatenate([everything(s)[i] for s in splits]) for i in (0, 1))
    people = np.concatenate([s.identities for s in splits])
    assert labels.dtype == np.float32 and people.dtype == np.int32
    files = ("cats/0000", "cats/0001", "dogs/0000", "dogs/0001")
    who = {}
    for file, expected in zip(files, [(0, 0.25), (1, 1), (1, 0), (0, 0.5)], strict=True):
        pixels = np.asarray(Image.open(directory / f"{file}.png"))
        (row,) = np.flatnonzero((images == pixels).all((1, 2, 3)))
        np.testing.assert_array_equal(labels[row], np.float32(expected))
        who[file] = people[row]
    assert who[files[0]] == who[files[1]] and len(set(who.values())) == 3


def test_attributes_of_any_range_keep_their_units(configure, write_images, tmp_path):
    table = "file,Age,Sex,Smile,Weight,Constant\n" + "".join(
        f"{i:04d}.png,{20 + i},{1 + i % 2},{i / 40},{-1.5e3 * (i == 3)},7\n" for i in range(40)
    )
    write_images(tmp_path, 40)
    (tmp_path / "attributes.csv").write_text(table)
    found = modalities.load(
        configure(path=tmp_path, train="train[:80%]", valid="train[80%:90%]", test="train[90%:]")
    )
    y = found.train.labels
    assert 20 <= y[:, 0].min() < 25 and 55 < y[:, 0].max() < 60 and set(y[:, 1]) == {1, 2}
    scales = found.scales
    assert scales.low[0] == np.percentile(y[:, 0], 5) and scales.low[1:3] == (1, 0)
    assert scales.high[0] == np.percentile(y[:, 0], 95) and scales.high[1:3] == (2, 1)
    np.testing.assert_allclose(scales.mean[:2], y[:, :2].mean(0), rtol=1e-6)
    np.testing.assert_allclose(scales.std[:2], y[:, :2].std(0), rtol=1e-6)
    assert (scales.mean[2], scales.std[2]) == (0, 1)  # as it is
    assert (scales.mean[4], scales.std[4], scales.low[4], scales.high[4]) == (7, 1, 7, 8)
    assert scales.low[3] < scales.high[3] and np.isfinite(scales.share(y)).all()


def test_a_table_of_identities_alone_leaves_the_classes(configure, write_images, tmp_path):
    table = "".join(",".join(line.split(",")[:2]) + "\n" for line in TABLE.splitlines())
    found = modalities.load(configure(path=described(write_images, tmp_path, table), **HALVES))
    assert (found.attributes, found.num_classes) == ((), 2)
    assert found.train.identities is not None and set(found.train.labels) <= {0, 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dogs/0000.png,rex,1,0\n", "", r"has no row of dogs/0000\.png: add"),
        ("dogs/0000.png", "dogs/0009.png", r"has no row of dogs/0000\.png"),
        ("dogs/0001.png", "dogs/0000.png", r"has two rows of dogs/0000\.png"),
        ("dogs/0001.png,", "rat.png,a,1,1\ndogs/0001.png,", r"that are not there, rat\.png"),
        ("tom,1,1", "tom,1", r"the row of cats/0001\.png has 3 columns and the header 4"),
        ("tom,1,1", "tom,1,old", r"Age of cats/0001\.png is 'old', which is no finite number"),
        ("tom,1,1", "tom,1,nan", r"Age of cats/0001\.png is 'nan', which is no finite number"),
        ("tom,1,1", "tom,1,1e99", r"Age of cats/0001\.png is '1e99', which is no finite number"),
        ("tom,1,1", "tom,,1", r"Smiling of cats/0001\.png is nothing: give a number"),
        ("tom,1,1", "tom,1, ", r"Age of cats/0001\.png is nothing"),
        ("Age", "Smiling", r"two columns have one name"),
    ],
)
def test_damaged_tables(configure, write_images, tmp_path, old, new, message):
    assert old in TABLE
    directory = described(write_images, tmp_path, TABLE.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        modalities.load(configure(path=directory, **HALVES))


def test_a_crop_in_parts_is_of_each_image(configure, write_images, tmp_path):
    image = np.zeros((1, 10, 20, 1), np.uint8)
    image[:, 2:8, 5:15] = 200
    parts = Fit(crop=(0.6, 0.5))
    assert parts.shape((10, 20, 1)) == (6, 10, 1)
    assert parts.shape((None, None, 1)) == (None, None, 1)
    np.testing.assert_array_equal(fit_images(image, parts), fit_images(image, Fit(crop=(6, 10))))
    assert (fit_images(image, parts) == 200).all()
    double = image.repeat(2, 1).repeat(2, 2)
    assert (fit_images(double, parts) == 200).all() and fit_images(double, parts).shape[1] == 12
    with pytest.raises(InputError, match=r"data\.crop = \(0\.5, 20\.5\) is no \(height, width\)"):
        modalities.load(configure(path=write_images(tmp_path, 4), crop=(0.5, 20.5), **HALVES))
