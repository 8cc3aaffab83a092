"""WebDataset: tar files whose members of one key, the name up to its first dot, are a record.

    000017.jpg, 000017.cls, 000017.json

| member                                 | column                                              |
|----------------------------------------|-----------------------------------------------------|
| an image file (.jpg, .png, ...), .npy  | image                                               |
| one with a further name (.mask.png)    | that name (mask.png)                                |
| .cls                                   | label, a number or a name                           |
| .json                                  | its numbers and short texts, by name                |

The tar is read through once for its index, and members by their place in it. It must not be
compressed. Other members are left out.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import mmap
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae import terminal
from vae.data.shards import collected, index
from vae.data.shards.base import CONTENT, Reader, Shards
from vae.data.walk import Kind
from vae.errors import InputError, readable
from vae.files import check_file

logger = logging.getLogger(__name__)

IMAGE, LABEL = "image", "label"
_BLOCK = 512  # bytes of a header; contents are filled up to a multiple
_PLAIN, _PAX, _LONG_NAME = b"0\0", b"x", b"L"  # types of members


class Member(NamedTuple):
    """A file in a tar: its name, and where its content is."""

    name: str
    offset: int
    size: int


class WebDatasetShards(Shards):
    """Records of tar files.

    Args:
      what: see `Shards`.
      files: the files, and their names.
      kind: the image files.

    Raises:
      InputError: a file is damaged or compressed, or records differ in columns.
    """

    def __init__(self, what: str, files: Sequence[tuple[str, Path]], kind: Kind) -> None:
        self.what, self._kind = what, kind
        self.names = [name for name, _ in files]
        self._files = [path for _, path in files]
        for path in self._files:
            check_file(path)
        self._index = index.kept(files, self._build)
        self.starts = self._index["starts"]
        contents = [key.partition(":")[2] for key in self._index if key.startswith("offset:")]
        self.columns = collected.columns_of(self._index) | dict.fromkeys(contents, CONTENT)
        self.bounds = None

    def known(self, name: str) -> np.ndarray:
        return collected.known(self._index, name)

    def reader(self, names: Sequence[str]) -> Reader:
        places = [(self._index[f"offset:{name}"], self._index[f"size:{name}"]) for name in names]
        return Reader(functools.partial(self._read, places))

    def _read(
        self, places: Sequence[tuple[np.ndarray, np.ndarray]], records: np.ndarray
    ) -> list[list[bytes]]:
        columns: list[list[bytes]] = [[b""] * len(records) for _ in places]
        of = np.searchsorted(self.starts, records, side="right") - 1
        for file in np.unique(of).tolist():
            rows = np.flatnonzero(of == file)
            with _damage(self._files[file]), open(self._files[file], "rb", buffering=0) as opened:
                for column, (offsets, sizes) in zip(columns, places, strict=True):
                    found = zip(
                        *(x.tolist() for x in (rows, offsets[records[rows]], sizes[records[rows]])),
                        strict=True,
                    )
                    for row, offset, size in found:
                        column[row] = os.pread(opened.fileno(), size, offset)
        return columns

    def _build(self) -> dict[str, np.ndarray]:
        """Reads the headers of all files, and the small members."""
        found = collected.Collected()
        places: dict[str, list[tuple[int, int]]] = {}
        starts, left_out = [0], Counter[str]()
        total = sum(path.stat().st_size for path in self._files)
        done = 0
        with terminal.Progress("building the index", total, "bytes") as progress:
            for path in self._files:
                count = starts[-1]
                with _damage(path), open(path, "rb", buffering=0) as opened:
                    for key, members in _records(path):
                        what = f"{readable(path)}: {key!r}"
                        self._add(members, opened.fileno(), what, found, places, left_out)
                        count += 1
                        progress.at(done + next(iter(members.values())).offset)
                if count == starts[-1]:
                    raise InputError(f"{readable(path)} has no image in it: leave it out.")
                starts.append(count)
                done += path.stat().st_size
        if left_out:
            few = ", ".join(f"{number} .{name}" for name, number in sorted(left_out.items()))
            logger.info("%s: left out members %s", self.what, few)
        made = found.arrays() | {"starts": np.array(starts)}
        for name, where in places.items():
            made[f"offset:{name}"], made[f"size:{name}"] = np.array(where, np.int64).T
        return made

    def _add(
        self,
        members: dict[str, Member],
        file: int,
        what: str,
        found: collected.Collected,
        places: dict[str, list[tuple[int, int]]],
        left_out: Counter[str],
    ) -> None:
        known: dict[str, float | str] = {}
        contents: dict[str, Member] = {}
        for name, member in members.items():
            end = name.rpartition(".")[2]
            if end == "npy" or self._kind.has(f"_.{end}"):
                column = name if "." in name else IMAGE
                if column in contents:
                    raise InputError(
                        f"{what} has two images: give one of them a further name, as .mask.png."
                    )
                contents[column] = member
            elif name in ("cls", "json"):
                content = os.pread(file, member.size, member.offset)
                known |= _told(content, what) if name == "json" else {LABEL: _class(content)}
            else:
                left_out[name] += 1
        first = places or dict.fromkeys(contents)
        if contents.keys() != first.keys() or not contents:
            raise InputError(
                f"{what} has the contents {', '.join(contents) or 'none'}, and others "
                f"{', '.join(first) or 'none'}: write all records with the same."
            )
        for name, member in contents.items():
            places.setdefault(name, []).append((member.offset, member.size))
        found.add(known, what)


def is_one(path: Path, kind: Kind) -> bool:
    """Returns whether a tar's first record has a class, numbers or an array beside an image.

    One of images alone is a folder that was packed.
    """
    try:
        _, members = next(_records(path))
    except (ValueError, OSError, StopIteration, InputError):
        return False
    told = members.keys() & {"cls", "json"}
    return "npy" in members or bool(told and any(kind.has(f"_.{name}") for name in members))


def _records(path: Path) -> Iterator[tuple[str, dict[str, Member]]]:
    """Yields the records of a tar: the key, and the members by the rest of their names.

    Raises:
      ValueError: it is no tar, or is cut off.
      InputError: a record has two members of one name.
    """
    key, found = "", dict[str, Member]()
    for member in members_of(path):
        folder, slash, name = member.name.rpartition("/")
        if name.startswith("."):
            continue
        own, _, rest = name.partition(".")
        own = folder + slash + own
        if own != key and found:
            yield key, found
            found = {}
        key = own
        if (rest := rest.lower()) in found:
            raise InputError(
                f"{readable(path)} has two members {readable(member.name)} of one record: give "
                "each record a name of its own, and each of its members an ending of its own."
            )
        found[rest] = member
    if found:
        yield key, found


def members_of(path: Path) -> Iterator[Member]:
    """Yields the plain files of a tar, in order: tarfile takes ten times as long.

    Raises:
      ValueError: it is no tar, or is cut off.
    """
    with open(path, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, end = 0, len(data)
        name, size = "", -1  # what an extended header says of the next member
        while at + _BLOCK <= end:
            header = data[at : at + _BLOCK]
            if header[257:262] != b"ustar":
                if not any(header):
                    return
                raise ValueError("it is damaged, or compressed" if at == 0 else "it is damaged")
            own = _number(header[124:136])
            of = header[156:157]
            offset = at + _BLOCK
            if of in (_PAX, _LONG_NAME):
                content = data[offset : offset + own]
                if of == _LONG_NAME:
                    name = _text(content)
                else:
                    told = _extended(content)
                    name, size = told.get("path", name), int(told.get("size", size))
            else:
                own = size if size >= 0 else own
                prefix = header[345:500] if header[262:263] == b"\0" else b""
                called = name or "/".join(filter(None, (_text(prefix), _text(header[:100]))))
                if of in _PLAIN:
                    if offset + own > end:
                        break
                    yield Member(called.removeprefix("./"), offset, own)
                name, size = "", -1
            at = offset + -(-own // _BLOCK) * _BLOCK
        raise ValueError("it is cut off")


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # GNU's way to write what octal digits have no room for
        return int.from_bytes(field[1:])
    return int(field.strip(b" \0") or b"0", 8)


def _text(field: bytes) -> str:
    return os.fsdecode(field.partition(b"\0")[0])


def _extended(content: bytes) -> dict[str, str]:
    """Returns the records of an extended header: each is its length, a space, name=value, \\n."""
    found = {}
    while content.strip(b"\0"):
        size = int(content.partition(b" ")[0])
        name, _, value = content[:size].partition(b" ")[2].removesuffix(b"\n").partition(b"=")
        found[name.decode()] = os.fsdecode(value)
        content = content[size:]
    return found


def _class(content: bytes) -> float | str:
    text = content.decode(errors="backslashreplace").strip()
    return float(text) if text.isdecimal() else text


def _told(content: bytes, what: str) -> dict[str, float | str]:
    """Returns the numbers and texts of a .json member."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise InputError(f"{what}: its .json cannot be read: write it again.") from None
    if not isinstance(found, dict):
        return {}
    return {
        name: value if isinstance(value, str) else _number_of(value)
        for name, value in found.items()
        if isinstance(value, str | int | float)
    }


def _number_of(value: float) -> float:
    """Returns a number, infinity where a whole one is beyond what a float holds."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Turns what a damaged tar raises into an InputError."""
    try:
        yield
    except (ValueError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise InputError(
            f"{readable(path)} cannot be read as a tar ({reason}): fetch it again, or write it "
            "without compression."
        ) from None
