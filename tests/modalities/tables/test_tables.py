"""Tables: what is read, what is refused with row and column, and what a run is given."""

import logging

import numpy as np
import pytest

from vae import modalities
from vae.errors import InputError
from vae.modalities import tables
from vae.modalities.tables import show
from vae.modalities.tables.csv_file import read_csv
from vae.probability.event import BINARY, Event, Values

THIRDS = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
RNG = np.random.default_rng(0)
VALUES = Values("real", scale=(2.0, 0.5), offset=(10.0, -1.0), low=-3.0, high=3.0)
EVENT = Event((2,), VALUES, ("a", "b"))


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def raw(dataset):
    return np.concatenate([s.values for s in (dataset.train, dataset.valid, dataset.test)])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_file_is_standardised_rows_with_names_and_classes(configure, tmp_path, delimiter):
    values = RNG.normal((3, -500), (0.1, 70), (40, 2))
    lines = [f"{a!r},{b!r},{'AB'[i % 2]}" for i, (a, b) in enumerate(values.tolist())]
    text = "\r\n".join(["\ufeffmass, size ,label", *lines, "", ",,"])  # as spreadsheets save it
    write(tmp_path / "t.csv", text.replace(",", delimiter))
    found = modalities.load(configure(path=tmp_path / "t.csv", **THIRDS))
    assert found.event.shape == (2,) and found.event.names == ("mass", "size")
    assert (found.classes, found.num_classes, found.modality) == (("A", "B"), 2, "tables")
    assert sorted(raw(found)[:, 0]) == sorted(values[:, 0].astype(np.float32))
    x = found.event.values.to_x(found.train.values)
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(0), 1, rtol=1e-4)
    classes = {a: i % 2 for i, a in enumerate(values[:, 0].astype(np.float32).tolist())}
    assert [classes[a] for a in found.train.values[:, 0].tolist()] == found.train.labels.tolist()


def test_the_order_of_rows_and_the_kind_of_file_change_nothing(configure, tmp_path):
    values, labels = RNG.normal(size=(40, 2)).astype(np.float32), np.arange(40) % 3
    lines = [f"{a!r},{b!r},{c}" for (a, b), c in zip(values.tolist(), labels, strict=True)]
    write(tmp_path / "t.csv", "\n".join(["a,b,label", *lines]))
    write(tmp_path / "turned.csv", "\n".join(["a,b,label", *lines[::-1]]))
    np.savez(tmp_path / "t.npz", x=values, y=labels, names=["a", "b"])
    files = ("t.csv", "turned.csv", "t.npz")
    found = [modalities.load(configure(path=tmp_path / f, **THIRDS)) for f in files]
    assert len({each.digest for each in found}) == 1
    assert all(each.event == found[0].event for each in found)
    np.testing.assert_array_equal(found[0].train.labels, found[2].train.labels)


def test_files_of_splits_may_have_their_columns_in_another_order(configure, tmp_path):
    for name, header in (("train", "a,b"), ("valid", "b,a"), ("test", "a,b")):
        rows = RNG.normal((0, 100), 1, (30, 2))
        rows = rows[:, ::-1] if header == "b,a" else rows
        write(tmp_path / f"{name}.csv", "\n".join([header, *(f"{a},{b}" for a, b in rows)]))
    own = {name: name for name in ("train", "valid", "test")}
    found = modalities.load(configure(path=tmp_path, **own))
    assert found.valid.values.mean(0) == pytest.approx((0, 100), abs=1)
    write(tmp_path / "test.csv", "a,c\n1,2\n")
    with pytest.raises(InputError, match="test has a column 'c', which the data do not have"):
        modalities.load(configure(path=tmp_path, **own))
    write(tmp_path / "other.csv", "a,c\n1,2\n")
    with pytest.raises(InputError, match=r"has 4 \.csv files"):
        modalities.load(configure(path=tmp_path, **own))


def test_rows_of_one_identity_stay_in_one_split(configure, tmp_path):
    people = [f"p{i % 12}" for i in range(60)]
    lines = [f"{i / 7},{name}" for i, name in enumerate(people)]
    write(tmp_path / "t.csv", "\n".join(["a,identity", *lines]))
    found = modalities.load(configure(path=tmp_path / "t.csv", split_by="identity", **THIRDS))
    who = [set(s.identities.tolist()) for s in (found.train, found.valid, found.test)]
    assert not who[0] & who[1] and not who[1] & who[2] and found.event.names == ("a",)


