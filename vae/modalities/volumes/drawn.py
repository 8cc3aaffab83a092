"""Solids that are drawn when read: any number of them, with all factors known, and no download.

| factor         | what it is                                                                      |
|----------------|---------------------------------------------------------------------------------|
| kind=box, ...  | 1 for a box, a ball, a cylinder, a cone, a torus, a table or a chair            |
| Width, Depth   | voxels from side to side before it is turned, from 9 to 18                      |
| Height         | voxels from bottom to top, from 9 to 24                                         |
| Turn           | degrees about the upright axis, from -45 to 45                                  |
| X, Y, Z        | voxels of its centre from the middle of the grid, from -3 to 3                  |

A voxel of the grid of 32x32x32 is 1 where its centre lies in the solid. Solids lie within the grid.

2026-11-27, one core of an AMD EPYC beside other work: 0.04 ms a solid, by

    python -m timeit -p -s "from vae.modalities.volumes import drawn; import numpy as np" \\
        -s "factors = drawn.factors(np.arange(1000))" "drawn.draw(factors)"
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vae.data.drawn import DrawnExamples
from vae.data.examples import Raw, Source
from vae.data.fields import one_hot
from vae.data.uniform import uniform
from vae.modalities.volumes.voxels import Size, resized
from vae.probability.event import BINARY

SIDE = 32  # voxels
SPLITS = {"train": range(80_000), "valid": range(80_000, 90_000), "test": range(90_000, 100_000)}
RANGES = {
    **{"Width": (9, 18), "Depth": (9, 18), "Height": (9, 24), "Turn": (-45, 45)},
    **{axis: (-3, 3) for axis in "XYZ"},
}
HOLE, TUBE = 0.6, 0.4  # radii of a torus, in parts of half its width


def _torus(across: np.ndarray, along: np.ndarray, up: np.ndarray) -> np.ndarray:
    return ((np.hypot(across, along) - HOLE) / TUBE) ** 2 + up**2 <= 1


def _table(across: np.ndarray, along: np.ndarray, up: np.ndarray) -> np.ndarray:
    return _in_box(across, along, up) & ((up > 0.7) | _legs(across, along))


def _chair(across: np.ndarray, along: np.ndarray, up: np.ndarray) -> np.ndarray:
    seat, back = np.abs(up + 0.15) < 0.15, (up > 0) & (along > 0.6)
    return _in_box(across, along, up) & (seat | back | ((up < 0) & _legs(across, along)))


def _legs(across: np.ndarray, along: np.ndarray) -> np.ndarray:
    return (np.abs(across) > 0.6) & (np.abs(along) > 0.6)


def _in_box(across: np.ndarray, along: np.ndarray, up: np.ndarray) -> np.ndarray:
    return (np.maximum(np.abs(across), np.abs(along)) <= 1) & (np.abs(up) <= 1)


# Whether a place is in a solid, which reaches from -1 to 1 across, along and up.
KINDS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "box": _in_box,
    "ball": lambda across, along, up: across**2 + along**2 + up**2 <= 1,
    "cylinder": lambda across, along, up: (across**2 + along**2 <= 1) & (np.abs(up) <= 1),
    "cone": lambda across, along, up: (2 * np.hypot(across, along) + up <= 1) & (np.abs(up) <= 1),
    "torus": _torus,
    "table": _table,
    "chair": _chair,
}
NAMES = (*one_hot("kind", tuple(KINDS), np.zeros(0))[0], *RANGES)


def factors(indices: np.ndarray) -> np.ndarray:
    """Returns the factors of the solids at `indices`, float32 [N, A], in the order of NAMES."""
    drawn = uniform(indices, 1 + len(RANGES))
    kind = one_hot("kind", tuple(KINDS), (drawn[:, 0] * len(KINDS)).astype(int))[1]
    low, high = np.array(list(RANGES.values()), np.float32).T
    return np.concatenate([kind, low + drawn[:, 1:] * (high - low)], 1)


def draw(factors: np.ndarray) -> np.ndarray:
    """Returns the solids with the factors [N, A], uint8 [N, 32, 32, 32, 1] of 0 and 1."""
    solids = np.empty((len(factors), SIDE, SIDE, SIDE, 1), np.uint8)
    away = np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)
    kinds = list(KINDS.values())
    for solid, each in zip(solids[..., 0], factors, strict=True):
        width, depth, height, turn, *centre = each[len(kinds) :]
        x, y, z = (away - middle for middle in centre)
        x, y = x[:, None, None], y[:, None]
        cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        across, along = (cos * x + sin * y) * (2 / width), (cos * y - sin * x) * (2 / depth)
        inside = kinds[int(each[: len(kinds)].argmax())]
        solid[:] = inside(across, along, z * (2 / height))
    return solids


@dataclass(frozen=True)
class Solids(DrawnExamples):
    """Solids by index, drawn when read and then resized."""

    size: Size

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
        return (*(side or SIDE for side in self.size), 1)

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def draw(self, indices: np.ndarray) -> Raw:
        labels = factors(indices)
        return Raw(resized(draw(labels), self.size), labels)


def read(size: Size) -> Source:
    """Returns 80,000 solids for training and 10,000 each for valid and test, with all factors."""
    splits = {name: Solids(np.array(span), size) for name, span in SPLITS.items()}
    return Source(splits, BINARY, 0, "drawn solids", NAMES)
