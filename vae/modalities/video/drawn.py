"""Digits that move and bounce, drawn when read: any number, all factors known, and no download.

| factor       | what it is                                                                        |
|--------------|-----------------------------------------------------------------------------------|
| digit=0, ... | 1 for the class of the digit, one of those of scikit-learn, twice as large        |
| X, Y         | pixels of its left and upper end from those of the first frame, from 0 to 16      |
| VX, VY       | pixels by which it moves from frame to frame, from -3 to 3                        |

It is reflected where it would leave the frame of 32x32 pixels. Digits of training, validation and
test are written by hand as different images. Positions are no whole pixels: values lie between.

2026-11-27, one core of an AMD EPYC beside other work: 0.06 ms a clip of 16 frames, by

    python -m timeit -p -s "from vae.modalities.video import drawn; import numpy as np" \\
        -s "some = np.arange(1000)" "drawn.draw(drawn.factors(some), some, 'train', 16)"
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from vae.data.drawn import DrawnExamples
from vae.data.examples import Raw, Source
from vae.data.fields import one_hot
from vae.data.uniform import uniform
from vae.modalities.images.decoding import Fit, fit_images
from vae.probability.event import BYTES

SIDE, DIGIT = 32, 8  # pixels of a frame, and of a digit as it is given
ENLARGED = 2  # so many times a digit is drawn larger
FREE = SIDE - ENLARGED * DIGIT  # pixels that a digit may move
FRAMES = 16  # unless data.frames says another
SPLITS = {"train": range(20_000), "valid": range(20_000, 22_000), "test": range(22_000, 24_000)}
WRITTEN = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}  # shares of the images
CLASSES = tuple(map(str, range(10)))
RANGES = {"X": (0, FREE), "Y": (0, FREE), "VX": (-3, 3), "VY": (-3, 3)}
NAMES = (*one_hot("digit", CLASSES, np.zeros(0))[0], *RANGES)


def factors(indices: np.ndarray) -> np.ndarray:
    """Returns the factors of the clips at `indices`, float32 [N, A], in the order of NAMES."""
    drawn = uniform(indices, 1 + len(RANGES))
    digit = one_hot("digit", CLASSES, (drawn[:, 0] * len(CLASSES)).astype(int))[1]
    low, high = np.array(list(RANGES.values()), np.float32).T
    return np.concatenate([digit, low + drawn[:, 1:] * (high - low)], 1).astype(np.float32)


@functools.cache
def _written(split: str) -> tuple[np.ndarray, ...]:
    """Returns the images [M, 8, 8] of each class that a split has, float32 in [0, 1]."""
    from sklearn.datasets import load_digits  # takes a second to import

    bunch = load_digits()
    first, last = WRITTEN[split]
    found = []
    for digit in range(len(CLASSES)):
        images = bunch.images[bunch.target == digit].astype(np.float32) / 16
        found.append(images[round(first * len(images)) : round(last * len(images))])
    return tuple(found)


def positions(factors: np.ndarray, frames: int) -> np.ndarray:
    """Returns the left and upper ends of digits in pixels, [N, T, 2]: x and y."""
    start, velocity = factors[:, None, -4:-2], factors[:, None, -2:]
    straight = start + velocity * np.arange(frames, dtype=np.float32)[:, None]
    return FREE - np.abs(straight % (2 * FREE) - FREE)


def draw(factors: np.ndarray, seeds: np.ndarray, split: str, frames: int) -> np.ndarray:
    """Returns clips uint8 [N, T, 32, 32, 1].

    Args:
      factors: [N, A], see above.
      seeds: [N], which decide the image of the digit.
      split: the split whose images are used.
      frames: T.
    """
    classes = factors[:, : len(CLASSES)].argmax(1)
    chosen = uniform(seeds, 2 + len(RANGES))[:, -1]  # the others are those of `factors`
    images = [
        (of_class := _written(split)[digit])[int(share * len(of_class))]
        for digit, share in zip(classes, chosen, strict=True)
    ]
    at = positions(factors, frames)
    rows, columns = _weights(at[..., 1]), _weights(at[..., 0])  # [N, T, 32, 8]
    flat = rows.reshape(len(rows), -1, DIGIT) @ (255 * np.stack(images))
    clips = flat.reshape(rows.shape) @ columns.swapaxes(-1, -2)
    return np.rint(clips, out=clips).astype(np.uint8)[..., None]


def _weights(start: np.ndarray) -> np.ndarray:
    """Returns linear weights [..., 32, 8] of a digit's pixels in those of a frame."""
    pixels = np.arange(SIDE, dtype=np.float32)[:, None] + np.float32(0.5)
    centres = start[..., None, None] + ENLARGED * (np.arange(DIGIT, dtype=np.float32) + 0.5)
    return np.maximum(1 - np.abs(pixels - centres) / ENLARGED, 0).astype(np.float32)


@dataclass(frozen=True)
class Clips(DrawnExamples):
    """Clips by index, drawn when read and then resized."""

    split: str
    frames: int
    fit: Fit

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
        return (self.frames, *self.fit.shape((SIDE, SIDE, 1)))

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def draw(self, indices: np.ndarray) -> Raw:
        labels = factors(indices)
        clips = draw(labels, indices, self.split, self.frames)
        frames = fit_images(clips.reshape(-1, SIDE, SIDE, 1), self.fit)
        return Raw(frames.reshape(len(indices), *self.shape), labels)


def read(frames: int, fit: Fit) -> Source:
    """Returns 20,000 clips for training and 2,000 each for valid and test, with all factors."""
    splits = {
        name: Clips(np.array(span), name, frames or FRAMES, fit) for name, span in SPLITS.items()
    }
    return Source(splits, BYTES, 0, "moving digits", NAMES)
