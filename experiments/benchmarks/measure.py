"""What the benchmarks share: the data, workers in fresh processes, and the table they end in.

A script calls itself with `--worker NAME` for each framework, with that framework's interpreter.
All workers get the same number of cores and take turns over the rounds, so that a machine that
grows warm or busy slows every one of them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def parser(doc: str) -> argparse.ArgumentParser:
    """Returns a parser with the flags that every benchmark has."""
    result = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    result.add_argument("--data", required=True, help="directory with MNIST's idx files")
    result.add_argument("--rounds", type=int, default=3, help="processes of each worker")
    result.add_argument("--threads", type=int, default=2, help="cores that a worker may use")
    result.add_argument("--train_images", type=int, default=60_000, help="fewer for a short try")
    result.add_argument("--worker", help=argparse.SUPPRESS)
    result.add_argument("--round", type=int, default=0, help=argparse.SUPPRESS)
    result.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    return result


def run(
    args: argparse.Namespace,
    workers: dict[str, Callable[[argparse.Namespace], dict[str, Any]]],
    main: Callable[[argparse.Namespace], None],
) -> None:
    """Runs the script: as the worker that it was called as, else `main` with the data prepared."""
    if args.worker:
        print(json.dumps(workers[args.worker](args)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        args.scratch = Path(scratch)
        binarise(Path(args.data), arrays(args), args.train_images)
        main(args)


def arrays(args: argparse.Namespace) -> Path:
    """The file of `binarise`."""
    return args.scratch / "mnist.npz"


def train_images(args: argparse.Namespace) -> np.ndarray:
    """[N, 28, 28] float32, as the peers take them."""
    return np.load(arrays(args))["train_images"].astype(np.float32)


def binarise(source: Path, target: Path, train_images: int) -> None:
    """Writes MNIST, each pixel drawn once with its grey value as the probability of 1.

    The file has `train_images` and `test_images`, uint8 [N, 28, 28] of 0 and 1.
    """
    rng = np.random.default_rng(0)
    drawn = {}
    for name, stem, number in (("train", "train", train_images), ("test", "t10k", 10_000)):
        file = source / f"{stem}-images-idx3-ubyte"
        packed = file.with_name(file.name + ".gz")
        content = gzip.decompress(packed.read_bytes()) if packed.exists() else file.read_bytes()
        images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28)[:number]
        noise = rng.random(images.shape, np.float32)
        drawn[f"{name}_images"] = (noise * 255 < images).astype(np.uint8)
    np.savez(target, **drawn)


def work(args: argparse.Namespace, name: str, python: str, round_: int = 0) -> dict[str, Any]:
    """Runs one worker in a fresh process; returns what it printed."""
    cores = sorted(os.sched_getaffinity(0))[: args.threads]
    if len(cores) < args.threads:
        sys.exit(f"--threads={args.threads}, but there are only {len(cores)} cores.")
    environment = {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "OMP_NUM_THREADS": str(args.threads),
        "TQDM_MININTERVAL": "1",  # a progress bar into a file costs nothing
    }
    command = [python, *sys.argv, "--worker", name, "--round", str(round_)]
    command += ["--scratch", str(args.scratch)]
    print(f"{name} ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        command,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    if done.returncode:
        sys.exit(f"{done.stderr[-3000:]}\n{name} failed with exit code {done.returncode}.")
    printed = done.stdout.splitlines()[-1]
    print(f"  {printed}", file=sys.stderr, flush=True)
    return json.loads(printed)


def in_rotation(args: argparse.Namespace, pythons: dict[str, str]) -> dict[str, list[dict]]:
    """Runs every worker once a round, each round beginning with another; results by worker."""
    names = list(pythons)
    results: dict[str, list[dict]] = {name: [] for name in names}
    for round_ in range(args.rounds):
        first = round_ % len(names)
        for name in names[first:] + names[:first]:
            results[name].append(work(args, name, pythons[name], round_))
    return results


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Prints a Markdown table; floats with three significant digits, or whole from 100 on."""

    def text(value: Any) -> str:
        if not isinstance(value, float):
            return str(value)
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"

    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for row in rows:
        print(f"| {' | '.join(map(text, row))} |")