def test_empty_labels_are_none(configure, tmp_path):
    lines = [f"{i / 7},{'' if i % 2 else i % 4}" for i in range(40)]
    write(tmp_path / "t.csv", "\n".join(["a,label", *lines]))
    found = modalities.load(configure(path=tmp_path / "t.csv", **THIRDS))
    every = np.concatenate([s.labels for s in (found.train, found.valid, found.test)])
    assert sorted(np.unique(every, return_counts=True)[1]) == [10, 10, 20] and -1 in every


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "a header and no rows"),
        ("1,2\n3,4\n", "row 1 is numbers, and not the names"),
        ("a,b\n1,2\n\n3,\n", "row 4, column 'b' is empty: give one"),
        ("a,b\n1,2\n3,nan\n", "row 3, column 'b' is nan, which is no finite"),
        ("a,b\n1,2\n-inf,3\n", "row 3, column 'a' is -inf, which is no finite"),
        ("a,b\n1,1e60\n", "row 2, column 'b' is 1e60, which is no finite"),
        ("a;b\n1;2,5\n", r"row 2, column 'b' is '2,5': write numbers with a point, 2\.5"),
        ("a,b\n1,NA\n", "row 2, column 'b' is 'NA', no number: give one, or leave out"),
        ('a,b\n1,"1,234.5"\n', r"'1,234.5': write numbers without .* thousands, 1234\.5"),
        ("a,b\n1,1_234\n", "'1_234': write numbers without a mark of thousands, 1234"),
        ("a,b\n1,male\n", "row 2, column 'b' is 'male', which is no number"),
        ("a,b\n1,2,3\n", "row 2 has 3 cells and the header 2"),
        ("a,b\n1\n", "row 2 has 1 cells and the header 2"),
        ("a,a\n1,2\n", "two columns are called 'a'"),
        (",a\n0,2\n", "column 1 has no name"),
        ("label\nx\n", "no column of values"),
        ('a,b\n1,"2\n', "cannot be read as a table"),
    ],
)
def test_csv_refused(configure, tmp_path, text, message):
    file = write(tmp_path / "t.csv", text)
    with pytest.raises(InputError, match=message) as caught:
        modalities.load(configure(path=file))
    assert "t.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_a_csv_file_that_is_not_there_is_said_to_be_missing(configure, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv does not exist"):
        modalities.load(configure(path=tmp_path / "none.csv"))


def test_csv_of_another_encoding_is_refused(configure, tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(InputError, match="not UTF-8"):
        modalities.load(configure(path=tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.array([[1.0, 2], [3, np.nan]])}, "row 1, column 'x1' is nan"),
        ({"x": np.full((3, 2), "a")}, "neither numbers nor bool"),
        ({"x": np.ones((3, 2)), "y": np.array([None, "a", 1])}, "an array of Python objects"),
        ({"x": np.zeros((0, 3))}, r"has the shape \(0, 3\)"),
        ({"x": np.ones((3, 2)), "names": ["a", "a"]}, "has 2 columns, and its `names` are 1"),
        ({"x": np.ones((3, 2)), "y": np.arange(2)}, "one label for 3"),
        ({"x_train": np.ones((3, 2)), "x_test": np.ones((3, 3))}, "has a column 'x2'"),
    ],
)
def test_npz_refused(configure, tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=message):
        modalities.load(configure(path=tmp_path / "bad.npz"))


def test_what_kind_of_values_a_table_has(configure, tmp_path, caplog):
    for array in (RNG.integers(0, 2, (40, 9)), RNG.random((40, 9)) < 0.5):
        np.savez(tmp_path / "t.npz", x=array)
        found = modalities.load(configure(path=tmp_path / "t.npz", **THIRDS))
        assert (found.event.values, found.event.shape) == (BINARY, (9,))
    np.savez(tmp_path / "t.npz", x=RNG.integers(0, 256, (40, 9), dtype=np.uint8))
    caplog.clear()
    with caplog.at_level(logging.INFO):
        found = modalities.load(configure(path=tmp_path / "t.npz", **THIRDS))
    assert found.event.values.kind == "real" and found.event.values.levels is None
    said = [r.getMessage() for r in caplog.records if "are a table" in r.getMessage()]
    assert len(said) == 1 and "save them as [N, H, W]" in said[0]
    with pytest.raises(InputError, match=r"data\.flip is for images"):
        modalities.load(configure(path=tmp_path / "t.npz", flip=True, **THIRDS))


