"""Whether a set larger than memory is read as fast as it is trained on, and how soon a run resumes.

A million images of 32x32x3, discs of ten colours on shaded grounds, are written as shards of 10,000
(ten shards are drawn, and the others copies of these); then each in a fresh process:

- opened  seconds until the data are ready for the first time, with the index where there is one
- resumed seconds until the batch of a random step is there, in a new process, after the system has
          been asked to drop the files from its cache
- read    examples a second in batches of 256, read ahead by `--threads` threads; per second of
          wall-clock time and per second of processor time (what other work beside does not change)
- memory  the most memory that reading took above that before the data were opened
- step    examples a second of the training step of the default networks (a dense layer of 512),
          on some of the images in memory

    python experiments/benchmarks/shards.py --format=parquet --directory=DIR

Files are deleted at the end: 3.2 GB as arrays, 0.6 GB as PNG.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZE, SHARD, DRAWN, BATCH = 32, 10_000, 100_000, 256
SUFFIXES = {"parquet": "parquet", "array_record": "array_record", "web_dataset": "tar"}


def drawn(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images [n, 32, 32, 3] uint8 and the classes [n] from a number on."""
    random = np.random.default_rng(first)
    label = random.integers(0, 10, count)
    colours = np.random.default_rng(0).integers(60, 256, (10, 3), np.uint8)[label]
    centre = random.integers(8, 24, (count, 2, 1), np.int16)
    away = (np.arange(SIZE, dtype=np.int16) - centre) ** 2
    disc = away[:, 0, :, None] + away[:, 1, None, :] < random.integers(16, 100, (count, 1, 1))
    shade = (
        random.integers(0, 3, (count, 1, 1), np.uint8) * np.arange(SIZE, dtype=np.uint8)[:, None]
    )
    images = np.where(disc[..., None], colours[:, None, None], shade[..., None])
    return images, label


def encoded(images: np.ndarray, kind: str) -> Iterator[bytes]:
    from PIL import Image

    for image in images:
        file = io.BytesIO()
        if kind == "npy":
            np.save(file, image)
        else:
            Image.fromarray(image).save(file, "PNG", compress_level=1)
        yield file.getvalue()


