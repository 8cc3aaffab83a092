"""Classes of several fields."""

import numpy as np
import pytest

from vae.data import fields
from vae.data.given import labels_of
from vae.data.scales import unit_scales
from vae.errors import InputError
from vae.models.condition import Condition

NAMES = ("digit=7", "age", "digit=10", "speaker=anna", "speaker=bert", "speaker=carl")
ONLY = tuple(name for name in NAMES if name != "age")


def test_fields_are_read_from_the_names_of_attributes():
    digit, speaker = fields.fields_of(NAMES)
    assert digit == ("digit", ("7", "10"), (0, 2))
    assert speaker == ("speaker", ("anna", "bert", "carl"), (3, 4, 5))
    assert fields.fields_of(("Smiling", "Age")) == ()
    assert fields.without_field(NAMES) == ["age"]
    assert fields.field_with(4, NAMES) == speaker and fields.field_with(1, NAMES) is None


@pytest.mark.parametrize(
    "labels",
    [
        "digit=7,speaker=carl,digit=10",
        ["digit=7", "speaker=carl", "digit=10"],
        [{"digit": 7, "speaker": "carl"}, {"digit": "10"}],
    ],
)
def test_a_field_that_comes_again_begins_another_set(labels):
    assert fields.by_name(labels)
    sets = [{"digit": "7", "speaker": "carl"}, {"digit": "10"}]
    assert fields.read_sets(labels, NAMES) == sets
    assert list(map(fields.as_text, sets)) == ["digit=7_speaker=carl", "digit=10"]


def test_what_is_not_named_runs_through_its_classes():
    every = fields.told(None, 6, ONLY, in_turn=True)
    called = fields.classes_told(every, ONLY)
    assert called == ["7, anna", "10, anna", "7, bert", "10, bert", "7, carl", "10, carl"]
    assert (every.sum(1) == 2).all()
    one = fields.told({"speaker": "bert"}, 3, ONLY, in_turn=True)
    assert fields.classes_told(one, ONLY) == ["7, bert", "10, bert", "7, bert"]
    two = fields.told("digit=10,speaker=anna,digit=7", 5, ONLY, in_turn=True)
    assert fields.classes_told(two, ONLY) == [
        *("10, anna", "7, anna", "10, anna", "7, bert", "10, anna")
    ]


def test_other_attributes_stay():
    y = np.full((2, 6), 0.5, np.float32)
    found = fields.told([{"digit": 7, "speaker": "anna"}], 2, NAMES, y)
    assert found.tolist() == [[1, 0.5, 0, 1, 0, 0]] * 2 and (y == 0.5).all()


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        ("digti=7", ONLY, r"no labels of 'digti': they have digit and speaker; did you mean 'dig"),
        ("digit=8", ONLY, r"there is no digit '8'; there are 7, 10\."),
        ("speaker=ana", ONLY, r"no speaker 'ana'; there are anna, .*did you mean 'anna'\?"),
        ("7", ONLY, r"'7' does not say of which field it is: .*; write digit=7,speaker=anna\."),
        ("digit=7", ("Smiling",), r"no labels of 'digit': they have no named labels\."),
        ("digit=7", ONLY, r"conditional on digit and speaker, and the speaker is not given: give"),
        (None, ONLY, "give the attributes digit=7"),
        ("digit=7,speaker=anna", NAMES, r"labels do not say age: give attributes \[N, A\]"),
        ([{"digit": 7, "speaker": "anna"}] * 2, ONLY, "there are 2 sets of labels for 3 examples"),
    ],
)
def test_impossible_labels_are_refused(labels, names, message):
    condition = Condition("attributes", len(names), unit_scales(len(names)))
    with pytest.raises(InputError, match=message):
        labels_of(condition, labels, 3, names=names, unlabelled=False, workdir="x")
