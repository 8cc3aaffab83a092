"""Texts of a person's own: what a run takes, and what it makes of them."""

import logging

import numpy as np
import pytest

from vae import modalities
from vae.errors import InputError
from vae.modalities import text
from vae.modalities.text.tokens import EOS, MISSING, UNK
from vae.modalities.text.topics import read as topics

THIRDS = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}


@pytest.fixture
def run(configure, tmp_path):
    """An event of four positions and a vocabulary of a, b, c and d, and the config of its data."""
    (tmp_path / "t.txt").write_text("a b c\nb c d\nc d a\nd a b\n" * 30)
    config = configure(path=tmp_path / "t.txt", **THIRDS)
    return modalities.load(config).event, config


def test_str_and_tokens_are_taken(run):
    event, _ = run
    a, b = text.check(["a b", "b z a"], event)[0, :2, 0]
    assert text.check(["a b", "b z a"], event)[..., 0].tolist() == [
        [a, b, EOS, MISSING],
        [b, UNK, a, EOS],
    ]
    short = np.array([[a, b], [b, MISSING]])[..., None]
    filled = text.check(short, event)
    assert filled.dtype == np.int32 and filled[..., 0].tolist() == [
        [a, b, MISSING, MISSING],
        [b, MISSING, MISSING, MISSING],
    ]
    marked = np.where(short == MISSING, np.nan, short).astype(np.float32)
    np.testing.assert_array_equal(text.check(marked, event), filled)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a b", r"texts of shape \(\) must be \[N\]"),
        ([], r"tokens of shape \(0,\)"),
        ([["a"]], r"texts of shape \(1, 1\)"),
        ([1, "a"], None),
        (np.zeros((1, 4), int), r"must be \[N, T, 1\]"),
        (np.zeros((1, 5, 1), int), "5 positions are more than the 4"),
        (np.full((1, 4, 1), 6), "4 tokens are not in the vocabulary"),
        (np.full((1, 4, 1), 0.5), "whole numbers from 0 to 5"),
        (np.full((1, 4, 1), np.inf), "not in the vocabulary"),
        (np.full((1, 4, 1), -1), "missing before others, or altogether"),
        (np.array([[[2], [-1], [2], [0]]]), "missing before others"),
        (np.array([[[2], [0], [3], [0]]]), "1 of 1 examples have tokens after the end, which is 0"),
        (np.array([[[0], [0], [-1], [-1]]]), "after the end"),
        (np.array([object()]), "of shape"),
    ],
)
def test_others_are_refused(run, given, message):
    if message is None:  # numpy makes text of both
        assert text.check(given, run[0]).shape == (2, 4, 1)
        return
    with pytest.raises(InputError, match=message):
        text.check(given, run[0])


def test_files_are_read_with_the_words_of_the_run(run, tmp_path, caplog):
    event, config = run
    caplog.set_level(logging.INFO)
    (tmp_path / "own.txt").write_text("\nb a\n\nx b c d a\n")
    (tmp_path / "own.csv").write_text('text,n\n\na,1\n ,2\n"\nb",3\n')
    x, names = text.read_files([tmp_path / "own.txt", tmp_path / "own.csv"], event, config)
    assert text.texts(x, event).tolist() == ["b a", "<unk> b c d", "a", "b"]
    assert [name.rpartition("own.")[2] for name in names] == [
        *("txt line 2", "txt line 4", "csv row 3", "csv row 5"),
    ]
    said = [record.getMessage() for record in caplog.records]
    assert "1 of 4 texts are cut to 4 tokens" in said and "1 of 13 tokens are <unk>" in said
    config.label_column = "mood"  # of the run's own table
    assert len(text.read_files([tmp_path / "own.csv"], event, config)[0]) == 2
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(InputError, match=r"none\.txt has no text in it"):
        text.read_files([tmp_path / "none.txt"], event, config)


def test_a_run_keeps_its_tokenizer_and_another_set_is_read_by_it(run, configure, tmp_path, caplog):
    event, config = run
    caplog.set_level(logging.INFO)
    again = modalities.load(config, like=event, whole=False)
    assert again.event == event
    (tmp_path / "other.txt").write_text("a a\nq q q q q q\n")
    source = modalities.read(configure(path=tmp_path / "other.txt"), event)
    values = source.splits["train"].values
    assert source.codec == event.codec and values.shape == (2, *event.shape)
    assert "1 of 2 examples are longer than 4 tokens and are cut" in caplog.text
    assert "<unk>" in caplog.text
    assert sorted(text.texts(values, event)) == ["<unk> <unk> <unk> <unk>", "a a"]
    wider = configure(**{**config.to_dict(), "tokens": "bytes"})
    assert modalities.load(wider).digest != again.digest


def test_the_accuracy_of_tokens_counts_the_end_and_nothing_after_it(run):
    event, _ = run
    x, others = text.check(["a b c", "a"], event), text.check(["a c c", "a"], event)
    assert text.likeness(x, others, event) == {"accuracy": 5 / 6}
    assert text.likeness(x, x, event) == {"accuracy": 1.0}
    assert text.likeness(text.check(["a"], event), text.check(["a b c"], event), event) == {
        "accuracy": 1 / 2
    }


def test_topics_are_a_set(configure):
    found = modalities.load(configure(name="topics", tokens="bpe", vocabulary=400))
    every = sum(len(x) for x in (found.train, found.valid, found.test))
    assert every == len(topics()) and found.event.values.levels == 400
