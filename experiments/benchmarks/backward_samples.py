"""What a gradient of IWAE costs, and how it varies, by how many of the K samples it is drawn from.

The training step of a trained run of `experiments/iwae.py`, with K = 50 and `backward_samples` of
them drawn by weight for the backward pass, on batches of its own training set; 0 are all of them.
The variance is the sum over a network's weights of that over batches, which are the same in every
row, over that of all samples. Steps of all rows take turns; the figure is the fastest.

    python experiments/benchmarks/backward_samples.py --workdir=RUN
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from typing import Any

import jax
import measure
import numpy as np

sys.path.insert(0, str(measure.ROOT))

import vae
from vae import modalities
from vae.data.batches import HostBatch
from vae.training.state import initial_state
from vae.training.step import make_step

PARTS = ("encoder", "decoder")


def flat(tree: Any) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def main(workdir: str, num_samples: int, batches: int) -> None:
    run = vae.load(workdir)
    config = copy.deepcopy(run.config)
    dataset = modalities.load(config.data)
    config.objective.name = "iwae"
    config.objective.num_samples = num_samples
    # The first moment of Adam after a step from the start is 1 - b1 of the gradient.
    config.optimizer.name, config.optimizer.clip_norm = "adam", 0.0
    start = initial_state(run.model, config).replace(params=run.params)
    size = config.data.batch_size

    rows = (0, 1, 2, 5, 10)
    steps, times = {}, {row: [] for row in rows}
    gradients = {row: {part: [] for part in PARTS} for row in rows}
    for row in rows:
        config = copy.deepcopy(config)
        config.objective.backward_samples = row
        settings = {"num_examples": len(dataset.train), "axis": None}
        steps[row] = jax.jit(make_step(run.model, config, dataset.event.values, **settings))
    for turn in range(batches):
        index = np.random.default_rng(turn).integers(len(dataset.train), size=size)
        batch = HostBatch(index.astype(np.int32), dataset.train.read(index)[0])
        batch = jax.tree.map(lambda x: x[None], batch)
        state = start.replace(key=jax.random.key(turn))
        for row in rows:
            begin = time.perf_counter()
            after = jax.block_until_ready(steps[row](state, batch, None))[0]
            times[row].append(time.perf_counter() - begin)
            for part in PARTS:
                moment = flat(after.opt_state[0].mu[part]) / (1 - config.optimizer.b1)
                gradients[row][part].append(moment)

    def variance(row: int, part: str) -> float:
        return float(np.var(gradients[row][part], axis=0, ddof=1).sum())

    lines = []
    for row in rows:
        relative = (variance(row, part) / variance(0, part) for part in PARTS)
        milliseconds = 1e3 * min(times[row][1:])
        lines.append((row or num_samples, milliseconds, *relative))
    measure.print_table(
        ("backward samples", "ms a step", *(f"variance, {part}" for part in PARTS)), lines
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", required=True, help="a trained run of experiments/iwae.py")
    parser.add_argument("--num_samples", type=int, default=50, help="K")
    parser.add_argument("--batches", type=int, default=24)
    args = parser.parse_args()
    main(args.workdir, args.num_samples, args.batches)
