"""Texts as they are shown: lines of a terminal, and the same lines on a page."""

import types

import numpy as np
import pytest
from matplotlib.figure import Figure

from vae.modalities.text.show import sheet, surface, table
from vae.modalities.text.tokens import encode, padded, trained

WORDS = ["the cat sat", "a dog", "the dog sat down here", ""]
TOKENIZER = trained(WORDS, "words", 100)
EVENT = types.SimpleNamespace(codec=TOKENIZER.to_str(), shape=(6, 1))
X = padded(encode(WORDS, TOKENIZER), 6, 100, "words")
NONE = np.full_like(X[:1], -1)


@pytest.fixture
def written(monkeypatch):
    """What is written on pages from now on."""
    found, write = [], Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda self, x, y, s, **how: found.append(s) or write(self, x, y, s, **how)
    )
    return found


def test_texts_are_a_line_each(written):
    assert sheet(X, EVENT, "Samples").text == "the cat sat\na dog\nthe dog sat down here\n∅"
    assert written == ["Samples", "the cat sat", "a dog", "the dog sat down here", "∅"]
    named = sheet(X[:2], EVENT, "Samples", captions=["short", "s"]).text
    assert named == "short  the cat sat\ns      a dog"


def test_a_reconstruction_stands_below_its_original():
    shown = sheet(X[:2], EVENT, "Pairs", beside=X[2:], captions=["one", "two"])
    assert shown.text.splitlines() == [
        *("Pairs", "", "one", "  given    the cat sat", "  decoded  the dog sat down here"),
        *("", "two", "  given    a dog", "  decoded  ∅"),
    ]
    assert shown.picture.shape[2] == 3 and np.ptp(shown.picture) > 100


def test_a_row_of_a_table_is_a_block_and_what_is_missing_no_line():
    found = table(
        np.stack([X[:2], X[2:]]),
        EVENT,
        "Way",
        columns=["0", "0.5"],
        rows=["a to b", "c to d"],
        before={"from": np.concatenate([NONE, X[:1]])},
        captions=[["near", ""], ["", ""]],
    ).text
    assert found.splitlines() == [
        *("Way", "", "a to b", "  0    near  the cat sat", "  0.5        a dog"),
        *("", "c to d", "  from  the cat sat", "  0     the dog sat down here", "  0.5   ∅"),
    ]


def test_a_long_text_is_broken_on_the_page_and_cut_there_alone(written):
    lines = ["word " * 300]
    x = padded(encode(lines, trained(lines, "words", 9)), 301, 9, "words")
    event = types.SimpleNamespace(codec=trained(lines, "words", 9).to_str(), shape=(301, 1))
    shown = sheet(x, event, "")
    assert shown.text == " ".join(["word"] * 300)
    assert len(written) == 4 and written[-1].endswith("…")


def test_a_plane_of_texts_has_the_values_of_both_latents():
    shown = surface(X.reshape(2, 2, 6, 1), EVENT, "Plane", np.array([-1, 1]), np.array([2, -2]))
    assert "z1 +2.00\n  z0 -1.00  the cat sat" in shown.text
