"""What batches of like lengths, cut to a few lengths, save in training on sentences.

    python experiments/benchmarks/lengths.py

42,068 sentences of random words, as many and as long as those of the Penn Treebank (22 words on
average, 83 at most), in batches of 32: padded to the longest of all; in random batches, each cut to
its longest; and as they are, in batches of like lengths. An epoch is counted; then steps of a VAE
with LSTMs of 256 and 10,000 words are timed with the reading of their batches. Times are processor
time, which other work disturbs less than the clock; steps that compile are counted apart.
"""

from __future__ import annotations

import argparse
import time
from unittest import mock

import jax
import numpy as np

from vae import models
from vae.config import base
from vae.data import order
from vae.data.batches import Batches, stack
from vae.data.examples import ArrayExamples, in_memory
from vae.models.data import Data
from vae.probability.event import Event, Values
from vae.training.state import initial_state
from vae.training.step import make_step

WORDS, WIDTH, LATENT, BATCH, LONGEST = 10_000, 256, 32, 32, 83
EPOCH = 1_314  # steps


def sentences() -> ArrayExamples:
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.gamma(4.5, 22.1 / 4.5, 42_068).round().astype(int), 2, LONGEST)
    lengths[0] = LONGEST
    words = rng.integers(0, WORDS, (len(lengths), LONGEST), np.int16)
    words[np.arange(LONGEST) >= lengths[:, None]] = -1
    return in_memory(words[..., None]).measured()


def counted(examples: ArrayExamples, batches: Batches) -> tuple[float, float, int, float]:
    """Returns positions a step, these over the words, how many lengths, and us to read a batch."""
    start, positions, words, lengths = time.process_time(), 0, 0, set()
    for step in range(EPOCH):
        batch = batches.batch(step)
        length = batch.raw.values.shape[1]
        positions += BATCH * length
        words += examples.lengths[batch.index].sum()
        lengths.add(length)
    each = (time.process_time() - start) / EPOCH
    return positions / EPOCH, positions / words, len(lengths), 1e6 * each


def timed(examples: ArrayExamples, batches: Batches, steps: int) -> tuple[float, float]:
    """Returns the seconds that compiling takes, and the milliseconds of a step."""
    config = base()
    config.data.batch_size = BATCH
    config.model.update(encoder="lstm", encoder_widths=(WIDTH,), latent_dim=LATENT)
    config.model.update(decoder="lstm", decoder_widths=(WIDTH,), likelihood="categorical")
    config.model.update(tied_embeddings=True)
    event = Event((LONGEST, 1), Values("tokens", levels=WORDS, missing=True, end=0))
    model = models.build(config.model, Data(event, None, 0, lambda num: np.zeros(0)))
    step = make_step(model, config, event.values, num_examples=len(examples), axis=None)
    step = jax.jit(step, donate_argnums=0)
    state = jax.jit(lambda: initial_state(model, config))()
    seconds: dict[int, list[float]] = {}
    for number in range(steps):
        start = time.process_time()
        batch = stack([batches.batch(number)])
        state, report = step(state, batch, None)
        jax.block_until_ready(report)
        found = seconds.setdefault(batch.raw.values.shape[2], [])
        found.append(time.process_time() - start)
    # The first step of each length compiles; what else it takes is what the others take.
    compiling = sum(found[0] - np.mean(found[1:]) for found in seconds.values() if found[1:])
    return compiling, 1e3 * np.mean([s for found in seconds.values() for s in found[1:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=150, help="timed; 0 times none")
    args = parser.parse_args()
    examples = sentences()
    ways = {
        "padded to the longest of all": {"window": 1, "cut": False},
        "random batches, each cut": {"window": 1, "cut": True},
        "batches of like lengths, cut": {"window": order.WINDOW, "cut": True},
    }
    print(
        "| | positions a step | over the words | lengths | reading, us | compiling, s | ms a step |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, way in ways.items():
        with (
            mock.patch.object(order, "WINDOW", way["window"]),
            Batches(examples, batch_size=BATCH, seed=0, cut=way["cut"]) as batches,
        ):
            positions, over, lengths, reading = counted(examples, batches)
            cells = [name, f"{positions:,.0f}", f"{over:.2f}", str(lengths), f"{reading:.0f}"]
            compiling, each = "", ""
            if args.steps:
                took = timed(examples, batches, args.steps)
                compiling, each = f"{took[0]:.1f}", f"{took[1]:.0f}"
            print(f"| {' | '.join([*cells, compiling, each])} |", flush=True)


if __name__ == "__main__":
    main()
