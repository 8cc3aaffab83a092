"""Finds files of one kind in a folder, or in a zip or tar archive, which is not unpacked onto disk.

A compressed tar (.tar.gz and the like) can only be read from its start to its end: its files are
kept in memory, undecoded. Folders that contain all files of an archive are left out of the paths.
"""

from __future__ import annotations

import collections
import functools
import itertools
import logging
import os
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from vae.data.attributes import FILE as TABLE
from vae.data.splits import FILES
from vae.data.walk import Kind, files_in, has_files
from vae.errors import InputError, readable
from vae.files import check_file, check_memory, user_path

logger = logging.getLogger(__name__)

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_FIRST = 1000  # files of a tar that are looked at, to know what is in it
_LARGEST = 2**28  # bytes of a file in an archive: very few may unpack to very many


class Place(NamedTuple):
    """A folder or an archive with files of one kind.

    Attributes:
      root: the path of the folder or archive.
      files: the paths of these files in it, with "/", in order.
      content: a function from such a path to where the file lies, or to its bytes; any thread may
        call it.
      table: the path of a table of attributes in it, or None.
    """

    root: str
    files: list[str]
    content: Callable[[str], str | bytes]
    table: str | None

    def read(self, path: str) -> bytes:
        """Returns the content of a file.

        Raises:
          InputError: the file cannot be read.
        """
        try:
            found = self.content(path)
            if isinstance(found, bytes):
                return found
            check_file(Path(found))
            return Path(found).read_bytes()
        except InputError:
            raise
        except Exception as error:  # zipfile, tarfile and zlib raise many kinds for damage
            raise InputError(
                f"{self.root}: {readable(path)} cannot be read ({error}): replace it."
            ) from None


def is_archive(path: Path) -> bool:
    """Returns whether a file's name is that of an archive."""
    return path.name.lower().endswith(ARCHIVES)


def holds(path: Path, kind: Kind) -> bool:
    """Returns whether there are files of a kind in a folder, or among the first in an archive."""
    if path.is_dir():
        return has_files(path, kind)
    if not (path.is_file() and is_archive(path)):
        return False
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                return any(kind.has(os.path.basename(name)) for name in archive.namelist())
        with tarfile.open(path, "r|*") as members:
            first = itertools.islice(members, _FIRST)
            return any(kind.has(os.path.basename(member.name)) for member in first)
    except Exception:  # zipfile, tarfile and zlib raise many kinds; reading gives the error
        return False


def open_place(path: Path, kind: Kind) -> Place:
    """Returns the files of a kind in a folder or an archive.

    Raises:
      InputError: as `in_archive`.
    """
    return in_folder(path, kind) if path.is_dir() else in_archive(path, kind)


def in_folder(directory: Path, kind: Kind) -> Place:
    """Returns the files of a kind anywhere below a folder."""
    content = functools.partial(os.path.join, str(directory))
    table = TABLE if (directory / TABLE).exists() else None
    return Place(str(directory), files_in(directory, kind), content, table)


def in_archive(file: Path, kind: Kind) -> Place:
    """Returns the files of a kind in an archive, and logs what is left out.

    Raises:
      InputError: the archive is damaged, wants a password, has no such files, has one with a path
        that leads out of it, or does not fit into memory.
    """
    check_file(file)
    try:
        members, read = _zip(file) if file.suffix.lower() == ".zip" else _tar(file, kind)
    except InputError:
        raise
    except Exception as error:  # zipfile, tarfile and zlib raise many kinds for damage
        reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise InputError(f"{file} cannot be read ({reason}): fetch it again.") from None
    names = {name.replace("\\", "/").removeprefix("./"): name for name in members}
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise InputError(f"{file} has a file {name}, which is outside of it: pack it again.")
    chosen = _of_kind(list(names), file, kind)
    folders = zip(*(name.split("/")[:-1] for name in chosen), strict=False)
    shared = takewhile(lambda level: len({*level}) == 1 and level[0] not in FILES, folders)
    common = "".join(f"{level[0]}/" for level in shared)
    kept = [*chosen, *({common + TABLE} & names.keys())]
    inside = {name.removeprefix(common): names[name] for name in kept}
    files = [name.removeprefix(common) for name in chosen]
    table = TABLE if TABLE in inside else None
    return Place(str(file), files, lambda name: read(inside[name]), table)


