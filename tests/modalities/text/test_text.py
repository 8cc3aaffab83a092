"""Text: what is read, what is refused in a sentence, and what a run is given."""

import logging
import zipfile

import numpy as np
import pytest

from vae import modalities
from vae.config import own
from vae.errors import InputError
from vae.modalities.text.tokens import EOS, MISSING, texts

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LINES = [f"{WORDS[i // 10]} {WORDS[i % 10]} ." for i in range(100)]
THIRDS = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
OWN = {"train": "train", "valid": "valid", "test": "test"}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def lines_of(dataset, *splits):
    found = [getattr(dataset, name).values for name in splits or OWN]
    return texts(np.concatenate(found), dataset.event).tolist()


@pytest.fixture
def load(configure):
    def loaded(path, **keys):
        return modalities.load(configure(path=path, **({} if "train" in keys else THIRDS), **keys))

    return loaded


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records]


def test_each_line_is_an_example_and_other_lines_and_bytes_change_nothing(load, tmp_path):
    plain = load(write(tmp_path / "a.txt", "\n".join(LINES)))
    assert (plain.modality, plain.num_classes) == ("text", 0)
    assert sorted(lines_of(plain)) == sorted(LINES)
    assert plain.event.shape == (4, 1) and plain.event.values.end == EOS
    odd = "\ufeff" + "\r\n".join(
        ["", *(f"\t{x.replace(' ', '  ')} \0" for x in LINES[::-1]), " ", ""]
    )
    other = load(write(tmp_path / "b.txt", odd))
    assert other.digest == plain.digest and other.event == plain.event
    np.testing.assert_array_equal(other.test.values, plain.test.values)
    assert load(write(tmp_path / "c.txt", "\r".join(LINES))).digest == plain.digest


def test_the_vocabulary_is_that_of_the_training_set(load, tmp_path, said):
    train, other = "a b c\nb c\nc d e\n" * 40, "b x\nx y z\n" * 20
    for name, content in (("train", train), ("valid", other), ("test", "a\n" * 30)):
        write(tmp_path / f"ptb.{name}.txt", content)
    found = load(tmp_path, **OWN, vocabulary=4)
    assert found.event.values.levels == 4 and found.event.shape == (4, 1)
    assert set(lines_of(found, "valid")) == {"b <unk>", "<unk> <unk> <unk>"}
    assert set(lines_of(found, "test")) == {"<unk>"}
    (message,) = [x for x in said() if "a vocabulary of" in x]
    assert (
        "a vocabulary of 4 words" in message and "valid 140 in 40 examples, 57.14% <unk>" in message
    )
    assert not any("are cut" in x for x in said())


def test_examples_are_cut_where_it_is_said(load, tmp_path, said):
    path = write(tmp_path / "t.txt", "\n".join([*LINES, "one two three four five six"]))
    found = load(path, max_length=3)
    assert found.event.shape == (3, 1)
    (message,) = [x for x in said() if "are cut" in x]
    assert "101 of 101 examples are longer than 3 tokens" in message
    assert "leaves out 104 of 407 tokens" in message
    assert not (found.train.values == EOS).any()  # it does not end there
    longer = load(path, max_length=9)
    assert longer.event.shape == (9, 1) and (longer.train.values == EOS).sum(1).min() == 1
    assert (longer.train.values[:, -1] == MISSING).all()


def test_sentences_go_over_lines(load, tmp_path):
    content = "\n".join(f"This is {a}\nAnd that, not\n{a} " for a in LINES)
    found = load(write(tmp_path / "t.txt", content), unit="sentence", tokens="bytes")
    expected = [f"{start} {a}" for a in LINES for start in ("This is", "And that, not")]
    assert sorted(lines_of(found)) == sorted(expected)


def test_folders_are_splits_and_classes(load, tmp_path):
    for i, line in enumerate(LINES):
        split = ("train", "valid", "test", "train")[i % 4]
        write(tmp_path / split / ("good" if i % 3 else "bad") / f"{i}.txt", line)
    write(tmp_path / "README.md", "about")
    found = load(tmp_path, **OWN)
    assert found.classes == ("bad", "good") and found.num_classes == 2
    number = {line: int(i % 3 > 0) for i, line in enumerate(LINES)}
    assert [number[line] for line in lines_of(found, "train")] == found.train.labels.tolist()
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for file in tmp_path.glob("*/*/*.txt"):
            archive.write(file, file.relative_to(tmp_path))
    assert load(tmp_path / "all.zip", **OWN, modality="text").digest == found.digest
    with pytest.raises(InputError, match="has no images in it"):
        load(tmp_path / "all.zip", **OWN, modality="images")


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_tables_with_a_column_of_text(load, tmp_path, suffix):
    mark = "," if suffix == ".csv" else "\t"
    rows = [f'"{line}, ""{i}"""{mark}{i % 2}{mark}{i}' for i, line in enumerate(LINES)]
    header = mark.join(("review", "mood", "stars"))
    path = write(tmp_path / f"t{suffix}", "\r\n".join([header, *rows, f"{mark}{mark}7", ""]))
    found = load(path, text_column="review", label_column="mood")
    assert (found.modality, found.num_classes) == ("text", 2)
    assert sorted(lines_of(found)) != sorted(f'{line}, "{i}"' for i, line in enumerate(LINES))
    found = load(path, text_column="review", label_column="mood", tokens="bytes")
    assert sorted(lines_of(found)) == sorted(f'{line}, "{i}"' for i, line in enumerate(LINES))
    kept = [int(line.split('"')[1]) % 2 for line in lines_of(found, "train")]
    assert kept == found.train.labels.tolist()
    with pytest.raises(InputError, match=r"no column 'revew' of texts.*did you mean 'review'"):
        load(path, text_column="revew")
    named = write(tmp_path / f"n{suffix}", path.read_bytes().replace(b"review", b"text"))
    assert load(named, tokens="bytes").event.shape == found.event.shape


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        ("text\tlabel\na b\t1\nc\n", {}, "line 3 has 1 cells and the header 2"),
        ("text\ttext\na b\tc\n", {}, "two columns have one name"),
        ("text\tlabel\n", {}, "no rows below its header"),
        ("words\tlabel\na b\t1\n", {}, "no column 'text' of texts, only words, label"),
        ("text\tmood\na b\t1\n", {"label_column": "mod"}, "'mod', which .*did you mean 'mood'"),
    ],
)
def test_a_tsv_that_cannot_be_read_says_why(load, tmp_path, content, keys, message):
    with pytest.raises(InputError, match=message):
        load(write(tmp_path / "t.tsv", content), **keys)


