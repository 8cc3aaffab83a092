"""Whatever range arrays come in, x is in [0, 1], or one sentence says why not."""

import logging

import numpy as np
import pytest

from vae import modalities
from vae.data.prepare import on_levels
from vae.errors import InputError
from vae.modalities.images.pixels import as_x
from vae.probability.event import BYTES, Event, Values

THIRDS = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
RNG = np.random.default_rng(0)
UNIT = np.concatenate([RNG.random((30, 6, 5)), np.zeros((1, 6, 5)), np.ones((1, 6, 5))])


def x_of(found):
    """All x of a data set, [N, H, W, C]."""
    splits = (found.train, found.valid, found.test)
    return np.concatenate([split.values for split in splits]) / np.float32(found.event.values.scale)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 1, ""),
        (-1, 1, "floats from -1 to 1, brought to [0, 1] with -1 as 0 and 1 as 1"),
        (0, 255, "floats from 0 to 255, brought to [0, 1] with 0 as 0 and 255 as 1"),
        (-1000, 3000, "with -1000 as 0 and 3000 as 1"),
        (0, 16, "with 0 as 0 and 16 as 1"),
    ],
)
def test_floats_of_any_range_are_the_same_images(configure, tmp_path, caplog, low, high, said):
    np.savez(tmp_path / "set.npz", images=low + (high - low) * UNIT)
    with caplog.at_level(logging.INFO):
        found = modalities.load(configure(path=tmp_path / "set.npz", **THIRDS))
    assert sorted(x_of(found).sum((1, 2, 3))) == pytest.approx(sorted(UNIT.sum((1, 2))), rel=1e-5)
    assert (found.event.values.low, found.event.values.high, found.event.values.levels) == (
        0,
        1,
        None,
    )
    assert said in caplog.text and ("brought to" in caplog.text) == bool(said)
    if said:
        assert (found.event.values.black, found.event.values.white) == (low, high)


def test_floats_of_a_known_unit_keep_it(configure, tmp_path):
    np.savez(tmp_path / "set.npz", images=-1000 + 3000 * UNIT)
    config = configure(path=tmp_path / "set.npz")
    like = Event((9, 9, 1), Values("real", black=-2000.0, white=4000.0))
    for known, low, high in ((None, 0, 1), (like, 1 / 6, 4 / 6)):
        (split,) = modalities.read(config, known).splits.values()
        assert (split.values.min(), split.values.max()) == pytest.approx((low, high))
    np.savez(tmp_path / "set.npz", images=2 * UNIT - 1)  # a range that is known anyway
    (split,) = modalities.read(config, like).splits.values()
    assert (split.values.min(), split.values.max()) == (0, 1)


def test_whole_floats_to_255_are_bytes(configure, tmp_path):
    images = np.rint(255 * UNIT)
    np.savez(tmp_path / "set.npz", images=images)
    found = modalities.load(configure(path=tmp_path / "set.npz", **THIRDS))
    assert found.event.values == BYTES and found.train.values.dtype == np.uint8
    assert sorted(x_of(found).sum((1, 2, 3))) == pytest.approx(sorted(images.sum((1, 2)) / 255))


def test_a_splits_range_is_that_of_all(configure, tmp_path):
    np.savez(tmp_path / "set.npz", x_train=UNIT, x_test=2 * UNIT - 1)
    found = modalities.load(
        configure(path=tmp_path / "set.npz", train="train", valid="test[:9]", test="test[9:]")
    )
    assert found.train.values.min() == 0.5 and found.test.values.min() == 0


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_first(configure, tmp_path, caplog, channels):
    images = RNG.integers(0, 256, (20, channels, 6, 7), dtype=np.uint8)
    np.savez(tmp_path / "first.npz", images=images)
    np.savez(tmp_path / "last.npz", images=np.moveaxis(images, 1, -1))
    with caplog.at_level(logging.INFO):
        first, last = (
            modalities.load(configure(path=tmp_path / f"{name}.npz", **THIRDS))
            for name in ("first", "last")
        )
    assert first.event.shape == (6, 7, channels)
    np.testing.assert_array_equal(first.train.values, last.train.values)
    assert caplog.text.count("is turned to [N, H, W, C]") == 1