def files_at(
    paths: Sequence[str | Path], kind: Kind
) -> list[tuple[str, Callable[[], str | bytes]]]:
    """Returns a person's own files: those at `paths`, and those of a kind in folders and archives.

    Each is a name, and a function that returns the file's path or its bytes. They are in order.

    Raises:
      InputError: there is nothing at a path, or no file of the kind in a folder.
    """
    files: list[tuple[str, Callable[[], str | bytes]]] = []
    for path in map(user_path, paths):
        if not path.exists():
            raise InputError(f"{path} does not exist: give {kind.name} or a folder of them.")
        if path.is_dir() or is_archive(path):
            place = open_place(path, kind)
            if not place.files:
                raise InputError(f"{path} has no {kind.name} in it: give files or a folder.")
            files += [
                (os.path.join(place.root, file), functools.partial(place.content, file))
                for file in place.files
            ]
        else:
            check_file(path)
            files.append((str(path), functools.partial(str, path)))
    return files


def _of_kind(names: list[str], file: Path, kind: Kind) -> list[str]:
    """Returns the names of a kind of files in an archive, in order, and logs the others."""
    shown = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    chosen = sorted(filter(kind.has, shown), key=lambda name: name.split("/"))
    others = [name for name in shown if not kind.has(name) and not name.endswith(TABLE)]
    extensions = collections.Counter(os.path.splitext(name)[1].lower() for name in others)
    what = ", ".join(
        f"{number} file(s) {readable(extension) or 'without an extension'}"
        for extension, number in sorted(extensions.items())
    )
    if not chosen:
        raise InputError(f"{file} has no {kind.name} in it, but {what or 'nothing'}: give another.")
    if what:
        logger.info("%s: left out %s", readable(file), what)
    return chosen


def _zip(file: Path) -> tuple[list[str], Callable[[str], bytes]]:
    # All threads share one archive: reading locks it, but takes a tenth of the time of decoding.
    archive = zipfile.ZipFile(file)
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if infos and all(info.flag_bits & 1 for info in infos):
        raise InputError(f"{file} wants a password: pack its files without one.")

    def read(name: str) -> bytes:
        _check_size(name, archive.getinfo(name).file_size)
        return archive.read(name)

    return [info.filename for info in infos], read


def _tar(file: Path, kind: Kind) -> tuple[list[str], Callable[[str], bytes]]:
    try:
        with tarfile.open(file, "r:") as archive:
            members = {member.name: member for member in archive if _is_plain(member)}
            archive.fileobj.seek(archive.offset)
            # A tar ends in zeros; tarfile does not notice where one is cut off.
            if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise ValueError("it is cut off")
    except tarfile.ReadError:
        return _packed_tar(file, kind)

    def read(name: str) -> bytes:
        size = members[name].size
        _check_size(name, size)
        with open(file, "rb") as opened:
            opened.seek(members[name].offset_data)
            return opened.read(size)

    return list(members), read


def _packed_tar(file: Path, kind: Kind) -> tuple[list[str], Callable[[str], bytes]]:
    contents: dict[str, bytes | int] = {}  # the size of what is not kept
    unpacked = 0
    with tarfile.open(file, "r|*") as archive:
        for member in archive:
            unpacked += member.size
            check_memory(unpacked, f"{readable(file)}, unpacked,")
            if _is_plain(member):
                name = member.name.rpartition("/")[2]
                kept = (kind.has(name) or name == TABLE) and member.size <= _LARGEST
                opened = archive.extractfile(member) if kept else None
                contents[member.name] = opened.read() if opened else member.size

    def read(name: str) -> bytes:
        content = contents[name]
        if isinstance(content, int):
            raise _too_large(name)
        return content

    return list(contents), read


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Returns whether a member is a file stored as it is: neither a link nor a sparse file."""
    return member.isreg() and not member.issparse()


def _check_size(name: str, size: int) -> None:
    if size > _LARGEST:
        raise _too_large(name)


def _too_large(name: str) -> ValueError:
    return ValueError(f"{name} has more than {_LARGEST} bytes")
