"""What the loop of a launched run adds to its compiled step, as a ratio.

The loop as `vae.train` runs it, with its batches, log lines and progress, stops at each log line
for as many steps of the compiled step alone, on batches made beforehand. So the two take short
turns in one process, and what else the machine does slows both: the figure is the median over all
turns of the loop's time over the step's. Evaluation, pictures and checkpoints are left out.

The network is that of `experiments/binarized_mnist.py`, 784-500-20; on the digits, 64-500-20.

    python experiments/benchmarks/loop_overhead.py --data=DIR     # MNIST's idx files
    python experiments/benchmarks/loop_overhead.py                # the digits
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import jax
import measure
import ml_collections
import product

sys.path.insert(0, str(measure.ROOT))

from experiments import binarized_mnist
from vae.training import loop

AHEAD = 16  # batches of the step alone, used in turn


def experiment(args: argparse.Namespace, steps_per_call: int) -> ml_collections.ConfigDict:
    config = binarized_mnist.get_config()
    config.data.binarize = "dynamic"
    if args.data:
        config.data.path = args.data
        config.data.train, config.data.valid = "train[:50000]", "train[50000:]"
    else:
        config.data.name = "digits"
        config.data.train, config.data.valid = "train[:80%]", "train[80%:90%]"
        config.data.test = "train[90%:]"
    config.training.steps_per_call = steps_per_call
    config.training.steps = args.turns * args.log_every
    config.log.every_steps = args.log_every
    config.log.images_every_steps = 0
    config.evaluation.every_steps = 0
    config.evaluation.num_samples = 1
    config.checkpoint.every_steps = 0
    return config


class Turns:
    """The log of a run; after each of its lines the compiled step alone has its turn."""

    def __init__(self, log: Any, program: loop.Program, calls: int) -> None:
        self._log, self._program, self._calls = log, program, calls
        self._state = program.initialise()
        self._batches = [program.batch(step) for step in range(AHEAD)]
        self._begin = 0.0
        self.pairs: list[tuple[float, float]] = []  # seconds of the loop, and of the step

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self._log.scalars(step, values)
        middle = time.perf_counter()
        for call in range(self._calls):
            self._state, _ = self._program.step(self._state, self._batches[call % AHEAD])
        jax.block_until_ready(self._state)
        end = time.perf_counter()
        if self._begin:  # the first turn of the loop compiled
            self.pairs.append((middle - self._begin, end - middle))
        self._begin = time.perf_counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


def turns(args: argparse.Namespace, steps_per_call: int) -> list[tuple[float, float]]:
    run, logs = loop.run, []

    def in_turns(program: Any, config: Any, checkpoints: Any, log: Any) -> loop.Outcome:
        logs.append(Turns(log, program, args.log_every // steps_per_call))
        return run(program, config, checkpoints, logs[0])

    product.train(experiment(args, steps_per_call), in_turns)
    return logs[0].pairs


def main(args: argparse.Namespace) -> None:
    rows = []
    for steps_per_call in args.steps_per_call:
        pairs = turns(args, steps_per_call)
        to_ms = 1000 / args.log_every
        in_loop, alone = (measure.median([p[i] * to_ms for p in pairs]) for i in (0, 1))
        ratios = sorted(loop / step for loop, step in pairs)
        middle = measure.median(ratios)
        quarter = len(ratios) // 4
        rows.append(
            (steps_per_call, len(pairs), in_loop, alone, middle, ratios[quarter], ratios[-quarter])
        )
    names = ("steps a call", "turns", "loop, ms a step", "step alone, ms")
    measure.print_table((*names, "ratio, median", "lower quarter", "upper quarter"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="directory with MNIST's idx files; the digits if absent")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--log_every", type=int, default=100, help="steps of a turn")
    parser.add_argument("--steps_per_call", type=int, nargs="+", default=[1, 50])
    main(parser.parse_args())
