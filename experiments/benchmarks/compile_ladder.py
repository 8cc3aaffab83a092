"""How long the step of a deep ladder takes to compile: 40 groups on 32x32x3 images.

Seconds of wall clock and of all cores together, of the calls that `vae.train` makes first. The
compiled call is taken off, as it is measured the second time.

    python experiments/benchmarks/compile_ladder.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measure
import numpy as np


def seconds(function: Callable[[], Any]) -> tuple[Any, np.ndarray]:
    """What the function gives, and [wall clock, all cores] until it is there."""
    import jax

    start = np.array([time.perf_counter(), time.process_time()])
    result = jax.block_until_ready(function())
    return result, np.array([time.perf_counter(), time.process_time()]) - start


def main(args: argparse.Namespace) -> None:
    sys.path.insert(0, str(measure.ROOT))
    import product

    from vae.config import base
    from vae.training import loop

    def run(program: Any, config: Any, checkpoints: Any, log: Any) -> loop.Outcome:
        state, initial = seconds(program.initialise)
        (state, _), first = seconds(lambda: program.step(state, program.batch(0)))
        (state, _), second = seconds(lambda: program.step(state, program.batch(1)))
        rows = [("initial state", *initial), ("training step", *(first - second))]
        measure.print_table(("compiled", "wall, s", "cores, s"), rows)
        return loop.Outcome("preempted", 2, state, {})

    config = base()
    config.data.train, config.data.valid, config.data.test = "train", "test[:10]", "test[10:]"
    config.data.batch_size = 8
    config.model.name = "ladder"
    config.model.groups = tuple(args.groups)
    config.model.encoder_widths = config.model.decoder_widths = (args.width,) * len(args.groups)
    config.model.likelihood = "discretized_logistic"
    config.log.tensorboard = False
    with tempfile.TemporaryDirectory() as folder:
        images = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
        config.data.path = str(Path(folder) / "images.npz")
        np.savez(config.data.path, train_images=images[:40], test_images=images[40:])
        product.train(config, run)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--groups", type=int, nargs="+", default=[4, 8, 12, 16])
    parser.add_argument("--width", type=int, default=32)
    main(parser.parse_args())