def write(file: Path, first: int, count: int, kind: str) -> None:
    images, label = drawn(first, count)
    contents, labels = encoded(images, kind), label.tolist()
    if file.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"image": list(contents), "label": labels})
        pq.write_table(table, file, row_group_size=1000, compression="none", use_dictionary=False)
    elif file.suffix == ".array_record":
        from array_record.python.array_record_module import ArrayRecordWriter

        from vae.data.shards.tf_example import encode

        writer = ArrayRecordWriter(str(file), "group_size:1,uncompressed")
        for content, own in zip(contents, labels, strict=True):
            writer.write(encode({"image": content, "label": own}))
        writer.close()
    else:
        with tarfile.open(file, "w") as tar:
            for i, (content, own) in enumerate(zip(contents, labels, strict=True)):
                for name, data in ((kind, content), ("cls", b"%d" % own)):
                    info = tarfile.TarInfo(f"{first + i:09d}.{name}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))


def write_all(args: argparse.Namespace) -> dict[str, float]:
    args.directory.mkdir(parents=True)
    start = time.perf_counter()
    for first in range(0, args.examples, SHARD):
        file = args.directory / f"train-{first // SHARD:05d}.{SUFFIXES[args.format]}"
        if first >= DRAWN:
            again = first % DRAWN // SHARD
            shutil.copy(file.with_name(f"train-{again:05d}{file.suffix}"), file)
        else:
            write(file, first, min(SHARD, args.examples - first), args.images)
    size = sum(file.stat().st_size for file in args.directory.iterdir())
    return {"written, s": time.perf_counter() - start, "GB": size / 1e9}


def configuration(args: argparse.Namespace):
    from vae.config import base

    config = base()
    config.data.name, config.data.path = "", str(args.directory)
    config.data.device_bytes, config.data.threads = 1, args.threads
    config.data.train, config.data.valid, config.data.test = (
        *("train[:98%]", "train[98%:99%]", "train[99%:]"),
    )
    config.data.batch_size = BATCH
    return config


def opened(args: argparse.Namespace) -> dict[str, float]:
    from vae import modalities

    return {"opened, s": timed(lambda: modalities.load(configuration(args).data))[0]}


def resumed(args: argparse.Namespace) -> dict[str, float]:
    from vae import modalities
    from vae.data.batches import Batches

    for file in args.directory.iterdir():
        with open(file, "rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    step = int(np.random.default_rng().integers(0, 20 * args.examples // BATCH))

    def first_batch() -> None:
        dataset = modalities.load(configuration(args).data)
        with Batches(dataset.train, batch_size=BATCH, seed=0, threads=args.threads) as batches:
            batches.batch(step)

    whole, processor = timed(first_batch)
    return {"resumed, s": whole, "resumed, processor s": processor}


def read(args: argparse.Namespace) -> dict[str, float]:
    from vae import modalities
    from vae.data.batches import Batches

    before = memory()
    dataset = modalities.load(configuration(args).data)
    with Batches(dataset.train, batch_size=BATCH, seed=0, threads=args.threads) as batches:
        ahead = 50  # windows of blocks are filled

        def some(steps: range) -> None:
            for step in steps:
                batches.batch(step)

        some(range(ahead))
        whole, processor = timed(lambda: some(range(ahead, ahead + args.batches)))
    count = args.batches * BATCH
    return {
        **{"read/s": count / whole, "read/processor s": count / processor},
        "memory, MB": (memory() - before) / 2**20,
    }


def step(args: argparse.Namespace) -> dict[str, float]:
    import product

    from vae.training import loop

    config = configuration(args)
    config.data.device_bytes = 2**31
    config.data.train, config.data.valid, config.data.test = (
        *("train[:2000]", "train[2000:2050]", "train[2050:2100]"),
    )
    config.model.likelihood = "discretized_logistic"
    config.log.every_steps, config.training.steps = 1, args.steps
    for key in ("evaluation.every_steps", "checkpoint.every_steps", "log.images_every_steps"):
        config.update_from_flattened_dict({key: 0})
    config.log.tensorboard, config.evaluation.num_samples = False, 1
    seconds: list[float] = []
    loop_run = loop.run

    def run(program: loop.Program, config, checkpoints, log) -> loop.Outcome:
        clock = product.Clock(log)
        outcome = loop_run(program, config, product.NoCheckpoints(), clock)
        seconds.extend(b - a for a, b in itertools.pairwise(clock.times))
        return outcome

    product.train(config, run)
    return {"step/s": BATCH / statistics.median(seconds)}


def timed(function) -> tuple[float, float]:
    """Returns the seconds that a function takes, of the clock and of the processor."""
    start, used = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - start, time.process_time() - used


def memory() -> int:
    """Returns the most bytes of memory that this process has taken."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


WORKERS = {"write": write_all, "opened": opened, "resumed": resumed, "read": read, "step": step}


def main(args: argparse.Namespace) -> None:
    command = [sys.executable, __file__, *sys.argv[1:]]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    found: dict[str, list[float]] = {}
    try:
        for worker in (
            "write",
            "opened",
            *["resumed"] * 3,
            *["read"] * args.rounds,
            *["step"] * (args.steps > 0),
        ):
            done = subprocess.run(
                [*command, "--worker", worker],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            for name, value in json.loads(done.stdout.splitlines()[-1]).items():
                found.setdefault(name, []).append(value)
                print(f"{worker}: {name} {value:,.4g}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(args.directory, ignore_errors=True)
    print(f"| {args.format}, {args.images}, {args.examples:,} | median | all |\n|---|---|---|")
    for name, values in found.items():
        every = ", ".join(f"{value:,.4g}" for value in sorted(values))
        print(f"| {name} | {statistics.median(values):,.4g} | {every} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--format", choices=SUFFIXES, default="parquet")
    parser.add_argument("--images", choices=("npy", "png"), default="npy")
    parser.add_argument("--directory", type=Path, required=True, help="is made, and deleted")
    parser.add_argument("--examples", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=2, help="that read ahead")
    parser.add_argument("--batches", type=int, default=400, help="read in a round")
    parser.add_argument("--rounds", type=int, default=2, help="of reading")
    parser.add_argument("--steps", type=int, default=40, help="of training; 0 for none")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(WORKERS[arguments.worker](arguments)))
    else:
        main(arguments)
