"""Trials a minute of a population, against the same trials one after another on the same device.

A trial is a run of the MLP VAE (784-512-16, batch 100, Bernoulli, Adam) on MNIST, with what a
launched run does: log lines, two validations, a checkpoint, the test ELBO. Trials differ in
learning rate and seed. Those one after another are calls of `vae.train` in one process that share
what is compiled, the first of them left out; the population's time has everything, compilation too.

    python experiments/benchmarks/population.py --data=DIR --members=64     # MNIST's idx files
    python experiments/benchmarks/population.py --members=8                 # the digits, 64-512-16
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import jax
import measure
import ml_collections
import numpy as np
from jax.experimental.compilation_cache import compilation_cache

sys.path.insert(0, str(measure.ROOT))

import vae
from vae.config import base
from vae.population import population
from vae.population.population import Member


def trial(args: argparse.Namespace, index: int) -> ml_collections.ConfigDict:
    config = base()
    config.data.name = "digits"
    config.model.likelihood = "continuous_bernoulli"
    if args.data:
        config.data.path = args.data
        config.data.train, config.data.valid = "train[:50000]", "train[50000:]"
        config.data.test = "test"
        config.data.binarize = "dynamic"
        config.model.likelihood = "bernoulli"
    config.data.batch_size = 100
    config.optimizer.learning_rate = float(np.geomspace(3e-4, 3e-3, args.members)[index])
    config.seed = index
    config.training.steps = args.steps
    config.training.steps_per_call = args.steps_per_call
    config.evaluation.every_steps = args.steps // 2
    config.evaluation.num_samples = 1
    config.evaluation.batch_size = args.evaluation_batch
    config.evaluation.max_bytes = 256 * 1024**2
    config.checkpoint.every_steps = args.steps
    config.log.every_steps = args.steps // 10
    config.log.images_every_steps = 0
    config.log.tensorboard = False
    return config


def measure_population(args: argparse.Namespace) -> dict[str, float]:
    """Trains some trials one after another, and all of them in one program."""
    with tempfile.TemporaryDirectory() as folder:
        # Calls of `vae.train` share what is compiled through the cache, which otherwise stays where
        # it was first.
        compilation_cache.reset_cache()
        jax.config.update("jax_compilation_cache_dir", f"{folder}/cache")
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        alone, elbos = [], []
        for index in range(args.alone + 1):
            started = time.perf_counter()
            result = vae.train(trial(args, index), f"{folder}/alone/{index}")
            alone.append(time.perf_counter() - started)
            elbos.append(result["metrics"]["test/elbo"])
        members = [
            Member(trial(args, index), Path(folder) / "together" / str(index), {})
            for index in range(args.members)
        ]
        started = time.perf_counter()
        results = population.train(members)
        together = time.perf_counter() - started
    differences = [
        abs(result["metrics"]["test/elbo"] - elbo) / abs(elbo)
        for result, elbo in zip(results, elbos, strict=False)
    ]
    single = statistics.median(alone[1:])
    memory = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    return {
        "alone_s": single,
        "alone_compiling_s": alone[0],
        "together_s": together,
        "per_minute_alone": 60 / single,
        "per_minute_together": 60 * args.members / together,
        "ratio": args.members * single / together,
        "largest_difference": max(differences),
        "peak_mib": None if memory is None else memory / 2**20,
    }


def main(args: argparse.Namespace) -> None:
    figures = measure_population(args)
    titles = {
        "alone_s": "one trial, s",
        "alone_compiling_s": "one trial that compiles, s",
        "per_minute_alone": "trials a minute, one after another",
        "together_s": "the population, s",
        "per_minute_together": "trials a minute, together",
        "ratio": "ratio",
        "largest_difference": "largest relative difference of test/elbo",
        "peak_mib": "peak memory, MiB",
    }
    measure.print_table(
        ("", f"{args.members} members"),
        [("device", jax.devices()[0].device_kind)]
        + [(title, figures[name]) for name, title in titles.items()],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="directory with MNIST's idx files; the digits if absent")
    parser.add_argument("--members", type=int, default=64)
    parser.add_argument("--alone", type=int, default=3, help="trials one after another, and one")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--steps_per_call", type=int, default=50)
    parser.add_argument("--evaluation_batch", type=int, default=1000)
    main(parser.parse_args())
