"""What a run has made for eyes and ears, as parts of a page: pictures, animations, sounds, text.

A page holds what it shows, so that each has a budget of bytes. Pictures that would take much of it
are compressed; what does not fit is named.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from vae.files import data_uri

BUDGET = 2_000_000  # bytes of a page, which base64 makes 4 / 3 of
LARGE = 200_000  # bytes of a picture that is compressed
QUALITY, EFFORT = 85, 2  # of WebP; more effort takes longer, and saves little
LONGEST = 20_000  # characters of a text
SOUNDS = 24  # of one sheet
STEP = re.compile(r"(.+)_(\d{8})")


class Shown(NamedTuple):
    """Something to show.

    Attributes:
      name: what it is called.
      picture: the address of a picture, with all of its content; "" for none.
      size: its width and height in pixels.
      text: text to read; "" for none.
      sounds: (name, address) of each sound.
      left_out: how many files were too much.
    """

    name: str
    picture: str = ""
    size: tuple[int, int] = (0, 0)
    text: str = ""
    sounds: Sequence[tuple[str, str]] = ()
    left_out: int = 0


class Budget:
    """The bytes that a page may still take."""

    def __init__(self, left: int = BUDGET) -> None:
        self.left = left

    def takes(self, size: int) -> bool:
        """Returns whether there is room for so many bytes, and takes it."""
        if fits := size <= self.left:
            self.left -= size
        return fits


def latest(folder: Path, name: str) -> Path | None:
    """Returns the picture NAME_STEP.png of a run's newest step, in whatever folder it lies."""
    files = (path for path in folder.glob(f"*/{name}_*.png") if path.is_file())
    found = [(m[2], p) for p in files if (m := STEP.fullmatch(p.stem))]
    return max(found)[1] if found else None


def of_tasks(folder: Path) -> list[Path]:
    """Returns the pictures and animations that tasks left in a run, the newest first."""
    found = [p for end in ("png", "gif") for p in folder.glob(f"*/*.{end}") if p.is_file()]
    found = [p for p in found if not (m := STEP.fullmatch(p.stem)) or m[1] not in DRAWN]
    return sorted(found, key=lambda p: (-p.stat().st_mtime, p.name))


DRAWN = ("samples", "reconstructions")  # what training draws


def shown(picture: Path, name: str, budget: Budget) -> Shown:
    """Returns a sheet of examples: what is read, or its picture; and what is heard beside it.

    Args:
      picture: the path of the sheet's picture, see `vae/modalities/sheets.py`.
      name: what it is called.
      budget: what is left of the page's.
    """
    text = picture.with_suffix(".txt")
    words = text.read_text("utf-8", "replace")[:LONGEST] if text.is_file() else ""
    animation = picture.with_suffix(".gif")
    address, size = ("", (0, 0)) if words else embedded(picture, budget)
    # One that would leave little for others is left to its first frames, which the picture has.
    small = animation.is_file() and animation.stat().st_size <= budget.left / 2
    if small and animation != picture:
        moving, its_size = embedded(animation, budget)
        address, size = (moving, its_size) if moving else (address, size)
    single, folder = picture.with_suffix(".wav"), picture.with_suffix("")
    files = [single] if single.is_file() else sorted(folder.glob("*.wav"), key=_heard)
    sounds = list(_sounds(files[:SOUNDS], budget))
    lost = not address and not words
    return Shown(name, address, size, words, sounds, len(files) - len(sounds) + lost)


def _heard(file: Path) -> tuple[str, bool]:
    """Returns what sounds are sorted by: their number, and what was given before what was made."""
    return file.stem.partition("_")[0], "given" not in file.stem


def _sounds(files: Iterable[Path], budget: Budget) -> Iterable[tuple[str, str]]:
    for file in files:
        content = file.read_bytes()
        if budget.takes(len(content)):
            yield file.stem.replace("_", " "), data_uri(content, "audio/wav")


def embedded(path: Path, budget: Budget) -> tuple[str, tuple[int, int]]:
    """Returns a picture's address and size; "" if it is damaged, or there is no room for it."""
    try:
        content, kind = path.read_bytes(), f"image/{path.suffix[1:]}"
        with Image.open(io.BytesIO(content)) as picture:
            size = picture.size
            if len(content) > LARGE and path.suffix == ".png":
                smaller = io.BytesIO()
                picture.convert("RGB").save(smaller, "WEBP", quality=QUALITY, method=EFFORT)
                content, kind = smaller.getvalue(), "image/webp"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # half written
        return "", (0, 0)
    return (data_uri(content, kind), size) if budget.takes(len(content)) else ("", size)
