"""The maps that a convolutional step is made of, each alone: milliseconds and GFLOP/s on a CPU.

The four layers of the encoder of `conv_step.py`, which are the decoder's backwards, and their
`down`, `up`, `weight_gradient` and gradient of the bias (`vae/networks/fast_cpu.py`), beside
the same as XLA is given them where there is no other path. The fastest of many calls, on the cores
that the process may use.

    taskset -c 0 python experiments/benchmarks/convolutions.py         # one core; no peers needed
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import measure
import numpy as np

sys.path.insert(0, str(measure.ROOT))

from vae.networks import fast_cpu, maps
from vae.training import devices
from vae.training.memory import keep_freed_memory

BATCH, STRIDE, KERNEL = 64, 2, (4, 4)
LAYERS = ((64, 3, 32), (32, 32, 64), (16, 64, 128), (8, 128, 256))  # size, channels in, out


def milliseconds(function: Callable, *inputs: jax.Array, calls: int) -> float:
    """Of the fastest call."""
    function, times = devices.jit(function), []
    for _ in range(1 + calls):
        begin = time.perf_counter()
        jax.block_until_ready(function(*inputs))
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times[1:])


def bias_gradient(g: jax.Array) -> jax.Array:
    """As a step has it."""
    return jax.vjp(lambda bias: fast_cpu.biased(g, bias), jnp.zeros(g.shape[-1]))[1](g)[0]


def main(calls: int) -> None:
    keep_freed_memory()
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    lines = []
    for size, channels, features in LAYERS:
        x, kernel = normal(BATCH, size, size, channels), normal(*KERNEL, channels, features)
        g = normal(BATCH, size // STRIDE, size // STRIDE, features)
        operations = 2 * g.size * kernel.size / features
        rows = {
            "down": (
                lambda x, k: fast_cpu.down(x, k, STRIDE),
                lambda x, k: maps.down(x, k, STRIDE),
                (x, kernel),
            ),
            "up": (
                lambda g, k, size=size: fast_cpu.up(g, k, STRIDE, (size, size)),
                lambda g, k, size=size: maps.up(g, k, STRIDE, (size, size)),
                (g, kernel),
            ),
            "weight gradient": (
                lambda x, g: maps.weight_gradient(x, g, STRIDE, KERNEL),
                None,
                (x, g),
            ),
            "bias gradient": (bias_gradient, lambda g: g.sum((0, 1, 2)), (g,)),
        }
        for name, (ours, plain, inputs) in rows.items():
            own = milliseconds(ours, *inputs, calls=calls)
            theirs = milliseconds(plain, *inputs, calls=calls) if plain else ""
            rate = "" if name == "bias gradient" else operations / own / 1e6
            layer = (f"{size}x{size}", f"{channels} to {features}")
            lines.append((*layer, name, own, rate, theirs))
    header = ("image", "channels", "map", "ms", "GFLOP/s", "as XLA is given it, ms")
    measure.print_table(header, lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=20)
    main(parser.parse_args().calls)
