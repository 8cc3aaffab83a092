"""The maps that a convolutional step is made of, each alone: milliseconds and GFLOP/s on a CPU.

The four layers of the encoder of `conv_step.py`, which are the decoder's backwards, three of an
encoder of solids, and two of residual networks: their `down`, `up`, `weight_gradient` and gradient
of the bias (`vae/networks/fast_cpu.py`), beside the same as XLA is given them elsewhere
(`maps.py`). Times are of the fastest of many calls, on the cores that the process may use.

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

LAYERS = (  # stride, taps along an axis, batch, axes of places, size, channels in, out
    *((2, 4, 64, 2, *layer) for layer in ((64, 3, 32), (32, 32, 64), (16, 64, 128), (8, 128, 256))),
    *((2, 4, 16, 3, *layer) for layer in ((32, 1, 16), (16, 16, 32), (8, 32, 64))),
    *((1, 3, 16, 2, *layer) for layer in ((64, 32, 32), (32, 128, 128))),
)


def milliseconds(function: Callable, *inputs: jax.Array, calls: int) -> float:
    """Returns the time of the fastest call."""
    function, times = devices.jit(function), []
    for _ in range(1 + calls):
        begin = time.perf_counter()
        jax.block_until_ready(function(*inputs))
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times[1:])


def bias_gradient(g: jax.Array) -> jax.Array:
    """As a step has it."""
    return jax.vjp(lambda bias: fast_cpu.biased(g, bias), jnp.zeros(g.shape[-1]))[1](g)[0]


def with_last(function: Callable, fixed: tuple) -> Callable:
    """The function of arrays alone, whose last arguments are fixed."""
    return lambda *arrays: function(*arrays, *fixed)


def main(calls: int) -> None:
    keep_freed_memory()
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    lines = []
    for stride, width, batch, rank, size, channels, features in LAYERS:
        places, taps = (size,) * rank, (width,) * rank
        x, kernel = normal(batch, *places, channels), normal(*taps, channels, features)
        g = normal(batch, *maps.strided_places(places, stride), features)
        operations = 2 * g.size * kernel.size / features
        rows = {"bias gradient": (bias_gradient, lambda g: g.sum(tuple(range(g.ndim - 1))), (g,))}
        for name, inputs, fixed in (
            ("down", (x, kernel), (stride,)),
            ("up", (g, kernel), (stride, places)),
            ("weight_gradient", (x, g), (stride, taps)),
        ):
            forms = (with_last(getattr(module, name), fixed) for module in (fast_cpu, maps))
            rows[name.replace("_", " ")] = (*forms, inputs)
        for name, (ours, plain, inputs) in rows.items():
            own, theirs = (milliseconds(form, *inputs, calls=calls) for form in (ours, plain))
            rate = "" if name == "bias gradient" else operations / own / 1e6
            layer = ("x".join(map(str, places)), f"{channels} to {features}")
            lines.append((*layer, name, own, rate, theirs))
    header = ("places", "channels", "map", "ms", "GFLOP/s", "as XLA is given it, ms")
    measure.print_table(header, lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--calls", type=int, default=20)
    main(parser.parse_args().calls)
