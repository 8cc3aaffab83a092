"""The drawn dSprites against the published archive, or against the published animation.

    python experiments/benchmarks/dsprites.py dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz
    python experiments/benchmarks/dsprites.py dsprites.gif

Both files are in github.com/deepmind/dsprites-dataset. Every image is drawn by its index and
compared pixel by pixel. The archive is read in pieces, for its images take 3 GB.
"""

from __future__ import annotations

import argparse
import itertools
import zipfile
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageSequence

from vae.modalities.images import dsprites
from vae.modalities.images.dsprites import SHAPES, SIZES

PIECE = 4096  # images


def archived(path: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields indices [n] and images [n, 64, 64] of the archive."""
    with zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as member:
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        (number, *shape), _, _ = read(member)
        for start in range(0, number, PIECE):
            count = min(PIECE, number - start)
            content = member.read(count * int(np.prod(shape)))
            yield start + np.arange(count), np.frombuffer(content, np.uint8).reshape(count, *shape)


def animated(path: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields the indices and images of the animation's 320 frames.

    For hearts, ellipses and squares: scales up, down and up, orientations, and scales down; hearts
    go once around in between.
    """
    with Image.open(path) as opened:
        frames = [np.array(frame.convert("L")) > 127 for frame in ImageSequence.Iterator(opened)]
    up, along = range(6), range(32)
    factors: list[tuple[int, ...]] = []
    for shape in (2, 1, 0):
        factors += [(shape, scale, 0, 0, 0) for scale in (*up, *up[::-1], *up)]
        factors += [(shape, 5, turn, 0, 0) for turn in range(40)]
        if shape == 2:
            sides = (*((0, y) for y in along), *((x, 31) for x in along))
            opposite = (*((31, y) for y in along[::-1]), *((x, 0) for x in along[::-1]))
            factors += [(2, 5, 0, *place) for place in (*sides, *opposite)]
        factors += [(shape, scale, 0, 0, 0) for scale in up[::-1]]
    yield np.ravel_multi_index(np.transpose(factors), SIZES), np.array(frames, np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file")
    file = parser.parse_args().file
    wrong: list[list[int]] = [[] for _ in SHAPES]
    for indices, images in (archived if file.endswith(".npz") else animated)(file):
        differ = (dsprites.draw(indices)[..., 0] != images).sum((1, 2))
        for shape, count in zip(np.unravel_index(indices, SIZES)[0], differ, strict=True):
            wrong[shape].append(int(count))
    print(f"{'':8} {'images':>8} {'equal':>8} {'wrong pixels an image':>22} {'at most':>8}")
    every = list(itertools.chain.from_iterable(wrong))
    for name, counts in (*zip(SHAPES, wrong, strict=True), ("all", every)):
        if counts:
            equal = sum(count == 0 for count in counts)
            print(f"{name:8} {len(counts):8} {equal:8} {np.mean(counts):22.4f} {max(counts):8}")


if __name__ == "__main__":
    main()