DIGITS = Values("levels", 16.0, 17)
FLOATS = Values("real", black=-1.0, white=1.0)
COUNTS = Values("counts", 40.0, 41)
X = (RNG.integers(0, 17, (3, 4, 5, 1)) / 16).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "values", "expected"),
    [
        (X, DIGITS, X),
        (X.tolist(), DIGITS, X),
        (X.astype(np.float64), DIGITS, X),
        ((16 * X).astype(np.uint8), DIGITS, X),
        (X > 0.5, DIGITS, X > 0.5),
        (1.2 * X - 0.1, FLOATS, 1.2 * X - 0.1),  # as a Gaussian draws them
        ((80 * X).astype(np.int64), COUNTS, 2 * X),  # more than was counted so far
    ],
)
def test_what_a_run_takes(given, values, expected):
    x = as_x(given, Event((4, 5, 1), values))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("given", "values", "message"),
    [
        (X[0], DIGITS, r"shape \(4, 5, 1\) must be \[N, 4, 5, 1\], as the run's: give x\[None\]"),
        (np.moveaxis(X, -1, 1), DIGITS, r"give np\.moveaxis\(x, 1, -1\)"),
        (X[:0], DIGITS, r"shape \(0, 4, 5, 1\)"),
        (np.where(X > 0.9, np.nan, X), DIGITS, "NaN or infinity in 3 of 3"),
        (X.astype(str), DIGITS, "no numbers"),
        (X + 1j, DIGITS, "no numbers"),
        (255 * X, DIGITS, r"from 0 to 255, but a run takes floats from 0 to 1: give x / 255"),
        (2 * X - 1, DIGITS, r"from -1 to 1, but .*: give \(x \+ 1\) / 2"),
        (2 * X - 1, FLOATS, r"give \(x - -1\) / 2, as was done with its data"),
        (90 * X - 30, DIGITS, r"from -30 to 60, .*: give \(x - -30\) / 90"),
        ((255 * X).astype(np.uint8), DIGITS, "integers from 0 to 255, but .* from 0 to 16"),
        (-X, COUNTS, r"from -1 to -?0"),
    ],
)
def test_what_a_run_refuses(given, values, message):
    with pytest.raises(InputError, match=message):
        as_x(given, Event((4, 5, 1), values))


def test_values_between_levels_are_rounded_with_a_warning():
    np.testing.assert_array_equal(on_levels(X, 17), X)  # and nothing is said
    with pytest.warns(UserWarning, match=r"rounded, by up to 0\.03\d*, to the 17 levels"):
        moved = on_levels(X * 0.967, 17)
    assert set(np.unique(16 * moved)) <= set(range(17))


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.arange(32) % 3, ()),
        (np.arange(32) % 3 + 1, ("1", "2", "3")),
        (1000 * (np.arange(32) % 3 + 100), ("100000", "101000", "102000")),
        (np.arange(32) % 3 - 1.0, ("-1", "0", "1")),
        ((np.arange(32) % 3) / 2, ("0", "0.5", "1")),
        (np.array(["cat", "dog", "\u00e9lan"])[np.arange(32) % 3], ("cat", "dog", "\u00e9lan")),
        (np.array([b"cat", b"dog", b"rat"])[np.arange(32) % 3], ("cat", "dog", "rat")),
        (
            np.array([7, 2**40, -(2**63)])[np.arange(32) % 3],
            ("-9223372036854775808", "7", "1099511627776"),
        ),
        (np.arange(32) % 2 == 1, ()),
    ],
)
def test_labels_are_mapped_to_classes(configure, tmp_path, labels, names):
    images = np.arange(32, dtype=np.uint8)[:, None, None].repeat(3, 1).repeat(4, 2) + 100
    np.savez(tmp_path / "set.npz", images=images, labels=labels)
    found = modalities.load(configure(path=tmp_path / "set.npz", **THIRDS))
    distinct = np.unique(labels)
    assert (found.num_classes, found.classes) == (len(distinct), names)
    for split in (found.train, found.valid, found.test):
        of_image = labels[split.values[:, 0, 0, 0] - 100]
        np.testing.assert_array_equal(distinct[split.labels], of_image)


def test_images_without_a_label(configure, tmp_path):
    for name, labels in {
        "numbers": np.where(np.arange(32) % 4, np.arange(32) % 4 - 1, np.nan),
        "text": np.array(["", "a", "b", "c"])[np.arange(32) % 4],
    }.items():
        np.savez(tmp_path / f"{name}.npz", images=UNIT, labels=labels)
        found = modalities.load(configure(path=tmp_path / f"{name}.npz", **THIRDS))
        every = np.concatenate([s.labels for s in (found.train, found.valid, found.test)])
        assert (found.num_classes, np.bincount(every + 1).tolist()) == (3, [8, 8, 8, 8])


def test_labels_of_two_kinds_are_refused(configure, tmp_path):
    labels = {"y_train": np.arange(32), "y_test": np.full(32, "a")}
    np.savez(tmp_path / "set.npz", x_train=UNIT, x_test=UNIT, **labels)
    with pytest.raises(InputError, match="some labels are numbers and some are text"):
        modalities.load(configure(path=tmp_path / "set.npz"))


def test_a_gap_changes_neither_the_order_nor_the_splits(configure, tmp_path):
    images, labels = RNG.integers(0, 256, (40, 3, 3), dtype=np.uint8), np.arange(40) % 4
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    np.savez(tmp_path / "b.npz", images=images[labels != 1], labels=labels[labels != 1])
    whole, part = (
        modalities.read(configure(path=tmp_path / f"{n}.npz")).splits["train"] for n in ("a", "b")
    )
    np.testing.assert_array_equal(whole.values[whole.labels != 1], part.values)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.arange(240) % 10, 0),
        (np.arange(240) % 120, 1),
        (np.arange(240) // 2, 1),
        (np.maximum(np.arange(240) - 200, 0), 1),
    ],
)
def test_labels_that_may_be_no_classes_are_said(configure, tmp_path, caplog, labels, said):
    np.savez(tmp_path / "set.npz", images=RNG.random((240, 3, 3)), labels=labels)
    modalities.load(configure(path=tmp_path / "set.npz", **THIRDS))
    assert caplog.text.count("are they classes?") == said
