"""Labels, identities and attributes from the names of files."""

import numpy as np
import pytest

from vae import modalities
from vae.data.patterns import read_names
from vae.errors import InputError

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}


def test_labels_of_text():
    named = read_names("{label}_{*}.png", ["dog_1_x.png", "cat_2.png", "a/b/dog_3.png"], "x")
    assert named.labels.tolist() == [1, 0, 1] and named.classes == ("cat", "dog")
    assert (named.number, named.attributes, named.identities) == (2, (), None)


def test_labels_that_are_numbers_are_ordered_as_such():
    named = read_names("{label}_{identity}_{*}.wav", ["10_a_1.wav", "9_b_0.wav", "10_b_2.wav"], "x")
    assert named.labels.tolist() == [1, 0, 1] and named.classes == ("9", "10")
    assert named.identities.tolist() == [0, 1, 1]
    digits = read_names("{label}_{*}", [f"{i}_x.wav" for i in range(10)], "x")
    assert digits.classes == () and digits.labels.tolist() == [*range(10)]
    twice = read_names("{label}/{identity}.png", ["1_0/01.png", "10/1.png"], "x")
    assert twice.classes == ("10", "1_0") and twice.identities.tolist() == [0, 1]


def test_folders_are_parts_of_a_name():
    files = ["train/anna/1.jpg", "train/bert/2.jpg", "test/anna/3.jpg"]
    named = read_names("{identity}/{*}.jpg", files, "x")
    assert named.identities.tolist() == [0, 1, 0]
    assert named.labels.tolist() == [-1] * 3 and named.number == 0
    assert read_names("{*}/{label}/{*}", files, "x").labels.tolist() == [0, 1, 0]


def test_other_names_are_attributes():
    named = read_names("{age}_{sex}_{*}.jpg", ["31_-1_x.jpg", "4.5_1_y.jpg"], "x")
    assert named.attributes == ("age", "sex") and named.labels.dtype == np.float32
    assert named.labels.tolist() == [[31, 0], [4.5, 1]]  # -1 and 1 alone are no and yes


def test_classes_with_names_are_one_hot():
    names = [f"{d}_{s}_{t}.wav" for d in (10, 9) for s in ("bert", "anna") for t in (10, 9)]
    named = read_names("{digit:label}_{speaker:label}_{identity}.wav", names, "x")
    assert named.attributes == ("digit=9", "digit=10", "speaker=anna", "speaker=bert")
    assert named.labels.tolist() == [
        [float(d == "9"), float(d == "10"), float(s == "anna"), float(s == "bert")]
        for d, s, _ in (name.removesuffix(".wav").split("_") for name in names)
    ]
    assert named.identities.tolist() == [1, 0] * 4 and (named.number, named.classes) == (0, ())
    mixed = read_names("{sex:label}_{age}", ["m_31", "f_4"], "x")
    assert mixed.attributes == ("sex=f", "sex=m", "age")
    assert mixed.labels.tolist() == [[0, 1, 31], [1, 0, 4]]


def test_characters_of_regular_expressions_are_themselves():
    assert read_names("({label}).+{*}", ["(a).+1"], "x").classes == ("a",)
    with pytest.raises(InputError, match="does not fit 1 of 1"):
        read_names("({label}).+{*}", ["(a)xx1"], "x")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("{label}-{*}.png", r"'\{label\}-\{\*\}\.png' does not fit 2 of 2 files of x, a_1\.png"),
        ("{label}/{*}.png", r"does not fit 1 of 2 files of x, a_1\.png for one: change it, or"),
        ("{*}.png", "has no field to read: write it like"),
        ("photos", "has no field to read"),
        ("{label}_{label}.png", "has a field twice"),
        ("{label}_{age}.png", r"has a label and attributes, but .* as \{kind:label\}: write it"),
        ("{a:label}_{a}.png", "has a field twice"),
        ("{a:labels}_{*}.png", r"has the field \{a:labels\}"),
        ("{identity:label}_{*}.png", r"has the field \{identity:label\}"),
        ("{label_{*}.png", "has a brace too many"),
        ("{label}}_{*}.png", "has a brace too many"),
        ("{}_{*}.png", r"has the field \{\}"),
        ("{two words}.png", r"has the field \{two words\}"),
        (
            "{letter}_{*}.png",
            r"letter of a_1\.png is 'a', which is no finite number: write",
        ),
    ],
)
def test_patterns_that_are_refused(pattern, message):
    with pytest.raises(InputError, match=message) as caught:
        read_names(pattern, ["a_1.png", "f/b_2.png"], "x")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device_bytes", [1, 2**30])
def test_a_folder_of_people(configure, write_images, tmp_path, device_bytes):
    for person in ("anna", "bert", "carl", "dora"):
        write_images(tmp_path / person, 5, seed=len(person) + ord(person[0]))
    found = modalities.load(
        configure(
            path=tmp_path,
            label_pattern="{identity}/{*}.png",
            split_by="identity",
            device_bytes=device_bytes,
            **HALVES,
        )
    )
    people = [set(s.identities.tolist()) for s in (found.train, found.valid, found.test)]
    assert sorted(map(len, people)) == [1, 1, 2] and set.union(*people) == {0, 1, 2, 3}
    assert found.num_classes == 0


def test_a_pattern_that_nothing_reads_is_refused(configure, write_images, tmp_path):
    with pytest.raises(InputError, match=r"data\.label_pattern is for files with names that say"):
        modalities.load(configure(label_pattern="{label}_{*}"))
    np.savez(tmp_path / "a.npz", images=np.zeros((9, 4, 4)))
    with pytest.raises(InputError, match=r"there are arrays of .*a\.npz: leave it out"):
        modalities.load(configure(path=tmp_path / "a.npz", label_pattern="{label}_{*}", **HALVES))
    write_images(tmp_path / "images", 3)
    (tmp_path / "images" / "attributes.csv").write_text("file,identity\n")
    with pytest.raises(InputError, match=r"has a table attributes\.csv, beside which data\.label"):
        modalities.load(configure(path=tmp_path / "images", label_pattern="{label}", **HALVES))