def test_a_tsv_may_have_no_quotes(load, tmp_path):
    rows = [f'{line} said "no\t1' for line in LINES]
    found = load(write(tmp_path / "t.tsv", "\n".join(["sentence\tlabel", *rows])))
    assert sorted(lines_of(found))[0].endswith('said "no')
    quotes = ['"', "", '"', ""]  # a quote that begins a cell is closed by that of another row
    rows = [f"{quotes[i % 4]}{line}\t{i % 3}" for i, line in enumerate(LINES)]
    path = write(tmp_path / "q.tsv", "\n".join(["text\tlabel", *rows]))
    found = load(path, tokens="bytes")
    assert sorted(lines_of(found)) == sorted(row.partition("\t")[0] for row in rows)


def test_tables_of_numbers_stay_tables(load, tmp_path):
    numbers = "\n".join(["text,label", *(f"{i / 7},{i % 2}" for i in range(60))])
    found = load(write(tmp_path / "t.csv", numbers))
    assert (found.modality, found.event.names) == ("tables", ("text",))
    rows = "\n".join(["review,label", *(f"{line},{i % 2}" for i, line in enumerate(LINES))])
    with pytest.raises(InputError, match=r"name it as data\.text_column"):
        load(write(tmp_path / "r.csv", rows))
    with pytest.raises(
        InputError, match=r"r\.csv has no column 'text' of texts, only review, label"
    ):
        load(tmp_path / "r.csv", modality="text")


def test_arrays_of_text(configure, load, tmp_path):
    np.savez(tmp_path / "t.npz", x=np.array(LINES), y=np.arange(100) % 2)
    found = load(tmp_path / "t.npz")
    assert (found.modality, found.num_classes) == ("text", 2) and sorted(lines_of(found)) == sorted(
        LINES
    )
    (tmp_path / "own_lines.py").write_text(
        f"def lines():\n    return {{'x': {LINES!r} + [''], 'y': ['a', 'b'] * 50 + ['a']}}\n"
    )
    own.look_in(tmp_path)
    made = modalities.load(configure(name="own_lines:lines", **THIRDS))
    assert made.classes == ("a", "b") and sorted(lines_of(made)) == sorted(LINES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no text"),
        (b"\n \n\t\n\0\n", "has no text"),
        (
            "caf\u00e9\n".encode("latin-1") * 9,
            r"9 of 10 lines are not UTF-8 \(line 1 with the byte 0xe9, ",
        ),
        ("a\nb\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        ("a\nb\n".encode("utf-32"), "is UTF-32: save it as UTF-8"),
        ("the cat\n".encode("utf-16-le"), "has 8 zero bytes, as UTF-16 has, .*: save it as UTF-8"),
    ],
)
def test_refused_in_a_sentence(load, tmp_path, content, message):
    with pytest.raises(InputError, match=message) as caught:
        load(write(tmp_path / "t.txt", content))
    assert "t.txt" in str(caught.value) and "\n" not in str(caught.value)


def test_a_few_lines_that_are_no_utf8_are_left_out_with_a_warning(load, tmp_path, said):
    content = "\n".join(LINES * 2).encode() + b"\nb\xff\xfed"
    found = load(write(tmp_path / "t.txt", content))
    assert set(lines_of(found)) == set(LINES)
    assert any("1 of 201 lines are not UTF-8 and are left out: line 201" in x for x in said())


def test_a_line_of_a_megabyte_is_one_example(load, tmp_path):
    path = write(tmp_path / "t.txt", "\n".join([*LINES, "word " * 200_000, "xy" * 500_000]))
    for tokens in ("words", "bpe", "bytes"):
        found = load(path, tokens=tokens, max_length=50)
        assert found.event.shape == (50, 1)
    for name, content in zip(OWN, ("y" * 10**6 + "\n" + "b\n" * 30_000, "a\n", "b\n"), strict=True):
        write(tmp_path / "set" / f"{name}.txt", content)
    with pytest.raises(InputError, match=r"filled up to 1,000,001 tokens \(data.max_length\)"):
        load(tmp_path / "set", tokens="bytes", **OWN)


def test_only_long_texts_that_two_sets_share_are_duplicates(load, tmp_path, said):
    long = " ".join(WORDS * 3)
    for name in OWN:
        write(tmp_path / f"{name}.txt", "\n".join([*LINES, *([long] if name != "test" else [])]))
    load(tmp_path, **OWN)
    (message,) = [x for x in said() if "share" in x]
    assert "data.train and data.valid share 1 example(s)" in message
