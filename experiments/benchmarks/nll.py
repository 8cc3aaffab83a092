"""Estimating log p(x) with 5,000 importance samples, here and by pythae's `get_nll`.

pythae trains its 784-512-16 MLP for an epoch on MNIST binarised once; then both estimate the same
test images with these weights, twice a round, each time with another seed. The two means must agree
up to the noise of an estimate, whose standard deviation over the seeds stands beside them.

  ours     `make_estimator`, which `Run.log_likelihood` and the command `evaluate` call
  pythae   `get_nll` as it is called, with its default `batch_size` of 100
  tuned    the same under `no_grad`, with whichever `batch_size` is fastest

With compilation: the first call in a process. Without: the median over rounds of the second.

    python -m venv peers && peers/bin/pip install torch==2.13.0 pythae numpyro flax optax
    python experiments/benchmarks/nll.py --peer_python=peers/bin/python --data=DIR
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import measure
import numpy as np
import peers

BATCH_SIZES = (100, 250, 500, 1000, 2500, 5000)


def prepare(args: argparse.Namespace) -> dict[str, Any]:
    """Has pythae train and save its weights, and finds the fastest batch size of its `get_nll`."""
    import torch

    model, _, loss = peers.train_pythae(args)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    images = torch.from_numpy(test_images(args)[:3, None])
    seconds = {}
    for batch_size in BATCH_SIZES:
        tuned(model, images[:1], args.num_samples, batch_size)
        start = time.perf_counter()
        tuned(model, images, args.num_samples, batch_size)
        seconds[batch_size] = (time.perf_counter() - start) / len(images)
    best = min(seconds, key=seconds.get)
    np.savez(args.scratch / "weights.npz", **weights)
    (args.scratch / "batch_size").write_text(str(best))
    return {"loss": loss, "batch_size": best, "seconds": seconds}


def tuned(model: Any, images: Any, num_samples: int, batch_size: int) -> float:
    import torch

    with torch.no_grad():
        # With a batch_size above n_samples it would draw batch_size of them.
        return float(model.get_nll(images, num_samples, min(batch_size, num_samples)))


def with_pythae(args: argparse.Namespace, *, batch_size: int | None) -> dict[str, Any]:
    import torch

    model = peers.pythae_model()
    weights = np.load(args.scratch / "weights.npz")
    model.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
    model.eval()
    images = torch.from_numpy(test_images(args)[:, None])

    def mean(seed: int) -> float:
        torch.manual_seed(seed)
        if batch_size is None:
            return float(model.get_nll(images, args.num_samples))
        return tuned(model, images, args.num_samples, batch_size)

    return timed(mean, args)


def with_pythae_tuned(args: argparse.Namespace) -> dict[str, Any]:
    batch_size = int((args.scratch / "batch_size").read_text())
    return with_pythae(args, batch_size=batch_size)


def with_pythae_as_called(args: argparse.Namespace) -> dict[str, Any]:
    return with_pythae(args, batch_size=None)


def here(args: argparse.Namespace) -> dict[str, Any]:
    import jax
    import product

    from vae import models
    from vae.data.batches import HostBatch
    from vae.data.examples import Raw
    from vae.evaluation.likelihood import make_estimator
    from vae.models.data import Data
    from vae.probability.event import BINARY, Event
    from vae.probability.terms import Batch
    from vae.training.devices import make_mesh, replicate

    config = product.mlp(measure.arrays(args), steps=1, log_every=1, steps_per_call=1)
    event = Event((28, 28, 1), BINARY)
    data = Data(event, np.zeros(event.shape, np.float32), num_classes=0, examples=np.zeros)
    model = models.build(config.model, data)
    mesh = make_mesh()
    variables = replicate(carried(model.init(key=jax.random.key(0)), args), mesh)
    x = test_images(args)[..., None]
    estimate = make_estimator(
        model,
        lambda batch, table, keys: Batch(batch.raw.values),
        mesh,
        num_samples=args.num_samples,
        max_bytes=config.evaluation.max_bytes,
    )

    def mean(seed: int) -> float:
        index = np.arange(len(x), dtype=np.int32)
        batch = HostBatch(index, Raw(x, index), np.ones(len(x), bool))
        estimated = estimate(variables, None, [batch], key=jax.random.key(seed))
        return float(estimated.log_likelihood.mean())

    return timed(mean, args)


def carried(variables: dict[str, Any], args: argparse.Namespace) -> dict[str, Any]:
    """Our variables with pythae's weights, which the sizes of the arrays tell apart."""
    import jax

    torch = np.load(args.scratch / "weights.npz")
    hidden = {part: f"{part}.layers.0.0" for part in ("encoder", "decoder")}
    heads = {
        "encoder": ("encoder.embedding", "encoder.log_var"),
        "decoder": ("decoder.layers.1.0",),
    }
    params = dict(variables["params"])
    for part, head in heads.items():
        arrays = [torch[f"{hidden[part]}.{kind}"].T for kind in ("weight", "bias")]
        for kind in ("weight", "bias"):
            arrays.append(np.concatenate([torch[f"{name}.{kind}"] for name in head]).T)
        by_size = {array.size: array for array in arrays}
        params[part] = jax.tree.map(lambda p, of=by_size: of[p.size].reshape(p.shape), params[part])
    return variables | {"params": params}


def timed(mean: Callable[[int], float], args: argparse.Namespace) -> dict[str, Any]:
    """Calls a function of a seed, which estimates the mean over the images, twice."""
    seconds, means = [], []
    for seed in (2 * args.round, 2 * args.round + 1):
        start = time.perf_counter()
        means.append(mean(seed))
        seconds.append((time.perf_counter() - start) / args.images)
    return {"first": seconds[0], "second": seconds[1], "means": means}


def test_images(args: argparse.Namespace) -> np.ndarray:
    return np.load(measure.arrays(args))["test_images"][: args.images].astype(np.float32)


def main(args: argparse.Namespace) -> None:
    measure.work(args, "prepare", args.peer_python)
    pythons = {"ours": sys.executable, "pythae": args.peer_python, "tuned": args.peer_python}
    results = measure.in_rotation(args, pythons)
    seconds = {
        name: [measure.median(r[call] for r in results[name]) for call in ("second", "first")]
        for name in pythons
    }
    rows = []
    for name, (warm, first) in seconds.items():
        ratios = (warm / seconds["ours"][0], first / seconds["ours"][1])
        means = [mean for r in results[name] for mean in r["means"]]
        rows.append(
            (
                name,
                warm,
                ratios[0],
                first,
                ratios[1],
                f"{np.mean(means):.2f} ({np.std(means, ddof=1):.2f})",
            )
        )
    header = ("", "s/image", "this/ours", "with compilation", "this/ours", "mean log p(x) (sd)")
    measure.print_table(header, rows)


if __name__ == "__main__":
    parser = measure.parser(__doc__)
    parser.add_argument("--peer_python", required=True, help="the interpreter with the peers")
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--num_samples", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=1, help="of pythae's training")
    workers = {
        "prepare": prepare,
        "ours": here,
        "pythae": with_pythae_as_called,
        "tuned": with_pythae_tuned,
    }
    measure.run(parser.parse_args(), workers, main)
