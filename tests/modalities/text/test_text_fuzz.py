"""Files of text, damaged, odd and hostile: each is read, or refused in one line."""

import contextlib
import io
import os
import zipfile

import numpy as np

from vae import modalities
from vae.errors import InputError
from vae.modalities import text

GOOD = [f"This is line {i}, with a café and “quotes”; it ends." for i in range(40)]
PIECES = [
    *("\0", "\r", "\n", "\r\n", "\n\n", "\t", '"', "'", ",", ";", "|", "\ufeff", "\u2028", "\x85"),
    *(" ", ". ", "? A", "<eos>", "<unk>", "\U0010ffff", "e\u0301", "\u200d", "=1+1", "a" * 300),
]
NAMES = [
    "t.txt",
    "T.TXT",
    "a/t.txt",
    "train.txt",
    "ptb.test.txt",
    "t.csv",
    "t.tsv",
    "t.npz",
    "t.zip",
]


def content(rng):
    """The bytes of a file: text or a table in one of several encodings, then damaged."""
    lines = list(rng.choice(GOOD, rng.integers(0, 60)))
    if rng.random() < 0.5:
        mark = rng.choice([",", "\t", ";"])
        head = mark.join(
            rng.permutation(["text", "label", rng.choice(["n", "text", "", "sentence"])])
        )
        lines = [head, *(mark.join((f'"{line}"', str(i % 3), "0")) for i, line in enumerate(lines))]
    for _ in range(rng.integers(0, 4)):
        lines.insert(rng.integers(0, len(lines) + 1), str(rng.choice(PIECES)))
    whole = str(rng.choice(["\n", "\r\n", "\r"])).join(lines)
    data = whole.encode(str(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16"])))
    if rng.random() < 0.3:
        data = whole.encode("latin-1", "replace")
    if data and rng.random() < 0.4:
        at = rng.integers(0, len(data))
        data = [data[:at], data[:at] + rng.bytes(3) + data[at:], data[at:] * 2, rng.bytes(60)][
            rng.integers(0, 4)
        ]
    return data


def archived(rng, name, data):
    """The same as an archive or as arrays, where the name says so."""
    file = io.BytesIO()
    if name.endswith(".zip"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/t.txt", data)
    elif name.endswith(".npz"):
        lines = data.decode("utf-8", "replace").split("\n")
        np.savez(file, x=np.array(lines), y=np.arange(len(lines) - rng.integers(0, 2)) % 2)
    return file.getvalue()[: rng.choice([None, None, 200])] if file.getvalue() else data


@contextlib.contextmanager
def in_a_line():
    """Lets only errors pass that are one sentence."""
    try:
        yield
    except InputError as error:
        assert 20 < len(str(error)) < 1_000 and "\n" not in str(error)


def test_any_file_is_read_or_refused_in_a_line(tmp_path, configure):
    for seed in range(100):
        (tmp_path / str(seed)).mkdir()
        tried(seed, tmp_path / str(seed), configure)


def tried(seed, tmp_path, configure):
    rng = np.random.default_rng(seed)
    for name in rng.choice(NAMES, rng.integers(1, 3), replace=False):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(archived(rng, name, content(rng)))
    if rng.random() < 0.1:
        os.mkfifo(tmp_path / str(rng.choice(["p.txt", "p.csv"])))
    path = tmp_path if rng.random() < 0.5 else sorted(tmp_path.rglob("*.*"))[0]
    config = configure(
        path=path,
        unit=str(rng.choice(["line", "sentence"])),
        tokens=str(rng.choice(["words", "bpe", "bytes"])),
        vocabulary=int(rng.choice([3, 50, 300])),
        max_length=int(rng.choice([0, 1, 12])),
        modality=str(rng.choice(["text", "text", "auto"])),
        text_column=str(rng.choice(["", "", "n"])),
        **{"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"},
    )
    with in_a_line():
        found = modalities.load(config)
        if found.modality == "text":
            lines = text.texts(found.train.values, found.event)
            assert all(line.isprintable() or "\n" not in line for line in lines)
            assert (text.check(found.test.values, found.event) == found.test.values).all()
            with in_a_line():
                x, names = text.read_files([path], found.event, config)
                assert len(x) == len(names) and x.shape[1:] == found.event.shape
