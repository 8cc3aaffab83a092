"""tensorflow-datasets: a tiny set of its own, the real MNIST files, and every way to fail."""

import importlib.util
import io
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from vae import modalities
from vae.data.examples import ArrayExamples
from vae.errors import InputError
from vae.probability.event import BYTES

SPLITS = {"train": "train[:50%]", "valid": "train[50%:]", "test": "test"}

# Defined in a process of its own: what preparing imports and logs stays out of these tests, and
# what follows reads the set as a later run would.
PREPARE = """
import sys
import numpy as np
import tensorflow_datasets as tfds

class Shapes(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    SHAPE = (6, 8, 3)

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "photo": tfds.features.Image(shape=self.SHAPE),
            "name": tfds.features.Text(),
            "kind": tfds.features.ClassLabel(num_classes=3),
        }))

    def _split_generators(self, manager):
        return {"train": self._generate_examples(40), "test": self._generate_examples(11)}

    def _generate_examples(self, count):
        rng = np.random.default_rng(count)
        for i in range(count):
            shape = [n or 5 + i % 3 for n in self.SHAPE]
            image = rng.integers(0, 256, shape, dtype=np.uint8)
            yield i, {"photo": image, "name": str(i), "kind": i % 3}

class VaryingShapes(Shapes):
    SHAPE = (None, None, 3)

class RecordShapes(Shapes):
    pass

class People(Shapes):
    SHAPE = (109, 89, 3)

    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({
            "image": tfds.features.Image(shape=self.SHAPE),
            "landmarks": tfds.features.FeaturesDict({"nose_x": np.int64, "nose_y": np.int64}),
            "attributes": tfds.features.FeaturesDict({"Young": np.bool_, "Bald": np.bool_}),
            "identity": tfds.features.FeaturesDict({"Identity_No": np.int64}),
        }))

    def _generate_examples(self, count):
        for i in range(count):
            yield i, {
                "image": np.full(self.SHAPE, 5 * i, np.uint8),
                "landmarks": {"nose_x": 1, "nose_y": 2},
                "attributes": {"Young": i % 2 == 0, "Bald": i % 3 == 0},
                "identity": {"Identity_No": 100 + i},
            }

for builder in (Shapes, VaryingShapes, People):
    builder(data_dir=sys.argv[1]).download_and_prepare(file_format="array_record")
RecordShapes(data_dir=sys.argv[1]).download_and_prepare(file_format="tfrecord")
"""


