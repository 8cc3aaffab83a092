"""Encodes and decodes examples that are larger than those that a run was trained on, in tiles.

Tiles overlap. Near an inner edge a tile's result is not what the whole example would give, for the
network sees padding there in place of the neighbours: as far as it reaches, the result of the other
tile counts alone. Over the rest of the overlap one tile fades linearly into the other. Where the
overlap is at least twice the reach, the result is that of the whole example. Where it is smaller,
the ramp is as wide as one place of z, and what remains of a seam is small: what a network sees at
the edge of its reach changes its result little.

At any time there are, beside the example and its latents, `POSITIONS` positions of tiles.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from vae import terminal
from vae.errors import InputError
from vae.models import resized
from vae.run import Run
from vae.tasks import latents
from vae.tasks.inputs import as_data

POSITIONS = 2**17  # of x, in the tiles of one call: eight tiles of 128 by 128 pixels


class Axis(NamedTuple):
    """The tiles along one axis.

    Attributes:
      starts: [T] the place of z at which each tile begins.
      tile: the places of every tile.
      weights: [T, tile * each] the share of each tile in the result at each of its positions.
    """

    starts: tuple[int, ...]
    tile: int
    weights: np.ndarray


def axis_of(length: int, tile: int, overlap: int, *, reach: int, each: int) -> Axis:
    """Returns tiles that lie evenly along an axis.

    Args:
      length: places along the axis.
      tile: places of a tile, at most.
      overlap: places that neighbours share, at least.
      reach: positions of the result, from an inner edge on, for which a tile does not suffice.
      each: positions of the result for each place.
    """
    tile = min(tile, length)
    number = 1 + -(-(length - tile) // (tile - overlap)) if length > tile else 1
    starts = np.rint(np.linspace(0, length - tile, number)).astype(int)
    cut = min(reach, max(0, (overlap - 1) * each // 2))
    ramp = max(1, overlap * each - 2 * cut)
    inside = np.arange(tile * each) + 0.5
    left = np.where(starts[:, None] > 0, inside, np.inf)
    right = np.where(starts[:, None] < length - tile, tile * each - inside, np.inf)
    weights = np.clip((np.minimum(left, right) - cut) / ramp, 0, 1)
    total = np.zeros(length * each)
    for start, weight in zip(starts * each, weights, strict=True):
        total[start : start + tile * each] += weight
    for start, weight in zip(starts * each, weights, strict=True):
        weight /= total[start : start + tile * each]
    return Axis(tuple(starts.tolist()), tile, weights.astype(np.float32))


def check(run: Run, tile: int) -> None:
    """Refuses tiles that a run cannot take, before anything is computed.

    Raises:
      InputError: examples of this kind of data, or of the run's networks, have one size, or the
        tile is no multiple of what a place of z stands for.
    """
    if not hasattr(run.modality, "read_whole"):
        raise InputError(
            f"--tile is for pictures of any size, but the data of {run.workdir} are "
            f"{run.modality.NAME}: leave it out."
        )
    for stride in strides_of(run):
        _check(tile, stride)


def _check(tile: int, stride: int) -> None:
    if tile < stride or tile % stride:
        raise InputError(
            f"--tile={tile} must be a multiple of the {stride} positions that each place of z "
            "stands for."
        )


def read(run: Run, files: Sequence[str | Path]) -> Iterator[np.ndarray]:
    """Yields the user's own pictures at their own size, [*places, C], as the model is given data.

    Raises:
      InputError: a file cannot be read.
    """
    for x in run.modality.read_whole(files, run.event, run.config.data):
        yield as_data(x[None], run)[0]


def encode(
    run: Run, x: np.ndarray, labels: Any = None, *, tile: int, overlap: int | None = None
) -> np.ndarray:
    """Returns the means of q(z | x), [N, *grid, E], of x [N, *places, C] of any places.

    Args:
      run: a run whose networks compute the same at every place, see `vae/models/resized.py`.
      x: the examples; where places of z do not fill an axis, its last position is repeated.
      labels: as `Run.encode` takes them.
      tile: positions of x along each axis of a tile.
      overlap: positions of x that neighbours share, at least; twice the reach of the network if
        None, or half a tile where that is less.

    Raises:
      InputError: the networks are for examples of one size, or the tile or the overlap is no
        multiple of what a place of z stands for.
    """
    strides, network = strides_of(run), run.model.encoder
    lengths = [-(-n // s) for n, s in zip(x.shape[1:-1], strides, strict=True)]
    missing = [(0, n * s - m) for n, s, m in zip(lengths, strides, x.shape[1:-1], strict=True)]
    x = np.pad(x, [(0, 0), *missing, (0, 0)], mode="edge")
    reaches = [-(-network.reach // s) for s in strides]
    axes = _axes(lengths, strides, tile, overlap, reaches, (1,) * len(strides))
    grid, part = [axis.tile for axis in axes], _at(run, axes, strides)

    def encoded(tiles: np.ndarray, labels: Any) -> np.ndarray:
        return latents.in_places(part.encode(tiles, labels).mean, grid)

    return _blended(x, labels, axes, encoded, read=strides, each=(1,) * len(strides))


def decode(
    run: Run, z: np.ndarray, labels: Any = None, *, tile: int, overlap: int | None = None
) -> np.ndarray:
    """Returns the means of p(x | z), [N, *places, C], for z [N, *grid, E] of any places.

    The arguments are those of `encode`, and so are the errors.
    """
    strides, network = strides_of(run), run.model.emission.decoder
    reaches = [network.reach] * len(strides)
    axes = _axes(z.shape[1:-1], strides, tile, overlap, reaches, strides)
    part = _at(run, axes, strides)

    def decoded(tiles: np.ndarray, labels: Any) -> np.ndarray:
        return part.decode(latents.as_vectors(tiles), labels)

    return _blended(z, labels, axes, decoded, read=(1,) * len(strides), each=strides)


def reconstruct(
    run: Run, x: np.ndarray, labels: Any = None, *, tile: int, overlap: int | None = None
) -> np.ndarray:
    """Returns x [N, *places, C] of any places, encoded and decoded in tiles; see `encode`."""
    z = encode(run, x, labels, tile=tile, overlap=overlap)
    made = decode(run, z, labels, tile=tile, overlap=overlap)
    return made[:, *(slice(n) for n in x.shape[1:-1])]


def strides_of(run: Run) -> tuple[int, ...]:
    """Returns how many positions of x, along each axis, one place of z stands for.

    Raises:
      InputError: the networks are for examples of one size.
    """
    if reason := resized.why_not(run.model):
        raise InputError(
            f"{run.workdir} cannot take examples of another size than its own: its model {reason}."
        )
    return resized.strides(run.model)


def _axes(
    lengths: Sequence[int],
    strides: Sequence[int],
    tile: int,
    overlap: int | None,
    reaches: Sequence[int],
    each: Sequence[int],
) -> list[Axis]:
    """Returns the tiles along each axis, from a tile and an overlap in positions of x."""
    axes = []
    for length, stride, reach, positions in zip(lengths, strides, reaches, each, strict=True):
        _check(tile, stride)
        places = tile // stride
        if overlap is None:
            shared = min(2 * -(-reach // positions) + 1, places // 2)
        elif overlap % stride or not 0 <= overlap < tile:
            raise InputError(
                f"overlap={overlap} must be a multiple of {stride} positions, and less than the "
                f"{tile} of a tile."
            )
        else:
            shared = overlap // stride
        axes.append(axis_of(length, places, shared, reach=reach, each=positions))
    return axes


def _at(run: Run, axes: Sequence[Axis], strides: Sequence[int]) -> Run:
    """Returns the run for examples of the size of a tile."""
    return run.resized(tuple(axis.tile * s for axis, s in zip(axes, strides, strict=True)))


def _blended(
    given: np.ndarray,
    labels: Any,
    axes: Sequence[Axis],
    function: Callable[[np.ndarray, Any], np.ndarray],
    *,
    read: Sequence[int],
    each: Sequence[int],
) -> np.ndarray:
    """Applies a function of tiles to examples, and returns the whole results.

    Args:
      given: [N, *(places * read), C].
      labels: of the examples, as a run takes them.
      axes: the tiles along each axis.
      function: takes tiles [B, *(tile * read), C] and their labels to [B, *(tile * each), E].
      read: positions of what is given for each place, along each axis.
      each: the same of the results.
    """

    def at(index: tuple[int, ...], per_place: Sequence[int]) -> tuple[slice, ...]:
        begins = [axis.starts[i] for axis, i in zip(axes, index, strict=True)]
        ends = [begin + axis.tile for begin, axis in zip(begins, axes, strict=True)]
        return tuple(slice(a * n, b * n) for a, b, n in zip(begins, ends, per_place, strict=True))

    every = list(itertools.product(*(range(len(axis.starts)) for axis in axes)))
    positions = math.prod(
        axis.tile * max(a, b) for axis, a, b in zip(axes, read, each, strict=True)
    )
    size = min(len(every), max(1, POSITIONS // positions))
    made: np.ndarray | None = None
    with terminal.Progress("tiles", len(given) * len(every), "tiles") as progress:
        for n, example in enumerate(given):
            for first in range(0, len(every), size):
                # The last call repeats a tile, so that all have one shape.
                rows = np.minimum(np.arange(first, first + size), len(every) - 1)
                tiles = np.stack([example[at(every[i], read)] for i in rows])
                told = None if labels is None else np.repeat(np.asarray(labels)[n : n + 1], size, 0)
                found = function(tiles, told)
                if made is None:
                    lengths = [axis.starts[-1] + axis.tile for axis in axes]
                    shape = [length * k for length, k in zip(lengths, each, strict=True)]
                    made = np.zeros((len(given), *shape, found.shape[-1]), np.float32)
                for index, tile in zip(every[first : first + size], found, strict=False):
                    shares = [axis.weights[i] for axis, i in zip(axes, index, strict=True)]
                    share = functools.reduce(np.multiply.outer, shares)
                    made[n][at(index, each)] += share[..., None] * tile
                progress.at(n * len(every) + min(first + size, len(every)))
    return cast(np.ndarray, made)
