"""A training step of a VAE of sentences, beside PyTorch's LSTM of the same architecture.

    python experiments/benchmarks/sentences.py --peer_python=peers/bin/python

Batches of 32 sentences of 10,000 words, all of one length, of which there are several in turn; an
embedding and an LSTM of 256, z of 32 as the decoder's first state and at each of its steps, one
table of words to read and to answer by, dropout of .5, Adam 1e-3, gradients clipped at 5. The words
are drawn at random, which changes no time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WORDS, BATCH, WIDTH, LATENT = 10_000, 32, 256, 32
LENGTHS = (12, 17, 22, 27, 32)  # 22 on average, as in the Penn Treebank


def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, WORDS, (BATCH, length, 1), np.int32) for length in LENGTHS]


def now() -> np.ndarray:
    """Returns the time and the processor time, which other work disturbs less, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def ours(args: argparse.Namespace) -> list[list[float]]:
    import jax

    from vae import models
    from vae.config import base
    from vae.data.batches import HostBatch
    from vae.data.examples import Raw
    from vae.models.data import Data
    from vae.probability.event import Event, Values
    from vae.training.state import initial_state
    from vae.training.step import make_step

    jax.config.update("jax_platforms", "cpu")
    config = base()
    config.data.batch_size = BATCH
    config.model.update(encoder="lstm", encoder_widths=(WIDTH,), latent_dim=LATENT)
    config.model.update(decoder="lstm", decoder_widths=(WIDTH,), likelihood="categorical")
    config.model.update(dropout=0.5, tied_embeddings=True, dtype=args.dtype)
    config.optimizer.update(name="adam", learning_rate=1e-3, clip_norm=5.0)
    event = Event((max(LENGTHS), 1), Values("tokens", levels=WORDS))
    model = models.build(config.model, Data(event, None, 0, lambda num: np.zeros(0)))
    step = make_step(model, config, event.values, num_examples=1000, axis=None)
    step = jax.jit(step, donate_argnums=0)
    state = jax.jit(lambda: initial_state(model, config))()
    labels, index = np.full(BATCH, -1, np.int32), np.arange(BATCH, dtype=np.int32)
    raw = [HostBatch(index, Raw(x, labels)) for x in batches()]
    raw = jax.tree.map(lambda a: a[None], raw)
    times = []
    for _ in range(args.turns + 1):
        start = now()
        for batch in raw:
            state, report = step(state, batch, None)
        jax.block_until_ready(state)
        times.append(((now() - start) / len(raw)).tolist())
    assert np.isfinite(float(report.metrics.compute()["loss"]))
    return times[1:]


def torch(args: argparse.Namespace) -> list[list[float]]:
    import torch
    from torch import nn
    from torch.nn import functional

    torch.set_num_threads(args.threads)

    class Sentences(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.read = nn.Embedding(WORDS, WIDTH)
            self.encoder = nn.LSTM(WIDTH, WIDTH, batch_first=True)
            self.head = nn.Linear(WIDTH, 2 * LATENT)
            self.words = nn.Embedding(WORDS, WIDTH)
            self.given = nn.Linear(LATENT, WIDTH)
            self.state = nn.Linear(LATENT, 2 * WIDTH)
            self.decoder = nn.LSTM(WIDTH, WIDTH, batch_first=True)
            self.norm = nn.LayerNorm(WIDTH)
            self.bias = nn.Parameter(torch.zeros(WORDS))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            _, (h, _) = self.encoder(self.read(x))
            mean, log_std = self.head(h[0]).chunk(2, -1)
            z = mean + log_std.exp() * torch.randn_like(mean)
            kl = 0.5 * (mean**2 + torch.expm1(2 * log_std) - 2 * log_std).sum(-1)
            before = functional.pad(self.words(x[:, :-1]), (0, 0, 1, 0)) + self.given(z)[:, None]
            state = [s[None].contiguous() for s in self.state(z).chunk(2, -1)]
            h, _ = self.decoder(functional.dropout(before), (torch.tanh(state[0]), state[1]))
            h = functional.dropout(self.norm(h))
            logits = functional.linear(h, self.words.weight, self.bias)
            nll = functional.cross_entropy(logits.flatten(0, 1), x.flatten(), reduction="sum")
            return nll / len(x) + kl.mean()

    model = Sentences()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    raw = [torch.from_numpy(x[..., 0]).long() for x in batches()]
    times = []
    for _ in range(args.turns + 1):
        start = now()
        for x in raw:
            optimizer.zero_grad()
            loss = model(x)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
        times.append(((now() - start) / len(raw)).tolist())
    assert np.isfinite(loss.item())
    return times[1:]


WORKERS = {"ours": ours, "torch": torch}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer_python", required=True, help="a Python that has PyTorch")
    parser.add_argument("--turns", type=int, default=10, help="times through all lengths")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(WORKERS[args.worker](args)))
        return
    cores = sorted(os.sched_getaffinity(0))[: args.threads]
    pythons = {"ours": sys.executable, "torch": args.peer_python}
    found: dict[str, list[list[float]]] = {name: [] for name in pythons}
    for _ in range(args.rounds):
        for name, python in pythons.items():
            done = subprocess.run(
                [python, *sys.argv, "--worker", name],
                env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(args.threads)},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                preexec_fn=lambda: os.sched_setaffinity(0, cores),
            )
            found[name] += json.loads(done.stdout.splitlines()[-1])
    print("| ms a step | least | median | processor, least | processor, median |")
    print("|---|---|---|---|---|")
    for name, times in found.items():
        least, median = np.min(times, axis=0), np.median(times, axis=0)
        each = (1e3 * t for pair in zip(least, median, strict=True) for t in pair)
        print(f"| {name} | {' | '.join(f'{t:.0f}' for t in each)} |")


if __name__ == "__main__":
    main()
