"""dSprites, drawn when read: all 737,280 images by their published index, and no download.

Matthey, Higgins, Hassabis and Lerchner 2017, github.com/deepmind/dsprites-dataset: one white shape
on black, 64x64, and every combination of five factors once. Index i of the published archive has
the factors `numpy.unravel_index(i, SIZES)`, the last of which changes fastest:

| factor      | values                                                                            |
|-------------|-----------------------------------------------------------------------------------|
| shape       | square, ellipse, heart; as attributes 0 or 1: shape=square, ...                   |
| scale       | 6 from 0.5 to 1                                                                   |
| orientation | 40 angles from 0 to 2 pi, counterclockwise; the last looks as the first           |
| x           | 32 from 0 (left) to 1                                                             |
| y           | 32 from 0 (top) to 1                                                              |

A pixel is white where its centre lies within the shape, without antialiasing. The authors drew with
LOVE and published no outlines; those below were fitted to the images in their repository. All 320
frames of its animation are equal to the pixel: every scale and orientation of each shape, and
hearts at the 124 positions around the edge. So are 41 of the 43 random images of its notebook,
four of which took part in the fit; the other two have one wrong pixel. The archive itself has not
been compared here; `experiments/benchmarks/dsprites.py` does so. (Hearts fitted to nine tenths of
the frames have .6 wrong pixels an image in the others.)

2026-11-27, one core of an AMD EPYC beside other work: 12 us an image, by

    python -m timeit -p -s "from vae.modalities.images import dsprites; import numpy as np" \\
        -s "some = np.arange(0, dsprites.NUMBER, 737)" "dsprites.draw(some)"
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from vae.data.drawn import DrawnExamples
from vae.data.examples import Raw, Source
from vae.data.fields import one_hot
from vae.data.uniform import uniform
from vae.modalities.images.decoding import Fit, fit_images
from vae.probability.event import BINARY

SHAPES = ("square", "ellipse", "heart")
SIZES = (len(SHAPES), 6, 40, 32, 32)  # of shape, scale, orientation, x and y
NUMBER = 737_280
SIZE = 64  # pixels a side
VALID, TEST = 10_000, 20_000  # examples of these splits
NAMES = (*one_hot("shape", SHAPES, np.zeros(0))[0], "scale", "orientation", "x", "y")

SCALES = np.linspace(0.5, 1, SIZES[1])
CENTRES = 16 + 32 * np.linspace(0, 1, SIZES[3])  # in pixels, from the edge of the image

# The shapes at scale 1, in pixels.
HALF = 9.5995  # of a square's side
AXES, SIDES = (12.779, 7.221), 65  # of an ellipse, each quarter of which is part of a polygon
# The radii of a heart at every 2.5 degrees, from the notch above its centre down to its tip.
HEART = (
    *(5.1574, 5.8877, 6.6179, 7.3029, 7.8785, 8.4252, 8.8922, 9.3592, 9.6737, 9.9882, 10.2920),
    *(10.5081, 10.7243, 10.9404, 11.0279, 11.1154, 11.1770, 11.2260, 11.2357, 11.2455, 11.2226),
    *(11.1798, 11.0853, 10.9908, 10.8964, 10.7314, 10.5568, 10.4818, 10.1321, 9.9564, 9.7049),
    *(9.4474, 9.1828, 8.9183, 8.6537, 8.3892, 8.1390, 7.8889, 7.6427, 7.4481, 7.2535, 7.0589),
    *(6.8810, 6.7030, 6.5858, 6.4685, 6.3512, 6.2626, 6.1901, 6.1175, 6.0449, 5.9997, 5.9544),
    *(5.9293, 5.9043, 5.8793, 5.9088, 5.9383, 5.9714, 6.0046, 6.0866, 6.1686, 6.2673, 6.3659),
    *(6.5217, 6.6774, 6.8504, 7.1037, 7.3630, 7.6610, 7.9743, 8.7016, 9.6059),
)
REACH = 13.58  # from the centre to the corner of a square
WINDOW = 28  # pixels a side of the window that a shape may reach
STEP = 8400
ANGLES = (SIZES[2] - 1) * STEP  # in a turn


class _Tables(NamedTuple):
    """What all images are drawn from, 14 MB.

    Attributes:
      start: [32], the first row or column of the window around each position.
      angle: [32, 32, 28, 28] uint32, for each y and x, how each pixel of the window lies to the
        centre, in parts of a turn.
      radius: the same in pixels, float32.
      outline: [3, 2 ANGLES] float32, the radius of each shape by angle, over two turns.
    """

    start: np.ndarray
    angle: np.ndarray
    radius: np.ndarray
    outline: np.ndarray


@functools.cache
def _tables() -> _Tables:
    start = np.ceil(CENTRES - REACH - 0.5).astype(int)
    away = start[:, None] + np.arange(WINDOW) + 0.5 - CENTRES[:, None]
    down, right = away[:, None, :, None], away[None, :, None, :]
    turn = np.arctan2(down, right) / (2 * np.pi)
    angle = np.rint(turn * ANGLES).astype(int) % ANGLES
    outline = np.stack([_square(), _ellipse(), _heart()])
    return _Tables(
        start,
        angle.astype(np.uint32),
        np.hypot(down, right).astype(np.float32),
        np.tile(outline, 2).astype(np.float32),
    )


def _directions() -> np.ndarray:
    """Returns the angles [ANGLES] in radians, from the right downwards, as images have them."""
    return 2 * np.pi * np.arange(ANGLES) / ANGLES


def _square() -> np.ndarray:
    angle = _directions()
    return HALF / np.maximum(np.abs(np.cos(angle)), np.abs(np.sin(angle)))


def _ellipse() -> np.ndarray:
    angle, (a, b), side = _directions(), AXES, 2 * np.pi / SIDES
    x, y = np.abs(np.cos(angle)) / a, np.abs(np.sin(angle)) / b  # on a circle of radius 1
    circle = np.arctan2(y, x)
    apart = circle - side * (np.floor(circle / side) + 0.5)  # from the middle of a side
    return np.cos(side / 2) / np.cos(apart) / np.hypot(x, y)


def _heart() -> np.ndarray:
    angle = _directions()
    below = np.degrees(np.arcsin(np.sin(angle)))  # -90 above the centre, 90 below it, on each side
    return np.interp(below, np.linspace(-90, 90, len(HEART)), HEART)


def draw(indices: np.ndarray) -> np.ndarray:
    """Returns the images at `indices`, uint8 [N, 64, 64, 1] of 0 and 1."""
    images = np.zeros((len(indices), SIZE, SIZE, 1), np.uint8)
    start, angle, radius, outline = _tables()
    chosen = np.stack(np.unravel_index(indices, SIZES), 1).tolist()
    for image, (shape, scale, orientation, x, y) in zip(images[..., 0], chosen, strict=True):
        turned = outline[shape, orientation * STEP :]
        inside = radius[y, x] < np.float32(SCALES[scale]) * turned[angle[y, x]]
        image[start[y] : start[y] + WINDOW, start[x] : start[x] + WINDOW] = inside
    return images


def factors(indices: np.ndarray) -> np.ndarray:
    """Returns the factors of the images at `indices`, float32 [N, A], in the order of NAMES."""
    shape, scale, orientation, x, y = np.unravel_index(indices, SIZES)
    turn = np.linspace(0, 2 * np.pi, SIZES[2])
    place = np.linspace(0, 1, SIZES[3])
    rest = np.stack([SCALES[scale], turn[orientation], place[x], place[y]], 1)
    return np.concatenate([one_hot("shape", SHAPES, shape)[1], rest.astype(np.float32)], 1)


@dataclass(frozen=True)
class Sprites(DrawnExamples):
    """Images by index, drawn when read and then brought to `fit`."""

    fit: Fit

    @property
    def shape(self) -> tuple[int, int, int]:  # type: ignore[override]  # a field of others
        return self.fit.shape((SIZE, SIZE, 1))

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def draw(self, indices: np.ndarray) -> Raw:
        return Raw(fit_images(draw(indices), self.fit), factors(indices))


@functools.cache
def _order() -> np.ndarray:
    return np.argsort(uniform(np.arange(NUMBER), 1)[:, 0], kind="stable")


def read(fit: Fit) -> Source:
    """Returns all images in an order that is always the same, but random, with all factors.

    The last 30,000 are the splits valid and test; all others are train. Published figures are of
    models that were trained on all of them.
    """
    train, valid, test = np.split(_order(), [NUMBER - VALID - TEST, NUMBER - TEST])
    parts = {"train": train, "valid": valid, "test": test}
    splits = {name: Sprites(indices, fit) for name, indices in parts.items()}
    return Source(splits, BINARY, 0, "dSprites", NAMES)
