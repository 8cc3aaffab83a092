"""What is told of a data set, against sets whose faults are known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from vae.data.examples import Dataset, in_memory
from vae.data.summary import columns, summarise
from vae.errors import InputError
from vae.modalities.text.examples import TokenExamples
from vae.probability.event import Event, Values
from vae.report.data import findings_of, write


def faulty() -> Dataset:
    """Rows of three columns: copies, leaks, a contradiction, gaps, a constant column."""
    x = np.random.default_rng(0).normal(2.0, 3.0, (170, 3)).astype(np.float32)
    x[:, 2] = 7.0
    x[:30, 1] = np.nan
    y = np.arange(170) % 2
    x[5], y[5] = x[4], y[4]  # a copy
    x[7] = x[6]  # with another class
    x[110:113] = x[:3]  # valid has three of train
    x[140], x[150] = x[9], x[120]  # and test one of train and one of valid
    y[9], y[140], y[120], y[150] = 0, 0, 1, 1
    y[110:113] = y[:3]
    every = in_memory(x, y)
    who = np.arange(170, dtype=np.int32)
    who[141:145] = who[20:24]
    every = replace(every, identities=who)
    splits = {"train": range(100), "valid": range(100, 130), "test": range(130, 170)}
    parts = {name: every.take(np.array(span)) for name, span in splits.items()}
    event = Event((3,), Values("real", missing=True), ("a", "b", "c"))
    return Dataset(**parts, event=event, num_classes=2, description="rows", modality="tables")


def test_copies_leaks_contradictions_gaps_and_constants_are_found():
    found = summarise(faulty())
    train = found.parts["train"]
    assert (train.number, train.looked, train.copies) == (100, 100, 2)
    assert train.classes == {"0": 52, "1": 48} and train.unlabelled == 0
    shared = {(pair.first, pair.second): pair for pair in found.shared}
    assert shared["train", "valid"].examples == 3 and shared["train", "test"].examples == 1
    assert shared["valid", "test"].examples == 1
    assert shared["train", "test"].places == ((9, 10),)  # in train, and in test
    assert shared["train", "test"].identities == 4 and shared["train", "valid"].identities == 0
    assert found.contradictions == 1
    a, b, c = train.channels
    assert b.missing == pytest.approx(0.3) and a.missing == 0 and (c.low, c.high) == (7.0, 7.0)
    values = faulty().train.values
    assert a.mean == pytest.approx(values[:, 0].mean()) and b.low == np.nanmin(values[:, 1])
    assert train.values.std == pytest.approx(np.nanstd(values), rel=1e-5)

    said = [finding.text for finding in findings_of(found, faulty())]
    assert said[0] == (
        "valid shares 3 of its 30 examples (10.0%) with train: its figures will be too good."
    )
    text = "\n".join(said)
    assert "test shares 4 identities with train: data.split_by=identity" in text
    assert "1 different examples occur with several classes" in text
    assert "In train, channel c has one value in all examples." in text
    assert "In train, channel b lacks more than 20%." in text
    assert "train has 2 copies of other examples in it (2.0%)." in text


def test_whole_numbers_below_0_are_missing_only_where_values_may_be():
    x = np.array([[3], [-1], [5], [-1]], np.int16)
    (column,) = columns(x, ["x"], Values("counts", missing=True))
    assert column[1:] == (3.0, 5.0, 4.0, 1.0, 0.5)
    (column,) = columns(x, ["x"], Values("real"))
    assert (column.low, column.missing) == (-1.0, 0.0)
    (column,) = columns(np.full((4, 1), np.nan), ["x"])
    assert column.missing == 1 and math.isnan(column.low) and math.isnan(column.mean)


def test_the_page_shows_examples_and_the_file_has_all(tmp_path, configure):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 4, 4, 1), np.uint8)
    images[190] = images[0]
    splits = {"train": images[:120], "valid": images[120:150], "test": images[150:]}
    np.savez(
        tmp_path / "own.npz",
        **{f"x_{name}": x for name, x in splits.items()},
        **{f"y_{name}": np.arange(len(x)) % 3 for name, x in splits.items()},
    )
    data = configure(path=tmp_path / "own.npz", train="train", valid="valid", test="test")
    text, paths, figures = write("<b>own</b>.py", data, tmp_path / "run")
    page = paths[0].read_text()
    assert paths == [tmp_path / "run" / "data.html", tmp_path / "run" / "data.json"]
    assert "test shares 1 of its 50 examples (2.0%) with train" in page and "with train" in text
    assert "Examples of test that are in train, too" in page
    assert page.count("data:image/png;base64,") == 3  # of train, of test, and of what they share
    assert "&lt;b&gt;own" in page and "<b>own" not in page and "://" not in page
    assert json.loads(paths[1].read_text()) == json.loads(json.dumps(figures))
    assert figures["parts"]["train"]["classes"] == {"0": 40, "1": 40, "2": 40}
    (tmp_path / "run" / "provenance.json").write_text('{"data": {"digest": "of others"}}')
    with pytest.raises(InputError, match="run holds a run of other data; choose another --workdir"):
        write("own.py", data, tmp_path / "run")


def test_texts_too_short_to_be_compared_are_told_from_texts_without_copies():
    x = np.full((200, 30, 1), -1, np.int32)
    x[:, :5] = 7  # all equal, and short
    x[:100, :25] = 8  # half of them long
    three = {"train": x[:100], "valid": x[100:150], "test": x[150:]}
    parts = {k: TokenExamples(in_memory(v).raw, np.ones(len(v), bool)) for k, v in three.items()}
    event = Event((30, 1), Values("tokens", 9, missing=True))
    found = summarise(Dataset(**parts, event=event, num_classes=0, description="", modality="text"))
    assert [(part.compared, part.copies) for part in found.parts.values()] == [
        (100, 99),
        (0, None),
        (0, None),
    ]
    assert [pair.examples for pair in found.shared] == [None] * 3
    assert type(parts["train"].take(np.arange(9))) is TokenExamples
