"""EfficientNet-Lite0: its outputs beside the reference's, and the time of features on one core.

The outputs are those of three random images of 64x64, 96x96 and 224x224, beside those of
`efficientnet-lite-pytorch` in PyTorch with the same file of weights. The times are those of the
perceptual loss's two halves for 32 images of 64x64, by the number of blocks: the features of one
batch, and the features of two with the gradient of their distance to one; beside them the same with
XLA's own depthwise convolutions. They are processor seconds of the fastest of some calls.

    peers/bin/pip install --no-deps efficientnet-lite-pytorch==0.1.0
    taskset -c 0 python experiments/benchmarks/pretrained.py --peer=peers/bin/python
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIZES = (64, 96, 224)
BATCH = 32
DEPTHS = (11, 16)  # those of the perceptual loss, and all


def images(size: int, number: int = 1) -> np.ndarray:
    return np.random.default_rng(size).random((number, size, size, 3)).astype(np.float32)


def reference(weights: str, out: str) -> None:
    """Writes the reference's outputs, by PyTorch."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
    found = {}
    with torch.no_grad():
        for size in SIZES:
            x = torch.tensor((255 * images(size) - 127) / 128).permute(0, 3, 1, 2)
            found[str(size)] = network.extract_features(x).mean((2, 3)).numpy()
    np.savez(out, **found)


def compare(peer: str) -> list[tuple]:
    """Returns the largest differences of the pooled features from the reference's, by size."""
    import jax

    from vae.networks import efficientnet, lite0_weights

    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "reference.npz")
        file = str(lite0_weights.file())
        subprocess.run([peer, __file__, "--reference", file, out], check=True)
        with np.load(out) as expected:
            return [
                (
                    f"{size}x{size}",
                    float(
                        abs(jax.jit(efficientnet.pooled)(images(size)) - expected[str(size)]).max()
                    ),
                    float(expected[str(size)].max()),
                )
                for size in SIZES
            ]


def seconds(function: Callable, *inputs: np.ndarray, calls: int) -> tuple[float, float]:
    """Returns the processor seconds of compiling and of the fastest call."""
    import jax

    begin = time.process_time()
    compiled = jax.jit(function).lower(*inputs).compile()
    compilation, times = time.process_time() - begin, []
    for _ in range(calls):
        begin = time.process_time()
        jax.block_until_ready(compiled(*inputs))
        times.append(time.process_time() - begin)
    return compilation, min(times)


def rows(calls: int) -> list[tuple]:
    import jax

    from vae.networks import efficientnet, strided

    x, other = images(64, BATCH), images(65, BATCH)[:, :64, :64]

    def distance(x: jax.Array, other: jax.Array, depth: int) -> jax.Array:
        pairs = zip(*(efficientnet.features(each, depth) for each in (x, other)), strict=True)
        return sum(((a - b) ** 2).mean() for a, b in pairs)

    found = []
    for depth in DEPTHS:
        cells: list = []
        for form in (contextlib.nullcontext, strided.plain):
            with form():
                features = functools.partial(efficientnet.features, depth=depth)
                _, forward = seconds(features, x, calls=calls)
                gradient = jax.value_and_grad(functools.partial(distance, depth=depth))
                compilation, both = seconds(gradient, x, other, calls=calls)
            cells += [1e3 * forward, 1e3 * both, compilation]
        found.append((depth, *cells))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", help="a Python with PyTorch and the reference")
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--reference", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reference:
        reference(*given.reference)
    else:
        import measure

        sys.path.insert(0, str(measure.ROOT))
        if given.peer:
            measure.print_table(
                ("image", "largest difference", "largest value"), compare(given.peer)
            )
        kinds = [f"{what}, ms" for what in ("features", "two and gradient")] + ["compilation, s"]
        header = ("blocks", *kinds, *(f"XLA's own: {kind}" for kind in kinds))
        measure.print_table(header, rows(given.calls))
