import numpy as np
import pytest
from configs import tiny

from vae import modalities
from vae.data.given import class_numbers
from vae.data.labels import called, classes_of, keep, numbered
from vae.errors import InputError
from vae.rules.data import check_labels

LABELS = np.resize(np.array([0, 0, 0, 1, 2, -1], np.int32), 600)


@pytest.mark.parametrize("number", [0, 1, 30, 31, 290, 500])
def test_labels_are_kept_evenly(number):
    kept = keep(LABELS, number, seed=0)
    known = kept >= 0
    assert known.sum() == number and (kept[known] == LABELS[known]).all()
    counts = np.bincount(kept[known], minlength=3)
    share = number / 3
    assert counts[1:].min() >= min(100, int(share)) and counts.max() <= max(share + 1, number - 200)


def test_which_labels_are_kept_depends_on_the_seed_and_more_keep_the_same():
    few, other, more = keep(LABELS, 30, seed=0), keep(LABELS, 30, seed=1), keep(LABELS, 60, seed=0)
    assert (few != other).any()
    assert (more[few >= 0] == few[few >= 0]).all()


def test_only_training_labels_are_hidden(configure):
    every, some = modalities.load(configure(name="digits")), modalities.load(configure(labelled=50))
    assert (some.train.table().labels >= 0).sum() == 50
    np.testing.assert_array_equal(some.train.values, every.train.values)
    for name in ("valid", "test"):
        np.testing.assert_array_equal(getattr(some, name).labels, getattr(every, name).labels)


def test_more_labels_than_there_are_are_refused(configure):
    with pytest.raises(InputError, match=r"data\.labelled=2000 is more than the 1437 labels"):
        modalities.load(configure(labelled=2000))


def test_a_condition_on_missing_labels_is_refused():
    config = tiny(model__condition="label", data__labelled=1430)
    with pytest.raises(InputError, match="but 7 of 1437 train examples have none"):
        check_labels(config, modalities.load(config.data))


def test_a_class_is_called_by_its_name_or_by_its_number_as_a_class():
    assert called(np.array([1, -1, 0]), ("cats", "dogs")) == ["dogs", "", "cats"]
    assert called(np.array([3]), ()) == ["class 3"]
    assert called(np.zeros((2, 4)), ()) == called(None, ()) == []


@pytest.mark.parametrize(
    "labels",
    [
        ["01", "1"],
        ["1", "1.0", "1e0", "+1"],
        ["10", "1_0"],
        ["0", "-0"],
        ["123456789012345678", "123456789012345679"],
    ],
)
def test_different_labels_are_different_classes(labels):
    given = np.array([*labels, "", labels[0]])
    classes = classes_of(numbered({"train": given}), {"train": given}, "x")
    assert classes.names == tuple(sorted(labels)) and classes.number == len(labels)
    assert [classes.names[i] for i in classes.labels["train"] if i >= 0] == [*labels, labels[0]]
    assert classes.labels["train"][-2] == -1


def test_labels_of_whole_numbers_are_ordered_as_numbers():
    given = {"train": np.array(["10", "", "9"]), "test": np.array(["-2", "nan", "9"])}
    classes = classes_of(numbered(given), given, "x")
    assert classes.names == ("-2", "9", "10")
    assert classes.labels["train"].tolist() == [2, -1, 1]
    assert classes.labels["test"].tolist() == [0, -1, 1]


def test_a_number_is_a_class_unless_classes_are_called_by_numbers(tmp_path):
    def numbers(labels, *names):
        return class_numbers(labels, size=2, names=names, workdir=tmp_path)

    assert numbers(["dogs", "0", 1], "cats", "dogs") == [1, 0, 1]
    assert numbers(["1"]) == [1] and numbers(["02", 0], "01", "02") == [1, 0]
    with pytest.raises(
        InputError, match=r"no class '1' in .*; its 2 are 01, 02; did you mean '01'"
    ):
        numbers(["1"], "01", "02")
    with pytest.raises(InputError, match="its 2 are 5, 7"):
        numbers(["0"], "5", "7")


def test_floats_that_may_have_been_other_whole_numbers_are_no_labels():
    ids = {"train": np.array([2**62, 2**62 + 1])}
    assert classes_of(ids, ids, "own").names == (str(2**62), str(2**62 + 1))
    with pytest.raises(InputError, match=r"beyond 2\*\*53, .*: give them as text"):
        classes_of({"train": ids["train"].astype(float)}, ids, "own")
