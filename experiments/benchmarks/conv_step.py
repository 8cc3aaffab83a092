"""One training step of a convolutional VAE: this framework against PyTorch, on a CPU.

    python experiments/benchmarks/conv_step.py --torch_python=/path/to/python

`--torch_python` is an interpreter that has torch; this script runs itself there as the peer. Both
train the same network: 64x64x3 images, batch 64, 4x4 stride-2 convolutions of widths 32-64-128-256
with ReLU, a dense layer to mean and log-variance of 128 latents, the mirror image as decoder,
Bernoulli likelihood, Adam. PyTorch runs in both memory formats, with its fused Adam; the faster one
counts. The rounds alternate between the two sides, so that a busy machine slows both. The figures
are the median and the fastest step of each side, and the ratio of each round's medians.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

BATCH, SIZE, LATENT = 64, 64, 128
WIDTHS = (32, 64, 128, 256)


def measure(step, warm: int, steps: int) -> dict:
    """Times `step()`, which returns when its work is done; the first call compiles."""
    begin = time.perf_counter()
    step()
    first = time.perf_counter() - begin
    for _ in range(warm):
        step()
    times = []
    for _ in range(steps):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return {"first": first, "times": times}


def ours():
    """The training step that `vae.train` runs, with its data on the device."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
    import functools

    import jax
    import numpy as np
    from jax.sharding import PartitionSpec

    from vae import models
    from vae.config import base
    from vae.data.batches import HostBatch
    from vae.data.examples import Raw
    from vae.models.data import Data
    from vae.probability.event import BYTES, Event
    from vae.training import devices
    from vae.training.memory import keep_freed_memory
    from vae.training.state import initial_state
    from vae.training.step import make_step

    keep_freed_memory()
    config = base()
    config.data.batch_size = BATCH
    config.model.encoder = config.model.decoder = "conv"
    config.model.encoder_widths, config.model.decoder_widths = WIDTHS, WIDTHS[::-1]
    config.model.latent_dim = LATENT
    mean = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    data = Data(Event(mean.shape, BYTES), mean, num_classes=0, examples=np.zeros)
    model = models.build(config.model, data)
    mesh = devices.make_mesh()
    mapped = devices.map_shards(
        make_step(model, config, BYTES, num_examples=BATCH, axis=devices.AXIS),
        mesh,
        in_specs=(PartitionSpec(), PartitionSpec(None, devices.AXIS), PartitionSpec()),
        out_specs=(PartitionSpec(), PartitionSpec()),
        donate=(0,),
    )
    images = np.random.default_rng(0).integers(0, 256, (BATCH, SIZE, SIZE, 3), np.uint8)
    labels = np.zeros(BATCH, np.int32)
    table = devices.replicate(Raw(images, labels), mesh)
    index = np.arange(BATCH, dtype=np.int32)[None]
    state = jax.jit(
        functools.partial(initial_state, model, config),
        out_shardings=devices.layout(mesh, devices.WHOLE),
    )()

    def step():
        nonlocal state
        batch = devices.shard(HostBatch(index), mesh, PartitionSpec(None, devices.AXIS))
        state, report = jax.block_until_ready(mapped(state, batch, table))
        return float(report.metrics.loss.total)

    return step


def theirs(threads: int, channels_last: bool):
    """The same step in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    grid = SIZE // 2 ** len(WIDTHS)
    layers: list = []
    for a, b in zip((3, *WIDTHS), WIDTHS, strict=False):
        layers += [nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()]
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(WIDTHS[-1] * grid * grid, 2 * LATENT))
    layers = [nn.Linear(LATENT, WIDTHS[-1] * grid * grid), nn.Unflatten(1, (-1, grid, grid))]
    for a, b in zip(WIDTHS[::-1], (*WIDTHS[-2::-1], 3), strict=True):
        layers += [nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1)]
    model = nn.ModuleList([encoder, nn.Sequential(*layers)])
    x = torch.rand(BATCH, 3, SIZE, SIZE)
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

    def step():
        optimizer.zero_grad()
        mean, log_variance = model[0](x).chunk(2, 1)
        logits = model[1](mean + torch.exp(log_variance / 2) * torch.randn_like(mean))
        distortion = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()
        loss = (distortion + rate) / BATCH
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--torch_python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=("ours", "contiguous", "channels_last"))
    args = parser.parse_args()

    if args.side:
        # XLA sizes its thread pool from the cores this process may use.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.threads])
        step = ours() if args.side == "ours" else theirs(args.threads, args.side == "channels_last")
        print(json.dumps(measure(step, 3, args.steps)))
        return

    sides = {"ours": sys.executable}
    sides |= dict.fromkeys(("contiguous", "channels_last"), args.torch_python)
    results: dict = {side: [] for side in sides}
    for _ in range(args.rounds):
        for side, python in sides.items():
            command = [python, __file__, "--side", side, "--steps", str(args.steps)]
            command += ["--threads", str(args.threads)]
            run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results[side].append(json.loads(run.stdout))

    medians = {s: [statistics.median(r["times"]) for r in rounds] for s, rounds in results.items()}
    print(f"batch {BATCH}, {args.threads} threads, {args.rounds} rounds of {args.steps} steps")
    print("side            median ms   fastest ms   images/s   images/s with the first call")
    for side, rounds in results.items():
        median, fastest = statistics.median(medians[side]), min(min(r["times"]) for r in rounds)
        whole = sum(r["first"] + sum(r["times"]) for r in rounds) / (1 + args.steps) / args.rounds
        print(
            f"{side:14}{1e3 * median:11.1f}{1e3 * fastest:13.1f}{BATCH / median:11.0f}"
            f"{BATCH / whole:15.0f}"
        )
    peers = [
        min(pair) for pair in zip(medians["contiguous"], medians["channels_last"], strict=True)
    ]
    ratios = sorted(peer / own for peer, own in zip(peers, medians["ours"], strict=True))
    print(
        f"speed over PyTorch's faster format: {statistics.median(ratios):.2f}, "
        f"rounds from {ratios[0]:.2f} to {ratios[-1]:.2f}"
    )


if __name__ == "__main__":
    main()
