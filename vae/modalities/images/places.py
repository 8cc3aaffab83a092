"""Where image files lie: in a folder, or in a zip or tar archive, which is not unpacked onto disk.

A tar that is packed as a whole (.tar.gz and the like) can only be read from its start to its end:
its image files are kept in memory, as they are. Folders that hold all images of an archive are left
out of their names.
"""

from __future__ import annotations

import collections
import functools
import logging
import os
import tarfile
import zipfile
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from vae.data.attributes import FILE as TABLE
from vae.data.splits import FILES
from vae.errors import InputError, readable
from vae.files import check_file, check_memory
from vae.modalities.images import walk

logger = logging.getLogger(__name__)

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_LARGEST = 2**28  # bytes of a file in an archive, which may be packed into very few


class Place(NamedTuple):
    """Image files in one place.

    Attributes:
      root: the folder or the archive.
      files: the paths of the images in it, with "/", in order.
      content: from a path to where that file lies, or to its bytes; callable from any thread.
      table: the path of a table of attributes, or None.
    """

    root: str
    files: list[str]
    content: Callable[[str], str | bytes]
    table: str | None

    def read(self, path: str) -> bytes:
        """Returns what is in a file.

        Raises:
          InputError: it cannot be read.
        """
        try:
            found = self.content(path)
            if isinstance(found, bytes):
                return found
            check_file(Path(found))
            return Path(found).read_bytes()
        except InputError:
            raise
        except Exception as error:  # zipfile, tarfile and zlib raise many kinds for a damaged one
            raise InputError(
                f"{self.root}: {readable(path)} cannot be read ({error}): replace it."
            ) from None


def is_archive(path: Path) -> bool:
    """Returns whether a file's name is one of an archive."""
    return path.name.lower().endswith(ARCHIVES)


def in_folder(directory: Path) -> Place:
    """Returns the image files anywhere in a folder."""
    content = functools.partial(os.path.join, str(directory))
    table = TABLE if (directory / TABLE).exists() else None
    return Place(str(directory), walk.image_files(directory), content, table)


def in_archive(file: Path) -> Place:
    """Returns the image files in an archive. Logs what is left out.

    Raises:
      InputError: it is damaged, wants a password, has no images, has a file that would lie outside
        of it, or would not fit into the memory.
    """
    check_file(file)
    try:
        members, read = (_zip if file.suffix.lower() == ".zip" else _tar)(file)
    except InputError:
        raise
    except Exception as error:  # zipfile, tarfile and zlib raise many kinds for a damaged one
        reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
        raise InputError(f"{file} cannot be read ({reason}): fetch it again.") from None
    names = {name.replace("\\", "/").removeprefix("./"): name for name in members}
    for name in names:
        if name.startswith("/") or ".." in name.split("/"):
            raise InputError(f"{file} has a file {name}, which is outside of it: pack it again.")
    images = _images(list(names), file)
    folders = zip(*(name.split("/")[:-1] for name in images), strict=False)
    shared = takewhile(lambda level: len({*level}) == 1 and level[0] not in FILES, folders)
    common = "".join(f"{level[0]}/" for level in shared)
    kept = [*images, *({common + TABLE} & names.keys())]
    inside = {name.removeprefix(common): names[name] for name in kept}
    files = [name.removeprefix(common) for name in images]
    table = TABLE if TABLE in inside else None
    return Place(str(file), files, lambda name: read(inside[name]), table)


def _images(names: list[str], file: Path) -> list[str]:
    """Returns those names in an archive that are of images, in order; logs the others."""
    shown = [name for name in names if not any(part.startswith(".") for part in name.split("/"))]
    images = sorted(filter(walk.is_image, shown), key=lambda name: name.split("/"))
    others = [name for name in shown if not walk.is_image(name) and not name.endswith(TABLE)]
    kinds = collections.Counter(os.path.splitext(name)[1].lower() for name in others)
    what = ", ".join(
        f"{number} file(s) {readable(kind) or 'without an extension'}"
        for kind, number in sorted(kinds.items())
    )
    if not images:
        raise InputError(f"{file} has no images in it, but {what or 'nothing'}: give another.")
    if what:
        logger.info("%s: left out %s", readable(file), what)
    return images


def _zip(file: Path) -> tuple[list[str], Callable[[str], bytes]]:
    # One archive for all threads: reading from it takes its lock, for a tenth of the time that
    # decoding takes.
    archive = zipfile.ZipFile(file)
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if infos and all(info.flag_bits & 1 for info in infos):
        raise InputError(f"{file} wants a password: pack its files without one.")

    def read(name: str) -> bytes:
        _check_size(name, archive.getinfo(name).file_size)
        return archive.read(name)

    return [info.filename for info in infos], read


def _tar(file: Path) -> tuple[list[str], Callable[[str], bytes]]:
    try:
        with tarfile.open(file, "r:") as archive:
            members = {member.name: member for member in archive if _is_plain(member)}
            archive.fileobj.seek(archive.offset)
            # A tar ends in zeros; tarfile takes it to end where it is cut off, too.
            if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise ValueError("it is cut off")
    except tarfile.ReadError:
        return _packed_tar(file)

    def read(name: str) -> bytes:
        size = members[name].size
        _check_size(name, size)
        with open(file, "rb") as opened:
            opened.seek(members[name].offset_data)
            return opened.read(size)

    return list(members), read


def _packed_tar(file: Path) -> tuple[list[str], Callable[[str], bytes]]:
    contents: dict[str, bytes | int] = {}  # or a size
    unpacked = 0
    with tarfile.open(file, "r|*") as archive:
        for member in archive:
            unpacked += member.size
            check_memory(unpacked, f"{readable(file)}, unpacked,")
            if _is_plain(member):
                name = member.name.rpartition("/")[2]
                kept = (walk.is_image(name) or name == TABLE) and member.size <= _LARGEST
                content = archive.extractfile(member).read() if kept else member.size
                contents[member.name] = content

    def read(name: str) -> bytes:
        content = contents[name]
        if isinstance(content, int):
            _check_size(name, content)
        return content

    return list(contents), read


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Whether a member is a file that lies in the archive as it is, no link nor one with holes."""
    return member.isreg() and not member.issparse()


def _check_size(name: str, size: int) -> None:
    if size > _LARGEST:
        raise ValueError(f"{name} is of more than {_LARGEST} bytes")
