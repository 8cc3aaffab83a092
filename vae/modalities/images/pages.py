"""Pages of TIFF files, each of which is an image.

The path of an example is the path of its file, followed by `\\0PAGE` for a page after the first: no
file has a zero byte in its name. Pages that are smaller copies of an image are no examples.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image

from vae.data import folders
from vae.errors import readable
from vae.modalities.images.decoding import as_file

logger = logging.getLogger(__name__)

_SUBFILE = 254  # a tag whose lowest bit says that a page is a smaller copy


def of_files(
    root: str, content: Callable[[str], str | bytes], files: Sequence[str], threads: int
) -> list[str]:
    """Returns the paths of all examples in the files of a `Place`, file after file."""
    tiffs = [file for file in files if file.lower().endswith((".tif", ".tiff"))]
    with ThreadPoolExecutor(max(1, threads)) as pool:
        found = pool.map(lambda file: _pages(content, file), tiffs)
        more = {file: pages for file, pages in zip(tiffs, found, strict=True) if pages}
    if more:
        number = sum(map(len, more.values()))
        logger.info(
            "%s: %d files have %d more pages, which are images too",
            readable(root),
            len(more),
            number,
        )
    return [path for file in files for path in (file, *_paths(file, more.get(file, ())))]


def place(path: str) -> tuple[str, int]:
    """Returns the file and the page that an example's path names."""
    file, _, page = path.partition("\0")
    return file, int(page or 0)


def shown(path: str) -> str:
    """Returns an example's path as messages write it."""
    file, page = place(path)
    return readable(file) + (f", page {page + 1}" if page else "")


def digest(path: str) -> tuple[bytes, int]:
    """Returns what examples are sorted by; it keeps pages of one file together."""
    file, page = place(path)
    return folders.digest(file), page


def _paths(file: str, pages: Sequence[int]) -> list[str]:
    return [f"{file}\0{page}" for page in pages]


def _pages(content: Callable[[str], str | bytes], file: str) -> list[int]:
    """Returns the numbers of the pages after the first that are images of their own."""
    try:
        opened: Any = Image.open(as_file(content(file)))  # only a TIFF has tag_v2
        with opened as image:
            size, pages = image.size, []
            for page in range(1, getattr(image, "n_frames", 1)):
                image.seek(page)
                if image.size == size and not image.tag_v2.get(_SUBFILE, 0) & 1:
                    pages.append(page)
            return pages
    except Exception:  # reported when it is read
        return []
