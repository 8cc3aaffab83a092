"""Reads one recording: a .wav, .flac, .ogg or another file that libsndfile knows.

A sound is [L, C] float32, where full scale is [-1, 1]. These are refused, with the reason: a
damaged or empty file, one without samples, NaN and infinity, and floats far beyond full scale. A
file that is silent throughout is a recording like others.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.data.walk import Kind
from vae.files import check_file
from vae.modalities.sound.codec import Codec

RECORDINGS = Kind("recordings", (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"))
LOUDEST = 16.0  # times full scale: floats beyond it have another scale
_MARGIN = 0.05  # seconds that are read beyond those that are kept, for the filter that resamples


class Header(NamedTuple):
    """What a file says of its sound: samples a second, channels, seconds."""

    rate: int
    channels: int
    seconds: float


def header(content: str | bytes) -> Header:
    """Returns the header of a file, given as a path or as its bytes.

    Raises:
      Exception: it has none, or no samples; libsndfile's errors, `OSError`, `InputError` or
        `ValueError`.
    """
    import soundfile  # a library of its own, which runs without sound do not need

    with soundfile.SoundFile(_opened(content)) as file:
        if not file.frames:
            raise ValueError("it has no samples")
        return Header(file.samplerate, file.channels, file.frames / file.samplerate)


def read(content: str | bytes, codec: Codec) -> np.ndarray:
    """Returns the sound of a file at the rate and with the channels of a codec, [L, channels].

    A longer sound is read only up to the length that the codec keeps.

    Raises:
      Exception: as `header`; the sound has no samples, or values that are no sound.
    """
    import soundfile

    with soundfile.SoundFile(_opened(content)) as file:
        rate, seconds = file.samplerate, codec.samples / codec.sample_rate + _MARGIN
        sound = file.read(min(file.frames, int(seconds * rate) + 1), "float32", always_2d=True)
        wanted = min(file.frames, int(seconds * rate) + 1)
    if len(sound) < wanted:
        raise ValueError(f"it is cut off: {len(sound)} of {wanted} samples are there")
    return fitted(sound, rate, codec)


def fitted(sound: np.ndarray, rate: int, codec: Codec) -> np.ndarray:
    """Returns a sound [L, C] at the rate and with the channels of a codec.

    Several channels become one by their mean; one becomes two that are equal.

    Raises:
      ValueError: it has no samples, or values that are no sound.
    """
    if not len(sound):
        raise ValueError("it has no samples")
    if bad := int((~np.isfinite(sound)).any(1).sum()):
        raise ValueError(f"{bad} of {len(sound)} samples are NaN or infinity")
    if (peak := float(np.abs(sound).max())) > LOUDEST:
        raise ValueError(f"its values go up to {peak:g}, but full scale is 1")
    if sound.shape[1] != codec.channels:
        if sound.shape[1] > 2 and codec.channels == 2:
            raise ValueError(f"it has {sound.shape[1]} channels; set data.channels to 1")
        sound = sound.mean(1, keepdims=True).repeat(codec.channels, 1)
    if rate != codec.sample_rate:
        import soxr

        sound = soxr.resample(sound, rate, codec.sample_rate)
        if not len(sound):
            raise ValueError(f"it is shorter than a sample at {codec.sample_rate} Hz")
    return sound[: codec.samples]


def _opened(content: str | bytes) -> str | io.BytesIO:
    """Returns what libsndfile opens.

    Raises:
      ValueError: the file is empty, or a .wav that is cut off, which libsndfile does not notice.
    """
    if isinstance(content, bytes):
        size, start = len(content), content[:8]
    else:
        check_file(Path(content))  # reading a pipe may never end
        with open(content, "rb") as file:
            size, start = os.fstat(file.fileno()).st_size, file.read(8)
    if not size:
        raise ValueError("it is empty")
    declared = int.from_bytes(start[4:], "little")
    # Programs that do not know the length beforehand write 0, or one as large as can be.
    if start[:4] == b"RIFF" and size - 8 < declared < 2**31 - 1:
        raise ValueError(f"it is cut off: it has {size} of {declared + 8} bytes")
    return io.BytesIO(content) if isinstance(content, bytes) else content
