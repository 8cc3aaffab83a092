"""Text files (.txt), alone, in a folder or an archive: each line is an example, or each sentence.

    reviews/train/good/1.txt     folders as splits and labels, see `vae/data/folders.py`
    train.txt, valid.txt         names of files as splits,
    ptb.train.txt, en_test.txt   or a word of the names

- Files are UTF-8, with or without a byte order mark; LF, CRLF or CR ends a line.
- Empty lines, and lines of nothing but white space or control characters, are left out.
- Lines that are not UTF-8 are left out with a warning; if they are more than one in a hundred, the
  data are refused.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from vae.data import folders
from vae.data.attributes import FILE as TABLE
from vae.data.examples import Source, rows_at
from vae.data.places import Place, files_at
from vae.data.splits import FILES
from vae.data.unreadable import MAX_UNREADABLE
from vae.data.walk import Kind
from vae.errors import InputError, readable
from vae.files import check_file, check_memory
from vae.modalities.images import celeba
from vae.modalities.text import sentences
from vae.modalities.text.examples import TextExamples, as_texts, source

logger = logging.getLogger(__name__)

TEXT = Kind("text files", (".txt",))
_ENCODINGS = {  # by the marks at their beginning; that of UTF-32 begins with one of UTF-16
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_WORDS = re.compile(r"[._\-\s]+")
UNPACKED = 10  # bytes that lines take in memory for each byte of a file


class Line(NamedTuple):
    """A text, and the number of its line or sentence in its file."""

    number: int
    text: str


class Bad:
    """The lines that are no UTF-8, of all files of a set."""

    def __init__(self, what: str):
        self.what, self.total, self.lines = what, 0, list[str]()

    def check(self) -> None:
        """Warns of such lines.

        Raises:
          InputError: they are too many.
        """
        if not self.lines:
            return
        here = f" of {self.what} with"  # the only file is named once
        few = ", ".join(line.replace(here, " with") for line in self.lines[:3]) + (
            ", ..." if self.lines[3:] else ""
        )
        if len(self.lines) > MAX_UNREADABLE * self.total:
            raise InputError(
                f"{self.what}: {len(self.lines)} of {self.total} lines are not UTF-8 ({few}): save "
                "it as UTF-8."
            )
        logger.warning(
            "%s: %d of %d lines are not UTF-8 and are left out: %s",
            *(self.what, len(self.lines), self.total, few),
        )


def read(place: Place, path: Path, config: ConfigDict) -> Source:
    """Returns the texts of the files of a place.

    Args:
      place: where the files are.
      path: the file, folder or archive that a person named.
      config: the section `data`.

    Raises:
      InputError: there are none, or they cannot be read.
    """
    files = folders.kept(place, TEXT.name)
    split, named = folders.told(place, files, config.label_pattern)
    if len(files) > 1 and (split == "train").all():
        split = np.array(splits_of(files) or split)
    bad = Bad(readable(path))
    texts: list[str] = []
    index: list[int] = []  # the file of each text
    for i, file in enumerate(files):
        inside = list(lines(place.read(file), os.path.join(place.root, file), bad, config.unit))
        texts += [line.text for line in inside]
        index += [i] * len(inside)
    bad.check()
    where = np.array(index, int)
    people = rows_at(named.identities, where)
    every = TextExamples(as_texts(texts), named.labels[where], people)
    names = sorted(set(split.tolist()))
    return source(
        {name: every.take(np.flatnonzero(split[where] == name)) for name in names},
        f"text {readable(path)}",
        config,
        num_classes=named.number,
        classes=named.classes,
        attributes=named.attributes,
        named=bool(config.label_pattern),
    )


def read_files(paths: Iterable[str | Path], unit: str) -> tuple[list[str], list[str]]:
    """Returns the texts of a person's own files, and a name for each.

    Raises:
      InputError: there is no text, or it cannot be read.
    """
    texts, names = [], []
    for name, content in files_at(list(paths), TEXT):
        bad = Bad(readable(name))
        found = content()
        if isinstance(found, str):
            check_file(Path(found))
            found = Path(found).read_bytes()
        for line in lines(found, name, bad, unit):
            texts.append(line.text)
            names.append(f"{readable(name)} {unit} {line.number}")
        bad.check()
    return texts, names


def splits_of(files: Iterable[str]) -> list[str]:
    """Returns the split that the name of each file says: ptb.train.txt; [] where one says none."""
    found: list[str] = []
    for file in files:
        words = _WORDS.split(file.rpartition("/")[2].lower())
        said = {FILES[word] for word in words if word in FILES}
        if len(said) != 1:
            return []
        found += said
    return found


def lines(content: bytes, file: str, bad: Bad, unit: str) -> Iterator[Line]:
    """Yields the lines of a file that have text, or its sentences, and counts what is no UTF-8.

    Raises:
      InputError: the file is UTF-16 or UTF-32, or too large.
    """
    check_encoding(content, file)
    check_memory(UNPACKED * len(content), readable(file))
    content = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    found = content.split(b"\n")
    bad.total += len(found)
    decoded = []
    for number, line in enumerate(found, 1):
        try:
            decoded.append(Line(number, line.decode()))
        except UnicodeDecodeError as error:
            byte = line[error.start]
            bad.lines.append(f"line {number} of {readable(file)} with the byte 0x{byte:02x}")
    if unit == "sentence":
        texts = sentences.split("\n".join(line.text for line in decoded))
        yield from (Line(number, text) for number, text in enumerate(texts, 1))
    else:
        yield from (
            Line(number, text) for number, line in decoded if (text := sentences.clean(line))
        )


def check_encoding(content: bytes, file: str | Path) -> None:
    """Refuses UTF-16 and UTF-32, whose zeros are characters of UTF-8.

    Raises:
      InputError: the content is one of them.
    """
    for mark, encoding in _ENCODINGS.items():
        if content.startswith(mark):
            raise InputError(f"{file} is {encoding}: save it as UTF-8.")
    zeros = content.count(b"\0")
    if zeros > 1 + content.count(b"\n") + content.count(b"\r"):  # without a mark
        raise InputError(
            f"{file} has {zeros} zero bytes, as UTF-16 has, or what is no text: save it as UTF-8."
        )


def only_text(directory: Path) -> bool:
    """Returns whether a directory has text files, and no other kind at any depth.

    Hidden files, a table of attributes, and files without an extension or in Markdown (README,
    LICENSE) do not count. CelebA's tables are .txt files, too, and no text.
    """
    found = False
    if celeba.has_tables(directory):
        return False
    for _, inside, names in os.walk(directory):
        inside[:] = [name for name in inside if not name.startswith(".")]
        for name in names:
            aside = name.startswith(".") or name == TABLE or Path(name).suffix in ("", ".md")
            if not (aside or TEXT.has(name)):
                return False
            found = found or TEXT.has(name)
    return found
