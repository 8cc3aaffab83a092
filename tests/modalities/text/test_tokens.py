"""Text to tokens and back: what is kept, what is unknown, what ends."""

from types import SimpleNamespace

import numpy as np
import pytest

from vae.modalities.text import topics
from vae.modalities.text.sentences import clean, split
from vae.modalities.text.tokens import BYTES, EOS, MISSING, UNK, encode, padded, texts, trained

LINES = ["the cat sat on the mat", "the <unk> sat", "a café 😀 <eos> 中"]
ODD = ["Never seen א\u0301\u200d!", "x", "", "(a)b", "\U0010ffff", "a  b\tc", "\0", "\ud800"]


def back(tokens, tokenizer):
    x = padded(tokens, max(map(len, tokens)) + 2, tokenizer.get_vocab_size(), "texts")
    return texts(x, SimpleNamespace(codec=tokenizer.to_str())).tolist()


def test_words_are_the_most_frequent_and_others_are_unknown():
    tokenizer = trained(LINES, "words", 4)
    assert [tokenizer.id_to_token(i) for i in range(4)] == ["<eos>", "<unk>", "the", "sat"]
    found = encode(["the cat sat", "<unk> <unk>", ""], tokenizer)
    assert [row.tolist() for row in found] == [[2, UNK, 3, EOS], [UNK, UNK, EOS], [EOS]]
    assert back(found, tokenizer) == ["the <unk> sat", "<unk> <unk>", ""]


def test_the_size_of_the_vocabulary():
    tokenizer = trained(["b a", "a b c"], "words", 10)
    assert tokenizer.get_vocab() == {"<eos>": 0, "<unk>": 1, "a": 2, "b": 3, "c": 4}
    assert trained(LINES, "bpe", 5).get_vocab_size() == BYTES == 258
    assert trained(LINES * 9, "bpe", 270).get_vocab_size() == 270
    assert trained(LINES, "bytes", 5).get_vocab_size() == BYTES


@pytest.mark.parametrize("kind", ["bpe", "bytes"])
def test_bytes_write_any_text(kind):
    tokenizer = trained(LINES, kind, 300)
    lines = LINES + ODD
    found = encode(lines, tokenizer)
    assert all(row[-1] == EOS and EOS not in row[:-1] for row in found)
    assert back(found, tokenizer) == [clean(line.replace("<eos>", "")) for line in lines]
    assert UNK in found[1] and UNK not in np.concatenate([found[0], *found[2:]])
    assert back([encode(["ß"], tokenizer)[0][-2:]], tokenizer) == ["�"]  # half a character


def test_the_same_texts_give_the_same_tokenizer():
    lines = topics.read()[:200]
    for kind in ("words", "bpe"):
        first, again = (trained(lines, kind, 400).to_str() for _ in range(2))
        assert first == again


def test_texts_end_at_eos_and_where_tokens_are_missing():
    tokenizer = trained(LINES, "words", 99)
    event = SimpleNamespace(codec=tokenizer.to_str())
    cat, sat = (tokenizer.token_to_id(word) for word in ("cat", "sat"))
    rows = np.array([[cat, sat, EOS, cat], [cat, MISSING, sat, EOS], [cat, cat, cat, cat]])
    found = ["cat sat", "cat", "cat cat cat cat"]
    assert texts(rows[..., None], event).tolist() == found
    x = np.where(rows == MISSING, np.nan, rows).astype(np.float32)[:, None, :, None]
    assert texts(x, event).tolist() == [[line] for line in found]


def test_padding_cuts_or_fills_and_has_the_smallest_type():
    tokens = [np.arange(5), np.arange(2)]
    assert padded(tokens, 3, 10_000, "")[..., 0].tolist() == [[0, 1, 2], [0, 1, MISSING]]
    assert padded(tokens, 3, 10_000, "").dtype == np.int16
    assert padded(tokens, 3, 50_000, "").dtype == np.int32


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Mr. A. B. Smith came, i.e. not Dr. Jones. He left.", 2),
        ("It cost 3.5 dollars (or less.) Yes.", ["It cost 3.5 dollars (or less.)", "Yes."]),
        ("A line\ngoes on.\r\n\r\nAnother", ["A line goes on.", "Another"]),
        ('"Stop!" he said. "No."', ['"Stop!" he said.', '"No."']),
        ("\x00 \x07\n", []),
        ("中。文。", ["中。", "文。"]),
    ],
)
def test_sentences(text, sentences):
    found = split(text)
    assert (len(found) if isinstance(sentences, int) else found) == sentences


def test_topics_are_sentences_without_marks():
    lines = topics.read()
    assert len(lines) > 1_000 and len(set(lines)) == len(lines)
    assert all(3 <= len(line.split()) <= 40 and line[0].isupper() for line in lines)
    assert not set("".join(lines)) & set('*`"<>=|{}[]\\\n')
