"""Writes pictures as PNG files and as animated GIFs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from vae.files import whole

FRAME = 80  # milliseconds of each frame of an animation,
REST = 600  # and of the first and the last one


def save(sheet: np.ndarray, path: Path) -> None:
    """Writes a picture [H, W, 3] uint8 as a PNG file, and makes its folder."""
    with whole(path) as file:
        Image.fromarray(sheet).save(file, "PNG")


def png(picture: np.ndarray) -> bytes:
    """Returns a picture [H, W, 3] uint8 as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def save_animation(frames: np.ndarray, path: Path) -> None:
    """Writes frames [T, H, W, 3] uint8 as a GIF that plays forwards and backwards without end.

    All frames share one palette of 256 colours, fitted to all of them, so that nothing flickers.
    """
    everything = Image.fromarray(frames.reshape(-1, *frames.shape[2:]))
    palette = everything.quantize(256, method=Image.Quantize.MEDIANCUT)
    there = [Image.fromarray(frame).quantize(palette=palette) for frame in frames]
    first, *others = there + there[-2:0:-1]
    durations = [FRAME] * (1 + len(others))
    durations[0] = durations[len(there) - 1] = REST
    with whole(path) as file:
        first.save(file, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
