"""Whether reading CelebA keeps up with training on it.

Images a second of the input pipeline as a run has it where a set is too large for the device (JPEG
from the zip, the central 148x148 crop of 178x218, resized to 64x64, batches read ahead by
`data.threads` threads), beside those of the training step of `experiments/celeba_vae.py`, whose
images lie on the device here. Each in a fresh process, in turns.

    python experiments/benchmarks/celeba_input.py --celeba=DIR         # no peers needed

DIR is a directory as `vae/modalities/images/celeba.py` reads it; images at half their size decode
in less time than those of the published size. `--upscaled` first writes a copy of the first images
at that size.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

THREADS = (1, 2, 4)
ROOT = Path(__file__).resolve().parents[2]
SIZE = (178, 218)  # width, height, as published
UPSCALED = 2_000  # images in the copy: a zip of 20 MB


def reading(args: argparse.Namespace, threads: int) -> float:
    """Images a second of batches that nothing else is done with."""
    from vae import modalities
    from vae.data.batches import Batches
    from vae.training.memory import keep_freed_memory

    keep_freed_memory()  # as launch.py does
    config = configuration(args)
    config.data.device_bytes = 1
    config.data.threads = threads
    dataset = modalities.load(config.data)
    batch_size = config.data.batch_size
    with Batches(dataset.train, batch_size=batch_size, seed=0, threads=threads) as batches:
        ahead = 2 * (threads + 2)  # what is read ahead before the clock starts, and again
        for step in range(ahead):
            batches.batch(step)
        start = time.perf_counter()
        for step in range(ahead, ahead + args.batches):
            batches.batch(step)
        return args.batches * batch_size / (time.perf_counter() - start)


def training(args: argparse.Namespace) -> float:
    """Images a second of the compiled training step."""
    import product

    from vae.training import loop

    config = configuration(args)
    config.log.every_steps = 1
    config.training.steps = args.steps
    for key in ("evaluation.every_steps", "checkpoint.every_steps", "log.images_every_steps"):
        config.update_from_flattened_dict({key: 0})
    config.log.tensorboard = False
    config.evaluation.num_samples = 1
    config.data.train, config.data.valid, config.data.test = (
        f"{name}[:{count}]" for name, count in (("train", 1_000), ("valid", 32), ("test", 32))
    )
    seconds: list[float] = []

    def timed(program: loop.Program, config, checkpoints, log) -> loop.Outcome:
        clock = product.Clock(log)
        outcome = loop_run(program, config, product.NoCheckpoints(), clock)
        seconds.extend(b - a for a, b in itertools.pairwise(clock.times))
        return outcome

    loop_run = loop.run
    product.train(config, timed)
    return config.data.batch_size / statistics.median(seconds)


def configuration(args: argparse.Namespace):
    from experiments import celeba_vae

    config = celeba_vae.get_config()
    config.data.path = args.celeba
    return config


def upscale(source: Path, target: Path) -> None:
    """Writes a copy of CelebA's layout with the first images enlarged to the published size."""
    from PIL import Image

    with (
        zipfile.ZipFile(source / "img_align_celeba.zip") as old,
        zipfile.ZipFile(target / "img_align_celeba.zip", "w") as new,
    ):
        names = sorted(name for name in old.namelist() if name.endswith(".jpg"))[:UPSCALED]
        for name in names:
            file = io.BytesIO()
            with Image.open(old.open(name)) as image:
                image.resize(SIZE, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
            new.writestr(name, file.getvalue())
    rows = (source / "identity_CelebA.txt").read_text().splitlines()[:UPSCALED]
    (target / "identity_CelebA.txt").write_text("\n".join(rows))


def main(args: argparse.Namespace) -> None:
    workers = [*map(str, THREADS), "step"]
    results: dict[str, list[float]] = {worker: [] for worker in workers}
    with tempfile.TemporaryDirectory() as scratch:
        if args.upscaled:
            upscale(Path(args.celeba), Path(scratch))
            args.celeba = scratch
        command = [sys.executable, __file__, f"--celeba={args.celeba}", f"--steps={args.steps}"]
        command.append(f"--batches={args.batches}")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
        for _ in range(args.rounds):
            for worker in workers:
                done = subprocess.run(
                    [*command, "--worker", worker],
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                results[worker].append(json.loads(done.stdout.splitlines()[-1]))
                print(f"{worker}: {results[worker][-1]:.0f}", file=sys.stderr, flush=True)

    step = statistics.median(results.pop("step"))
    print("| | images/s, median | best | over the step |\n|---|---|---|---|")
    for threads, speeds in results.items():
        median = statistics.median(speeds)
        print(
            f"| reading, data.threads = {threads} | {median:,.0f} | {max(speeds):,.0f} "
            f"| {median / step:.1f} |"
        )
    print(f"| training step | {step:,.0f} | | 1 |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--celeba", required=True, help="directory with CelebA's files")
    parser.add_argument("--upscaled", action="store_true", help="on a copy at the published size")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=40, help="read in a round")
    parser.add_argument("--steps", type=int, default=12, help="of training in a round")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker == "step":
        print(json.dumps(training(arguments)))
    elif arguments.worker:
        print(json.dumps(reading(arguments, int(arguments.worker))))
    else:
        main(arguments)