PREPARES = importlib.util.find_spec("tensorflow") is not None
needs_tensorflow = pytest.mark.skipif(
    not PREPARES, reason="preparing a set needs the extra 'prepare'"
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    if not PREPARES:
        pytest.skip("preparing a set needs the extra 'prepare'")
    directory = tmp_path_factory.mktemp("tfds")
    script = tmp_path_factory.mktemp("script") / "prepare.py"  # a builder must lie in a file
    script.write_text(PREPARE)
    done = subprocess.run(
        [sys.executable, str(script), str(directory)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return directory


@pytest.fixture
def home(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    return tmp_path


def test_prepared_set(configure, home):
    found = modalities.load(configure(name="shapes", **SPLITS))
    assert [len(s) for s in (found.train, found.valid, found.test)] == [20, 20, 11]
    assert (found.event.shape, found.num_classes, found.event.values) == ((6, 8, 3), 3, BYTES)
    assert isinstance(found.train, ArrayExamples)
    rng = np.random.default_rng(11)
    first = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    row = [i for i, image in enumerate(found.test.values) if np.array_equal(image, first)]
    assert len(row) == 1 and found.test.labels[row[0]] == 0


@pytest.mark.parametrize("sorted_bytes", [0, 2**30])
def test_attributes_and_identities(configure, home, monkeypatch, sorted_bytes):
    monkeypatch.setattr("vae.modalities.images.tfds._SORTED_BYTES", sorted_bytes)
    keys = {"name": "people", "crop": (148 / 218, 148 / 178), **SPLITS}
    memory, lazy = (
        modalities.load(configure(**keys)),
        modalities.load(configure(device_bytes=1, **keys)),
    )
    assert (memory.attributes, memory.num_classes) == (("Bald", "Young"), 0)
    assert memory.event.shape == (74, 74, 3)
    np.testing.assert_array_equal(lazy.train.identities, memory.train.identities)
    (images, labels), _ = lazy.train.read(np.arange(len(lazy.train)))
    np.testing.assert_array_equal(images, memory.train.values)
    number = images[:, 0, 0, 0] // 5
    assert labels.dtype == np.float32 and len(set(number)) == len(lazy.train)
    np.testing.assert_array_equal(labels, np.stack([number % 3 == 0, number % 2 == 0], 1))
    np.testing.assert_array_equal(lazy.train.identities, 100 + number.astype(int))


def test_same_order_from_records_and_arrays(configure, home, tmp_path):
    found = modalities.load(configure(name="shapes", **SPLITS))
    images = np.concatenate([found.valid.values, found.train.values])[::-1]
    labels = np.concatenate([found.valid.labels, found.train.labels])[::-1]
    np.savez(tmp_path / "a.npz", x_train=images, y_train=labels, x_test=found.test.values)
    again = modalities.load(configure(path=tmp_path, **SPLITS))
    np.testing.assert_array_equal(found.train.values, again.train.values)
    np.testing.assert_array_equal(found.valid.labels, again.valid.labels)


@pytest.mark.parametrize("sorted_bytes", [0, 20_000])
def test_lazy_records(configure, home, monkeypatch, sorted_bytes):
    # 0: the order of the records; 20_000 is more than they take on disk, less than the decoded.
    monkeypatch.setattr("vae.modalities.images.tfds._SORTED_BYTES", sorted_bytes)
    keys = {"image_size": (16, 16), "channels": 1, **SPLITS}
    memory = modalities.load(configure(name="varying_shapes", **keys))
    lazy = modalities.load(configure(name="varying_shapes", device_bytes=0, **keys))
    assert (
        memory.train.table() is not None
        and lazy.train.table() is None
        and memory.event.shape == (16, 16, 1)
    )
    for split in ("train", "valid", "test"):
        a, b = getattr(memory, split), getattr(lazy, split)
        (images, labels), ok = b.read(np.arange(len(b)))
        np.testing.assert_array_equal(images, a.values)
        np.testing.assert_array_equal(labels, a.labels)
        assert ok.all()


def test_varying_sizes_need_one(configure, home):
    with pytest.raises(InputError, match=r"different sizes: set data\.image_size"):
        modalities.load(configure(name="varying_shapes", **SPLITS))


def test_unreadable_records(configure, home, monkeypatch, caplog):
    original = io.BytesIO
    count = iter(range(1000))

    def damaged(content):
        return original(b"nonsense" if next(count) % 20 == 7 else content)

    monkeypatch.setattr("vae.modalities.images.decoding.io.BytesIO", damaged)
    with pytest.raises(InputError, match=r"shapes: 1 of 51 files cannot be read"):
        modalities.load(configure(name="shapes", **SPLITS))


def test_without_random_access(configure, home):
    with pytest.raises(InputError, match="in a format without random access"):
        modalities.load(configure(name="record_shapes", **SPLITS))


WITHOUT_TENSORFLOW = """
import importlib.machinery, sys
class Without(importlib.machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.split(".")[0] == "tensorflow"
        return None if hidden else super().find_spec(name, path, target)
sys.meta_path = [Without if f is Without.__base__ else f for f in sys.meta_path]
from vae import config, modalities
c = config.base().data
c.name, c.manual_dir = sys.argv[1:]
c.train, c.valid, c.test = "train[:50%]", "train[50%:]", "test"
try:
    print(len(modalities.load(c).train))
except modalities.InputError as error:
    print(error)
"""


def without_tensorflow(name, manual_dir, directory):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, name, str(manual_dir)],
        env={**os.environ, "TFDS_DATA_DIR": str(directory)},
        capture_output=True,
        text=True,
    )
    assert not [line for line in done.stderr.splitlines() if "few examples" not in line]
    return done.stdout


def test_reading_needs_no_tensorflow(prepared):
    assert without_tensorflow("shapes", "", prepared) == "20\n"


def test_preparing_without_tensorflow_says_so(tmp_path):
    message = without_tensorflow("mnist", "", tmp_path)
    assert "preparing it needs TensorFlow: run pip install 'vae-experiments[prepare]'" in message
    assert message.count("\n") == 1


def test_unknown_name(configure, empty):
    with pytest.raises(InputError, match=r'"mnst" is none of .* did you mean mnist'):
        modalities.load(configure(name="mnst"))
    with pytest.raises(InputError, match=r'"dogits" is none of .* did you mean digits'):
        modalities.load(configure(name="dogits"))


def test_not_of_images(configure, empty):
    with pytest.raises(InputError, match="no single feature that is an image"):
        modalities.load(configure(name="imdb_reviews"))


@needs_tensorflow
def test_no_network(configure, empty, monkeypatch):
    def refuse(*args, **keys):
        raise OSError("unreachable")

    for name in ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("vae.modalities.images.tfds.socket.create_connection", refuse)
    start = time.monotonic()
    message = r"storage\.googleapis\.com cannot be reached: .*data\.manual_dir.*data\.path"
    with pytest.raises(InputError, match=message):
        modalities.load(configure(name="mnist"))
    assert time.monotonic() - start < 10
    with pytest.raises(InputError, match="is no directory"):
        modalities.load(configure(name="mnist", manual_dir=empty / "missing"))


@pytest.mark.slow
@needs_tensorflow
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_set_equals_its_idx_files(configure, real, tmp_path, name):
    directory = real(name)
    program = (
        "import sys; from vae import config, modalities\n"
        "c = config.base().data; c.name, c.manual_dir = sys.argv[1:]\n"
        "print(modalities.load(c).description)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, name, str(directory)],
        env={**os.environ, "TFDS_DATA_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "train 48000" in done.stdout, done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(tmp_path))
        records = modalities.load(
            configure(name=name, train="train[:90%]", valid="train[90%:]", test="test")
        )
    files = modalities.load(
        configure(path=directory, train="train[:90%]", valid="train[90%:]", test="test")
    )
    for split in ("train", "valid", "test"):
        a, b = getattr(records, split), getattr(files, split)
        np.testing.assert_array_equal(a.values, b.values)
        np.testing.assert_array_equal(a.labels, b.labels)


@pytest.mark.slow
@needs_tensorflow
def test_damaged_manual_files(configure, real, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    manual = tmp_path / "manual"
    manual.mkdir()
    for file in real("mnist").iterdir():
        (manual / file.name).write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"cannot be downloaded and prepared"):
        modalities.load(configure(name="mnist", manual_dir=manual))
