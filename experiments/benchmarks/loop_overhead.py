"""What the loop of a launched run adds to its compiled step, as a ratio.

The loop as `vae.train` runs it, with its batches, log lines and progress, stops at each log line
for as many steps of the compiled step alone, on batches made beforehand. So the two take short
turns in one process, and what else the machine does slows both: the figure is the median over all
turns of the loop's time over the step's; and of its processor time, which other work disturbs less.
Evaluation, pictures and checkpoints are left out.

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
import numpy as np
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


def now() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


class Turns:
    """The log of a run; after each of its lines the compiled step alone has its turn."""

    def __init__(self, log: Any, program: loop.Program, calls: int) -> None:
        self._log, self._program, self._calls = log, program, calls
        self._state = program.initialise()
        self._batches = [program.batch(step) for step in range(AHEAD)]
        self._begin = np.zeros(2)
        self.loop: list[np.ndarray] = []  # seconds, and of processor time, of each turn
        self.step: list[np.ndarray] = []

    def scalars(self, step: int, values: dict[str, float]) -> None:
        self._log.scalars(step, values)
        middle = now()
        for call in range(self._calls):
            self._state, _ = self._program.step(self._state, self._batches[call % AHEAD])
        jax.block_until_ready(self._state)
        if self._begin.any():  # the first turn of the loop compiled
            self.loop.append(middle - self._begin)
            self.step.append(now() - middle)
        self._begin = now()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


def turns(args: argparse.Namespace, steps_per_call: int) -> tuple[np.ndarray, np.ndarray]:
    """Seconds, and of processor time, of the loop and of the step, [turns, 2] each."""
    run, logs = loop.run, []

    def in_turns(program: Any, config: Any, checkpoints: Any, log: Any) -> loop.Outcome:
        logs.append(Turns(log, program, args.log_every // steps_per_call))
        return run(program, config, checkpoints, logs[0])

    product.train(experiment(args, steps_per_call), in_turns)
    return np.array(logs[0].loop), np.array(logs[0].step)


def main(args: argparse.Namespace) -> None:
    rows = []
    for steps_per_call in args.steps_per_call:
        in_loop, alone = turns(args, steps_per_call)
        milliseconds = [np.median(x[:, 0]) * 1000 / args.log_every for x in (in_loop, alone)]
        lower, middle, upper = np.quantile(in_loop / alone, (0.25, 0.5, 0.75), axis=0)
        quarters = f"{lower[0]:.3f} to {upper[0]:.3f}"
        rows.append((steps_per_call, len(alone), *milliseconds, middle[0], quarters, middle[1]))
    names = ("steps a call", "turns", "loop, ms a step", "step alone, ms")
    measure.print_table((*names, "ratio, median", "quartiles", "of processor time"), rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="directory with MNIST's idx files; the digits if absent")
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--log_every", type=int, default=100, help="steps of a turn")
    parser.add_argument("--steps_per_call", type=int, nargs="+", default=[1, 50])
    main(parser.parse_args())
