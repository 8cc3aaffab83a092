"""A file of coded examples.

    magic   4 bytes, "VAE" and the version
    size    4 bytes, of the header
    header  JSON, compressed with zlib
    words   the stack, 4 bytes each
    digest  16 bytes, BLAKE2b of all of the above

Numbers are little-endian.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import InputError
from vae.files import check_file, user_path, whole

MAGIC = b"VAE\1"
DIGEST = 16


def write(path: Path, header: dict[str, Any], words: np.ndarray) -> dict[str, int]:
    """Writes a file, and returns the bytes of its parts."""
    packed = zlib.compress(json.dumps(header, separators=(",", ":")).encode(), 9)
    content = MAGIC + struct.pack("<I", len(packed)) + packed + words.astype("<u4").tobytes()
    with whole(path) as file:
        file.write(content + digest(content))
    stack = 4 * len(words)
    return {"stack": stack, "header": len(content) + DIGEST - stack}


def read(path: str | Path) -> tuple[dict[str, Any], np.ndarray]:
    """Returns the header and the words of a file.

    Raises:
      InputError: there is no such file, it is none of this kind, or it is damaged.
    """
    path = user_path(path)
    check_file(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: give what `vae compress` wrote.") from None
    if content[:3] != MAGIC[:3]:
        raise InputError(f"{path} is no file that `vae compress` wrote.")
    if len(content) > 3 and content[:4] != MAGIC:
        raise InputError(f"{path} was written by another version of `vae compress`: use that one.")
    if digest(content[:-DIGEST]) != content[-DIGEST:]:
        raise InputError(f"{path} is damaged: its checksum is not that of its content.")
    start = 8 + struct.unpack("<I", content[4:8])[0]
    header = json.loads(zlib.decompress(content[8:start]))
    return header, np.frombuffer(content[start:-DIGEST], "<u4").astype(np.uint32)


def digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST).digest()
