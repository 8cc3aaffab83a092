"""What a recording becomes as an example, and the way back to sound.

    log_mel   raw [T, C M] float32: M mel bands of C channels, in dB relative to full scale, from
              -100 (`spectral.py`). x = 0 at -100 dB, and 1 at full scale. log p(x) is a density of
              spectrograms, not of sound: phases are no part of it.
    mu_law    raw [T, C] int16: the 256 levels of mu-law (`mu_law.py`), x = level / 255. With a
              likelihood over levels, p(x) is a probability of the sound itself as it is stored
              with 8 bits a sample.

Positions after the end of a recording are missing (-1, or NaN), or silence that counts, as
`data.padding` says.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Callable

import jax
import numpy as np
from ml_collections import ConfigDict

from vae.data.batches import apply_in_batches
from vae.errors import InputError
from vae.modalities.sound import mu_law, spectral
from vae.probability.event import Event, Values

_LOUDEST = 3.0  # dB: a square wave at full scale has no more in a band
_BYTES = 2**28  # of the transforms that are turned into waveforms at once


@dataclasses.dataclass(frozen=True)
class Codec:
    """How recordings become examples.

    Attributes:
      representation: "log_mel" or "mu_law".
      sample_rate: samples a second.
      channels: 1 for mono, 2 for stereo.
      samples: of the longest example.
      padding: "mask" or "silence", what stands after the end of a shorter one.
      mels: bands, 0 for mu-law.
      window: samples of a window, 0 for mu-law.
      hop: samples of a position, 1 for mu-law.
    """

    representation: str
    sample_rate: int
    channels: int
    samples: int
    padding: str
    mels: int = 0
    window: int = 0
    hop: int = 1

    @property
    def shape(self) -> tuple[int, int]:
        """Returns the shape of an example."""
        return spectral.frames(self.samples, self.hop), self.channels * max(self.mels, 1)

    @property
    def dtype(self) -> np.dtype:
        """Returns the type of raw values."""
        return np.dtype(np.float32 if self.mels else np.int16)

    @property
    def padded(self) -> float:
        """Returns the raw value after the end of a recording."""
        if self.padding == "silence":
            return spectral.FLOOR if self.mels else mu_law.SILENCE
        return np.nan if self.mels else -1

    @property
    def values(self) -> Values:
        """Returns what raw values mean."""
        missing = self.padding == "mask"
        if self.mels:
            return Values("real", scale=-spectral.FLOOR, offset=spectral.FLOOR, missing=missing)
        return Values("levels", scale=255.0, levels=mu_law.LEVELS, missing=missing)

    def positions(self, seconds: float) -> int:
        """Returns how many positions a recording has, at most, once it is cut."""
        samples = min(self.samples, math.ceil(seconds * self.sample_rate))
        return max(1, spectral.frames(samples, self.hop))

    def encode(self, sound: np.ndarray) -> np.ndarray:
        """Returns a sound [L, channels] as a raw example [T, C], cut or padded."""
        sound = sound[: self.samples]
        if self.mels:
            settings = self.sample_rate, self.window, self.hop, self.mels
            bands = spectral.log_mel(np.ascontiguousarray(sound.T), *settings)
            found = np.moveaxis(bands, 0, 1).reshape(-1, self.shape[1])
        else:
            found = mu_law.levels(sound)
        raw = np.full(self.shape, self.padded, self.dtype)
        raw[: len(found)] = found
        return raw

    def decode(self, raw: np.ndarray) -> list[np.ndarray]:
        """Returns raw examples [N, T, C] as sounds [L, channels] float32.

        A sound ends with the last position that is not missing. It need not be in [-1, 1].
        """
        missing = np.isnan(raw) if self.mels else raw < 0
        there = np.logical_not(missing.any(-1))
        ends = raw.shape[1] - np.argmax(there[:, ::-1], axis=1)
        ends = np.where(there.any(1), ends, 0) * self.hop
        known = np.where(there[..., None], raw, spectral.FLOOR if self.mels else mu_law.SILENCE)
        if not self.mels:
            sounds = mu_law.waveform(known)
        else:
            bands = np.clip(known, spectral.FLOOR, _LOUDEST).astype(np.float32)
            bands = bands.reshape(*bands.shape[:2], self.channels, self.mels)
            size = max(1, _BYTES // (bands.shape[1] * self.channels * self.window * 16))
            make = _waveforms(self.sample_rate, self.window, self.hop)
            made = apply_in_batches(make, np.moveaxis(bands, 2, 1), size, "making sound")
            sounds = np.moveaxis(made, 1, 2)
        return [
            sound[: min(end, self.samples)]
            for sound, end in zip(sounds, ends.tolist(), strict=True)
        ]

    def __str__(self) -> str:
        """Returns what examples are, and of what p(x) is a probability."""
        if self.mels:
            return (
                f"mel spectrograms in dB ({self.mels} bands, a frame each "
                f"{1000 * self.hop / self.sample_rate:.3g} ms, {self.sample_rate} Hz), whose "
                "density is not that of the sound"
            )
        return f"mu-law waveforms of 256 levels at {self.sample_rate} Hz"

    def as_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


@functools.lru_cache(8)
def _waveforms(rate: int, window: int, hop: int) -> Callable[[np.ndarray], jax.Array]:
    return jax.jit(functools.partial(spectral.waveform, rate=rate, window=window, hop=hop))


def of_event(event: Event) -> Codec:
    """Returns the codec of a run's event."""
    return Codec(**json.loads(event.codec))


def of_config(
    config: ConfigDict, rate: int, channels: int, longest: float, shortest: float
) -> Codec:
    """Returns the codec of a data set.

    Args:
      config: the section `data`.
      rate: the sample rate of the recordings, where the config has none.
      channels: those of the recordings, where the config does not say.
      longest: seconds of the longest recording, for the same case.
      shortest: seconds of the shortest one. If it fills an example, padding is silence.

    Raises:
      InputError: windows and hops do not go together.
    """
    rate, channels = config.sample_rate or rate, config.channels or channels
    if channels > 2:
        if config.channels:
            raise InputError(
                f"data.channels={channels} must be 1 (mono) or 2 (stereo) for recordings."
            )
        raise InputError(
            f"Some recordings have {channels} channels, but examples have 1 or 2: set "
            "data.channels to 1, their mean."
        )
    samples = max(1, math.ceil(round((config.seconds or longest) * rate, 6)))
    shorter = shortest * rate < samples - 1
    padding = config.padding if shorter else "silence"
    settings = config.representation, rate, channels, samples, padding
    if config.representation == "mu_law":
        return Codec(*settings)
    window = config.window or config.hop * spectral.OVERLAP or spectral.usual_window(rate)
    hop = config.hop or max(1, window // spectral.OVERLAP)
    if window % hop or window < 2 * hop:
        raise InputError(
            f"data.window={window} must be two or more times data.hop={hop}, a whole number of "
            "times: every sample lies in several windows."
        )
    codec = Codec(*settings, mels=config.mels, window=window, hop=hop)
    spectral.mel_filters(rate, window, config.mels)  # says if there are too many
    return codec
