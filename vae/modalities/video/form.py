"""What clips become as examples: [T, H, W, C], cut to T frames; a shorter one lacks the others.

Raw values are bytes; where frames may be missing they are int16, -1 there.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from ml_collections import ConfigDict

from vae.errors import InputError
from vae.modalities.images.decoding import fit_of
from vae.probability.event import BYTES, Event, Values


@dataclasses.dataclass(frozen=True)
class Form:
    """The shape of examples.

    Attributes:
      shape: (T, H, W, C).
      missing: whether some have fewer frames.
    """

    shape: tuple[int, int, int, int]
    missing: bool

    @property
    def values(self) -> Values:
        """Returns what raw values mean."""
        return dataclasses.replace(BYTES, missing=self.missing)

    @property
    def dtype(self) -> np.dtype:
        """Returns the type of raw values."""
        return np.dtype(np.int16 if self.missing else np.uint8)

    def raw(self, clip: np.ndarray) -> np.ndarray:
        """Returns a clip [T', H, W, C] of at most T frames as a raw example [T, H, W, C].

        Raises:
          ValueError: its frames have another shape, or they are too few.
        """
        if clip.shape[1:] != self.shape[1:]:
            there, wanted = ("x".join(map(str, s)) for s in (clip.shape[1:], self.shape[1:]))
            raise ValueError(f"its frames are {there}, those of others {wanted}")
        if len(clip) < self.shape[0] and not self.missing:
            number = f"{len(clip)} frame{'s' * (len(clip) != 1)}"
            raise ValueError(
                f"it has {number}, and clips of these data have {self.shape[0]}: give a longer one"
            )
        raw = np.full(self.shape, -1 if self.missing else 0, self.dtype)
        raw[: len(clip)] = clip
        return raw


def of_event(event: Event) -> Form:
    """Returns the form of a run's event."""
    frames, height, width, channels = event.shape
    return Form((frames, height, width, channels), event.values.missing)


def of_clips(
    config: ConfigDict, frames: list[int], longest: int, source: tuple[int | None, int | None, int]
) -> Form:
    """Returns the form of clips.

    Args:
      config: the section `data`.
      frames: those of each clip.
      longest: frames of the longest training clip, where the config does not say.
      source: height, width and channels of frames; None where they vary.

    Raises:
      InputError: frames vary in size, and no size is given.
    """
    height, width, channels = fit_of(config).shape(source)
    if height is None or width is None:
        raise InputError(
            "The clips differ in height or width: set data.image_size to the size you want."
        )
    most = config.frames or longest
    return Form((most, height, width, channels), min(frames) < most)
