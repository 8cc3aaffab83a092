import numpy as np
import pytest

from vae.data.splits import digests, order, select
from vae.errors import InputError

LENGTHS = {"train": 1797, "test": 100}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train", range(1797)),
        ("train[:]", range(1797)),
        ("train[:1000]", range(1000)),
        ("train[1000:]", range(1000, 1797)),
        ("train[-10:]", range(1787, 1797)),
        ("train[:-10]", range(1787)),
        ("train[:90%]", range(1617)),
        ("train[90%:]", range(1617, 1797)),
        ("train[-10%:]", range(1797 - 179, 1797)),
        ("train[ 10 : 20 ]", range(10, 20)),
        ("train[0%:100%]", range(1797)),
    ],
)
def test_slices(text, expected):
    assert select({"data.train": text}, LENGTHS) == {"data.train": ("train", expected)}


def test_percentages_meet_without_gap_or_overlap():
    for n in range(1, 300):
        chosen = select({"a": "train[:50%]", "b": "train[50%:]"}, {"train": n}) if n > 1 else {}
        assert sum(len(span) for _, span in chosen.values()) == (n if n > 1 else 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("valid", r"no split valid, only train \(1797 examples\), test \(100 examples\)"),
        ("train[5:5]", "selects nothing"),
        ("train[9:5]", "selects nothing"),
        ("train[:2000]", "reaches beyond the 1797"),
        ("train[:101%]", "reaches beyond"),
        ("train[::2]", "is no split"),
        ("", "is no split"),
        ("train[:" + "9" * 100 + "]", "is no split"),
    ],
)
def test_refused(text, message):
    with pytest.raises(InputError, match=message):
        select({"data.train": text}, LENGTHS)


def test_overlap_names_both():
    specs = {"data.train": "train[:80%]", "data.valid": "train[70%:]", "data.test": "test"}
    with pytest.raises(InputError, match=r"data\.train = .* and data\.valid = .* share 180 "):
        select(specs, LENGTHS)
    select({"a": "train[:10]", "b": "test[:10]"}, LENGTHS)


def test_canonical_order_depends_on_content_only():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50, 4, 4, 1), dtype=np.uint8)
    images[7] = images[3]  # told apart by the label
    labels = np.arange(50, dtype=np.int32)
    shuffled = rng.permutation(50)
    first = order(digests(images, labels))
    second = order(digests(images[shuffled], labels[shuffled]))
    np.testing.assert_array_equal(labels[first], labels[shuffled][second])
    assert list(labels[first]) != sorted(labels)