def test_sets_of_scikit_learn(configure):
    found = modalities.load(configure(name="wine", **THIRDS))
    assert (len(raw(found)), found.event.channels, found.num_classes) == (178, 13, 3)
    benign = modalities.load(configure(name="breast_cancer:benign", **THIRDS))
    assert (len(raw(benign)), benign.event.channels, benign.num_classes) == (357, 30, 0)
    with pytest.raises(InputError, match="did you mean 'benign'"):
        modalities.load(configure(name="breast_cancer:bening"))


def test_own_files_are_matched_by_the_names_of_columns(configure, tmp_path):
    file = write(tmp_path / "own.csv", "b,label,a\n-1,x,12\n0,y,10\n")
    x, names = tables.read_files([file], EVENT, configure())
    np.testing.assert_allclose(x, [[1, 0], [0, 2]])
    assert [name.split("own.csv ")[1] for name in names] == ["row 2", "row 3"]
    np.savez(tmp_path / "own.npz", x=[[12.0, -1.0]])
    np.testing.assert_allclose(tables.read_files([tmp_path / "own.npz"], EVENT, None)[0], [[1, 0]])
    for text, message in (
        ("a\n1\n", "has no column b: the data have 2"),
        ("a,b,c\n1,2,3\n", "has a column 'c', which the data do not have"),
    ):
        with pytest.raises(InputError, match=message):
            tables.read_files([write(file, text)], EVENT, configure())
    with pytest.raises(InputError, match="does not exist"):
        tables.read_files([tmp_path / "none.csv"], EVENT, configure())
    with pytest.raises(InputError, match="is no table"):
        tables.read_files([write(tmp_path / "a.txt", "hello")], EVENT, configure())


def test_another_set_is_read_in_the_units_of_the_run(configure):
    own = modalities.load(configure(name="breast_cancer:benign", **THIRDS)).event
    other = modalities.read(configure(name="breast_cancer:malignant"), own)
    assert other.values == own.values and other.fit is None


def test_arrays_from_python():
    np.testing.assert_array_equal(tables.check(np.array([[12, -1]]), EVENT), [[1, 0]])
    x = np.array([[99.0, -99.0]])
    np.testing.assert_array_equal(tables.check(x, EVENT), x)  # of any range
    for bad, message in (
        (np.zeros((3, 4)), r"must be \[N, 2\]"),
        (np.zeros(2), r"give x\[None\]"),
        (np.array([["a", "b"]]), "no numbers"),
        (np.array([[np.nan, 0]]), "NaN or infinity in 1 of 1"),
    ):
        with pytest.raises(InputError, match=message):
            tables.check(bad, EVENT)


def test_names_with_delimiters_are_read_as_they_are_written(tmp_path):
    for names in (("a; b; c", "d"), ('say "x|y|z"', "tab\tbed"), ("one;",)):
        event, x = Event((len(names),), Values("real"), names), np.ones((3, len(names)), np.float32)
        (tmp_path / "t.csv").write_bytes(show.as_csv(x, event)[".csv"])
        assert read_csv(tmp_path / "t.csv").names == names
        np.testing.assert_array_equal(read_csv(tmp_path / "t.csv").values, x)


def test_saved_rows_are_read_again(tmp_path):
    x = RNG.normal(size=(20, 2)).astype(np.float32)
    picture, path = tables.sheet(x, EVENT, "Rows").save(tmp_path / "samples.png")
    assert picture.is_file() and path.name == "samples.csv"
    assert path.read_text().startswith("a,b\n")
    np.testing.assert_allclose(tables.read_files([path], EVENT, None)[0], x, atol=1e-5)
    lines = show.as_csv(x.reshape(4, 5, 2), EVENT)[".csv"].decode().splitlines()
    assert lines[0] == "row,step,a,b" and lines[7].startswith("1,1,")
    binary = Event((2,), BINARY, ("a", "b"))
    assert show.as_csv(np.array([[0.25, 1.0]]), binary) == {".csv": b"a,b\n0.25,1\n"}


def test_likeness_is_the_mean_squared_error_and_r2():
    x = np.array([[0.0, 5.0], [2.0, 5.0]])
    assert tables.likeness(x, x, EVENT) == {"mse": 0, "r2": 1}
    assert tables.likeness(x, x.mean(0) * np.ones((2, 1)), EVENT) == {"mse": 0.5, "r2": 0}
