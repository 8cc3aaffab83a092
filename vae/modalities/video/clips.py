"""Decodes clips: video files (PyAV), animated GIFs and other images (Pillow), folders of frames.

A clip is given as what it is made of: one video or animation, or the images of its frames.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from vae.data.walk import Kind
from vae.errors import InputError
from vae.modalities.images.decoding import (
    IMAGES,
    Fit,
    as_file,
    channels_of,
    fit_image,
    open_image,
)

VIDEOS = Kind(
    "videos",
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ogv"),
)
ANIMATIONS = Kind("animations", (".gif", ".apng"))
CLIPS = Kind("clips", (*VIDEOS.extensions, *ANIMATIONS.extensions, *IMAGES.extensions))

Content = str | bytes  # where a file lies, or its bytes


class Header(NamedTuple):
    """What a clip has: frames, pixels of height and width, and channels."""

    frames: int
    height: int
    width: int
    channels: int


class Part(NamedTuple):
    """A file of a clip: its name, and a function that returns its path or its bytes."""

    name: str
    content: Callable[[], Content]


def together(names: Sequence[str]) -> dict[str, list[str]]:
    """Returns the files of each clip by the clip's name.

    A video and an animation are each a clip. Other images are the frames of the clip that their
    folder is, in the order of the numbers in their names.
    """
    clips: dict[str, list[str]] = {}
    for name in names:
        alone = VIDEOS.has(name) or ANIMATIONS.has(name)
        clips.setdefault(name if alone else os.path.dirname(name), []).append(name)
    return {clip: sorted(files, key=_counted) for clip, files in clips.items()}


def _counted(name: str) -> list[Any]:
    """Returns by what a name is sorted, so that 2 comes before 10."""
    pieces = re.split(r"(\d+)", name)
    return [int(piece) if i % 2 else piece for i, piece in enumerate(pieces)]


def header(parts: Sequence[Part]) -> Header:
    """Returns what a clip has, decoding as little as possible.

    Raises:
      InputError: it is a video, and PyAV is not installed.
      Exception: PyAV and Pillow raise many kinds where they cannot read a file.
    """
    first = parts[0]
    if VIDEOS.has(first.name):
        with _opened(first) as container:
            stream = container.streams.video[0]
            grey = (stream.codec_context.pix_fmt or "").startswith("gray")
            size = stream.codec_context.height, stream.codec_context.width
            frames = stream.frames or sum(
                packet.pts is not None for packet in container.demux(stream)
            )
        return Header(frames, *size, 1 if grey else 3)
    with Image.open(as_file(first.content())) as image:
        width, height = image.size
        frames = getattr(image, "n_frames", 1) if len(parts) == 1 else len(parts)
        return Header(frames, height, width, channels_of(image))


def read(parts: Sequence[Part], fit: Fit, most: int) -> np.ndarray:
    """Returns the first frames of a clip, at most so many, uint8 [T, H, W, C].

    Raises:
      ValueError: there is no frame, or frames differ in shape.
      InputError, Exception: as `header`.
    """
    frames = []
    for image in _frames(parts, fit):
        frames.append(fit_image(image, fit))
        if len(frames) == most:
            break
    if not frames:
        raise ValueError("it has no frame")
    if len({frame.shape for frame in frames}) > 1:
        raise ValueError("its frames differ in size or colour")
    return np.stack(frames)


def _frames(parts: Sequence[Part], fit: Fit) -> Iterator[Image.Image]:
    """Yields the frames of a clip as PIL images of mode L or RGB."""
    first = parts[0]
    if VIDEOS.has(first.name):
        with _opened(first) as container:
            for frame in container.decode(video=0):
                yield frame.to_image()
    elif len(parts) == 1 and ANIMATIONS.has(first.name):
        with Image.open(as_file(first.content())) as animation:
            for number in range(getattr(animation, "n_frames", 1)):
                animation.seek(number)
                yield animation.convert("L" if animation.mode == "L" else "RGB")
    else:
        for part in parts:
            yield open_image(part.content(), fit)


@contextmanager
def _opened(part: Part) -> Iterator[Any]:
    with library().open(as_file(part.content())) as container:
        yield container


def library() -> Any:
    """Returns PyAV.

    Raises:
      InputError: it is not installed.
    """
    try:
        import av  # of the extra "video"
    except ImportError:
        raise InputError(
            "video files need PyAV: pip install 'vae-experiments[video]', or give animated GIFs "
            "or folders of frames with data.modality='video'."
        ) from None
    return av
