"""The readers of local arrays: idx, .amat, .npz and the embedded digits."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from vae import modalities
from vae.data.examples import ArrayExamples
from vae.errors import InputError
from vae.probability.event import BINARY, BYTES, Values

THIRDS = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}


def idx_bytes(array):
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + bytes(array)
    )


def write_idx(directory, count=20, size=5, names="train t10k"):
    rng = np.random.default_rng(0)
    for name in names.split():
        images = rng.integers(0, 256, (count, size, size), dtype=np.uint8)
        labels = np.arange(count, dtype=np.uint8) % 4
        packed = gzip.compress(idx_bytes(images))
        (directory / f"{name}-images-idx3-ubyte.gz").write_bytes(packed)
        (directory / f"{name}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))


def pairs(examples):
    """The set of (image bytes, label) of in-memory examples."""
    return {(i.tobytes(), int(n)) for i, n in zip(examples.values, examples.labels, strict=True)}


def test_digits(configure):
    found = modalities.load(configure())
    assert [len(s) for s in (found.train, found.valid, found.test)] == [1437, 180, 180]
    assert found.event.values == Values("levels", 16.0, 17)
    assert (found.event.shape, found.num_classes) == ((8, 8, 1), 10)
    assert found.train.table().values is found.train.values
    np.testing.assert_allclose(found.mean(), (found.train.values / 16).mean(0), rtol=1e-6)
    assert found.train.values.max() == 16
    assert len(np.unique(found.test.labels)) == 10


def test_idx(configure, tmp_path):
    write_idx(tmp_path)
    found = modalities.load(
        configure(path=tmp_path, train="train[:15]", valid="train[15:]", test="test")
    )
    assert [len(s) for s in (found.train, found.valid, found.test)] == [15, 5, 20]
    assert found.event.values == BYTES
    assert (found.event.shape, found.num_classes) == ((5, 5, 1), 4)
    again = modalities.load(
        configure(path=tmp_path, train="train", valid="test[:5]", test="test[5:]")
    )
    assert pairs(again.train) == pairs(found.train) | pairs(found.valid)


def test_idx_sizes_keep_the_splits(configure, tmp_path):
    write_idx(tmp_path)
    small = modalities.load(configure(path=tmp_path, **THIRDS, image_size=(3, 4), channels=3))
    plain = modalities.load(configure(path=tmp_path, **THIRDS))
    assert small.event.shape == (3, 4, 3)
    np.testing.assert_array_equal(small.train.labels, plain.train.labels)


def test_unused_split_is_named(configure, tmp_path, caplog):
    write_idx(tmp_path)
    modalities.load(configure(path=tmp_path, **THIRDS))
    assert "leave out the split test (20 examples)" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte.gz", b"\x1f\x8bnonsense", "is damaged"),
        ("train-images-idx3-ubyte", b"\x00\x00\x08", "is no idx file"),
        ("train-images-idx3-ubyte", idx_bytes(np.zeros((2, 3), np.uint8)), "is no idx file"),
        ("train-images-idx3-ubyte", idx_bytes(np.zeros((2, 3, 3), np.uint8))[:-1], "holds 17 "),
        ("train-images-idx3-ubyte", idx_bytes(np.zeros((2, 5, 5), np.uint8)), "20 labels for 2"),
        ("train-images-idx3-ubyte", idx_bytes(np.zeros((20, 4, 5), np.uint8)), "differ in size"),
        ("train-images-idx3-ubyte", idx_bytes(np.zeros((0, 5, 5), np.uint8)), "no examples"),
    ],
)
def test_idx_damaged(configure, tmp_path, name, content, message):
    write_idx(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        modalities.load(configure(path=tmp_path))
    assert "\n" not in str(caught.value)


def test_idx_truncated_gzip(configure, tmp_path):
    write_idx(tmp_path)
    file = tmp_path / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        modalities.load(configure(path=tmp_path))


def test_a_packed_file_is_read_no_further_than_it_announces(configure, tmp_path):
    write_idx(tmp_path)
    bomb = idx_bytes(np.zeros((20, 5, 5), np.uint8)) + bytes(50_000_000)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bomb, 1))
    del bomb
    tracemalloc.start()
    with pytest.raises(InputError, match="holds more than 500 bytes where 500 are announced"):
        modalities.load(configure(path=tmp_path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_what_announces_more_than_the_memory_is_refused(configure, tmp_path):
    content = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**31, 2**10, 2**10)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(content)
    with pytest.raises(InputError, match=r"would take 2,097,152\.0 GiB, and this machine has"):
        modalities.load(configure(path=tmp_path))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (scipy.sparse.csc_array((10**6, 10**6)), r"X of .* would take 7,450\.6 GiB"),
        ({"a": np.eye(3)}, "not an array"),
        ("text", "not an array"),
        (np.eye(3) * 1j, "not an array"),
    ],
)
def test_matlab_arrays_that_are_none(configure, tmp_path, x, message):
    scipy.io.savemat(tmp_path / "a.mat", {"X": x})
    (tmp_path / "a.mat").rename(tmp_path / "a.amat")
    with pytest.raises(InputError, match=message):
        modalities.load(configure(path=tmp_path / "a.amat"))


def test_a_sparse_matlab_array_is_read(configure, tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (12, 16))
    for name, x in (("sparse", scipy.sparse.csc_array(bits)), ("dense", bits)):
        with open(tmp_path / f"{name}.amat", "wb") as file:
            scipy.io.savemat(file, {"X": x})
    sparse, dense = (
        modalities.load(configure(path=tmp_path / f"{n}.amat", **THIRDS))
        for n in ("sparse", "dense")
    )
    np.testing.assert_array_equal(sparse.train.values, dense.train.values)


def test_amat_text_and_matlab_agree(configure, tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (12, 16))
    (tmp_path / "text").mkdir()
    (tmp_path / "matlab").mkdir()
    lines = "".join(" ".join(map(str, row)) + " \n" for row in bits)
    (tmp_path / "text" / "binarized_train.amat").write_text(lines)
    with open(tmp_path / "matlab" / "binarized_train.amat", "wb") as file:
        scipy.io.savemat(file, {"X": bits.astype(np.uint8)})
    text, matlab = (
        modalities.load(configure(path=tmp_path / d, **THIRDS)) for d in ("text", "matlab")
    )
    assert text.event.values == matlab.event.values == BINARY
    assert text.event.shape == (4, 4, 1)
    np.testing.assert_array_equal(text.train.values, matlab.train.values)
    assert (text.train.labels == -1).all()
    file = tmp_path / "text" / "binarized_train.amat"
    np.testing.assert_array_equal(
        modalities.load(configure(path=file, **THIRDS)).train.values, text.train.values
    )


def test_amat_of_no_square(configure, tmp_path):
    (tmp_path / "a.amat").write_text("0 1 1\n" * 9)
    with pytest.raises(InputError, match=r"a\.amat has 3 values a line, which are no square"):
        modalities.load(configure(path=tmp_path))


@pytest.mark.parametrize("text", ["0 1 2\n", "0 1\n1\n", "0.5 1\n", "10 1\n", "", "\n", "x\n"])
def test_amat_refused(configure, tmp_path, text):
    (tmp_path / "a.amat").write_text(text)
    with pytest.raises(InputError, match=r"a\.amat"):
        modalities.load(configure(path=tmp_path))


def test_amat_matlab_damaged(configure, tmp_path):
    file = tmp_path / "train.amat"
    with open(file, "wb") as opened:
        scipy.io.savemat(opened, {"Y": np.eye(4)})
    with pytest.raises(InputError, match='no array "X"'):
        modalities.load(configure(path=file))
    file.write_bytes(file.read_bytes()[:150])
    with pytest.raises(InputError, match=r'damaged|no array "X"'):
        modalities.load(configure(path=file))


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("images", "shape", "values"),
    [
        (RNG.integers(0, 256, (20, 6, 7, 3), dtype=np.uint8), (6, 7, 3), BYTES),
        (RNG.integers(0, 256, (20, 6, 7), dtype=np.uint8), (6, 7, 1), BYTES),
        (np.arange(20 * 42).reshape(20, 6, 7), (6, 7, 1), Values("counts", 839.0, 840)),
        (
            np.arange(20 * 9, dtype=np.uint16).reshape(20, 3, 3),
            (3, 3, 1),
            Values("counts", 179.0, 180),
        ),
        (RNG.integers(0, 2, (20, 3, 3)), (3, 3, 1), BINARY),
        (RNG.random((20, 3, 3)) < 0.5, (3, 3, 1), BINARY),
        (RNG.integers(0, 2, (20, 1, 10)).astype(float), (1, 10, 1), BINARY),
    ],
)
def test_npz_kinds(configure, tmp_path, images, shape, values):
    np.savez(tmp_path / "set.npz", images=images, labels=np.arange(20) % 3)
    found = modalities.load(configure(path=tmp_path, **THIRDS))
    assert (found.event.shape, found.event.values, found.num_classes) == (shape, values, 3)
    stored = (
        np.float32 if values.levels is None else np.int32 if values.kind == "counts" else np.uint8
    )
    assert found.train.values.dtype == stored
    joined = np.concatenate([s.values for s in (found.train, found.valid, found.test)])
    assert sorted(joined.astype(float).sum((1, 2, 3))) == pytest.approx(
        sorted(images.reshape(20, -1).astype(float).sum(1))
    )


def test_npz_counts_may_be_resized(configure, tmp_path):
    images = np.repeat(RNG.integers(0, 3000, (20, 1, 1, 3)), 8, axis=1).repeat(8, axis=2)
    np.savez(tmp_path / "set.npz", images=images)
    path = tmp_path / "set.npz"
    small = modalities.load(configure(path=path, **THIRDS, image_size=(3, 2)))
    plain = modalities.load(configure(path=path, **THIRDS))
    np.testing.assert_array_equal(small.train.values, plain.train.values[:, :3, :2])
    grey = modalities.load(configure(path=path, **THIRDS, channels=1)).train.values
    assert grey.dtype == np.int32 and grey.max() > 255


@pytest.mark.parametrize("keys", ["x_{} y_{}", "{}_images {}_labels", "{}_x {}_y"])
def test_npz_splits(configure, tmp_path, keys):
    arrays = {}
    for split, count in (("train", 8), ("val", 4), ("test", 6)):
        image_key, label_key = keys.format(split, split).split()
        arrays[image_key] = RNG.integers(0, 256, (count, 4, 4), dtype=np.uint8)
        arrays[label_key] = np.arange(count)[:, None]
    np.savez(tmp_path / "set.npz", **arrays)
    found = modalities.load(
        configure(path=tmp_path / "set.npz", train="train", valid="valid", test="test")
    )
    assert [len(s) for s in (found.train, found.valid, found.test)] == [8, 4, 6]
    assert sorted(found.train.labels) == list(range(8))


def test_npz_one_file_a_split(configure, tmp_path):
    for split in ("train", "test"):
        np.savez(tmp_path / f"{split}.npz", x=RNG.integers(0, 256, (8, 4, 4), dtype=np.uint8))
    found = modalities.load(
        configure(path=tmp_path, train="train", valid="test[:3]", test="test[3:]")
    )
    assert [len(s) for s in (found.train, found.valid, found.test)] == [8, 3, 5]
    np.savez(tmp_path / "other.npz", x=np.zeros((8, 4, 4), np.uint8))
    with pytest.raises(InputError, match=r"has 3 \.npz files"):
        modalities.load(configure(path=tmp_path))


GOOD = np.ones((4, 3, 3), np.uint8)
NAN = np.array([[[0.0, 1.0]], [[np.nan, 0.0]]])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": GOOD}, "has no examples, only pictures: name them images, x or data"),
        ({"labels": np.arange(4)}, "has no examples, only labels"),
        ({"images": NAN}, "NaN or infinity in 1 of 2"),
        ({"images": np.arange(4)}, r"has the shape \(4,\)"),
        ({"images": np.zeros((0, 3, 3), np.uint8)}, r"has the shape \(0, 3, 3\)"),
        ({"images": np.full((4, 3, 3), -1)}, "integers from -1 to -1"),
        ({"images": np.full((4, 3, 3), 2**25)}, "to 33554432, where .* at most 16777216"),
        ({"images": np.full((4, 3, 3), "a")}, "neither numbers nor bool"),
        ({"images": np.full((4, 3, 3), None)}, "array of Python objects"),
        ({"images": GOOD, "labels": np.arange(3)}, "one label for 4 examples"),
        ({"images": GOOD, "labels": np.array([0, 1, 2, np.inf])}, "have infinity"),
        ({"images": GOOD, "labels": np.arange(4) * 1j}, "give numbers or text"),
        ({"images": np.full((4, 3, 3), 1e300)}, "NaN or infinity in 4 of 4"),
        ({"images": np.full((4, 3, 3), 7.5)}, r"every value is 7\.5"),
        ({"images": GOOD, "x": GOOD}, "say the same"),
        ({"x_train": GOOD, "x_test": np.ones((4, 2, 3), np.uint8)}, "one shape and type"),
        ({"images": np.ones((4, 3, 3, 5), np.uint8)}, "with 5 channels"),
    ],
)
def test_npz_refused(configure, tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        modalities.load(configure(path=tmp_path / "bad.npz", channels=3))
    assert "\n" not in str(caught.value)


def test_npz_damaged(configure, tmp_path):
    file = tmp_path / "a.npz"
    np.savez(file, images=GOOD)
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"a\.npz cannot be read as \.npz"):
        modalities.load(configure(path=file))
    np.save(tmp_path / "b.npy", GOOD)
    for content in (b"", b"nonsense", (tmp_path / "b.npy").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npz is no \.npz file"):
            modalities.load(configure(path=file))


def test_nothing_there(configure, tmp_path):
    with pytest.raises(InputError, match=r"give a file or directory as data\.path"):
        modalities.load(configure(name=""))
    with pytest.raises(InputError, match=r"does not exist: give --config\.data\.path=DIR"):
        modalities.load(configure(path=tmp_path / "missing"))
    with pytest.raises(InputError, match="holds nothing that can be read"):
        modalities.load(configure(path=tmp_path))
    (tmp_path / "notes.doc").write_text("hello")
    with pytest.raises(InputError, match="holds nothing that can be read"):
        modalities.load(configure(path=tmp_path / "notes.doc"))


@pytest.mark.parametrize(
    "keys", [{"image_size": (8, 0)}, {"crop": (-1, 4)}, {"channels": 2}, {"crop": (9, 9)}]
)
def test_senseless_shapes_are_refused(configure, keys):
    with pytest.raises(InputError, match=f"data.{next(iter(keys))}"):
        modalities.load(configure(**keys))


def test_larger_than_the_device_is_the_same(configure, tmp_path):
    write_idx(tmp_path)
    small = modalities.load(configure(path=tmp_path, device_bytes=10, **THIRDS))
    assert small.train.table() is None
    assert isinstance(small.train, ArrayExamples)
    large = modalities.load(configure(path=tmp_path, **THIRDS))
    np.testing.assert_array_equal(small.train.values, large.train.values)


def test_real_mnist(configure, real):
    found = modalities.load(
        configure(path=real("mnist"), train="train[:55000]", valid="train[55000:]", test="test")
    )
    assert [len(s) for s in (found.train, found.valid, found.test)] == [55000, 5000, 10000]
    both = np.concatenate([found.train.values, found.valid.values])
    assert both.mean() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert np.bincount(found.test.labels).tolist()[:2] == [980, 1135]


def test_real_static_mnist(configure, real):
    path = real("binarized_mnist")
    found = modalities.load(configure(path=path, train="train", valid="valid", test="test"))
    assert [len(s) for s in (found.train, found.valid, found.test)] == [50000, 10000, 10000]
    assert found.event.values == BINARY
    assert found.event.shape == (28, 28, 1)


def test_real_cifar(configure, real):
    found = modalities.load(configure(path=real("cifar10")))
    assert (len(found.train), found.event.shape, found.num_classes) == (3200, (32, 32, 3), 10)
