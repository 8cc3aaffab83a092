"""Training one MLP VAE here, in pythae, in plain Flax, and in numpyro, on the same CPU cores.

784-512-16 and its mirror image, ReLU, 829k parameters; MNIST binarised once; batches of 100, Adam
1e-3, one sample of z and the closed-form KL everywhere; three epochs. The rows:

  ours          `vae.train` with evaluation, checkpoints, pictures and TensorBoard off, and
                `training.steps_per_call=50`
  pythae        its BaseTrainer
  flax          a plain loop over a jitted step, written like Flax's example
  flax, eager   the same without jit, as that example is shipped; fewer steps, for it is slow
  numpyro       SVI, a whole epoch in one jitted loop, as in its example

Without compilation: the median over rounds of the epochs after the first. With: all epochs, from
reading the arrays to the end of the last one. Imports are in neither. The loss is the mean -ELBO of
the last epoch's training batches; of networks that differ in size no table is printed.

    python -m venv peers && peers/bin/pip install torch==2.13.0 pythae numpyro flax optax
    python experiments/benchmarks/mlp_training.py --peer_python=peers/bin/python --data=DIR
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from typing import Any

import measure
import numpy as np
import peers
from peers import BATCH_SIZE, LATENT_DIM

STEPS_PER_CALL = 50  # of ours; no slower than an epoch in a call, and stops soon when told to


def report(
    start: float, ends: list[float], images: int, loss: float, parameters: int
) -> dict[str, Any]:
    """What a worker prints, from the times at which its epochs of so many images ended."""
    return {
        "epochs": np.diff([start, *ends]).tolist(),
        "total": ends[-1] - start,
        "images": images,
        "loss": loss,
        "parameters": parameters,
    }


def size(params: Any) -> int:
    import jax

    return sum(leaf.size for leaf in jax.tree.leaves(params))


def here(args: argparse.Namespace) -> dict[str, Any]:
    import product

    from vae.training import loop

    run = loop.run
    seen = []

    def timed(program: Any, config: Any, checkpoints: Any, log: Any) -> loop.Outcome:
        clock = product.Clock(log)
        seen.append((clock, run(program, config, checkpoints, clock)))
        return seen[-1][1]

    steps = args.train_images // BATCH_SIZE
    start = time.perf_counter()
    config = product.mlp(
        measure.arrays(args),
        steps=args.epochs * steps,
        log_every=steps,
        steps_per_call=math.gcd(steps, STEPS_PER_CALL),
    )
    product.train(config, timed)
    clock, outcome = seen[-1]
    images = steps * BATCH_SIZE
    return report(start, clock.times, images, clock.losses[-1], size(outcome.state.params))


def with_pythae(args: argparse.Namespace) -> dict[str, Any]:
    import pythae.models
    import pythae.trainers  # noqa: F401  (before the clock starts)

    start = time.perf_counter()
    model, ends, loss = peers.train_pythae(args)
    return report(start, ends, args.train_images, loss, sum(p.numel() for p in model.parameters()))


def with_flax(args: argparse.Namespace, *, jitted: bool = True) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import optax
    from flax.training.train_state import TrainState

    start = time.perf_counter()
    images = measure.train_images(args).reshape(-1, 784)
    steps = len(images) // BATCH_SIZE if jitted else args.eager_steps
    encoder, decoder = networks()

    def step(state: TrainState, x: jax.Array, key: jax.Array) -> tuple[TrainState, jax.Array]:
        def mean_loss(params: Any) -> jax.Array:
            mean, log_variance = jnp.split(encoder.apply(params["encoder"], x), 2, axis=-1)
            noise = jax.random.normal(key, mean.shape)
            logits = decoder.apply(params["decoder"], mean + jnp.exp(0.5 * log_variance) * noise)
            kl = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(-1)
            return (optax.sigmoid_binary_cross_entropy(logits, x).sum(-1) + kl).mean()

        loss, gradient = jax.value_and_grad(mean_loss)(state.params)
        return state.apply_gradients(grads=gradient), loss

    step = jax.jit(step) if jitted else step
    key, encoder_key, decoder_key = jax.random.split(jax.random.key(0), 3)
    params = {
        "encoder": encoder.init(encoder_key, jnp.zeros((1, 784))),
        "decoder": decoder.init(decoder_key, jnp.zeros((1, LATENT_DIM))),
    }
    state = TrainState.create(apply_fn=None, params=params, tx=optax.adam(1e-3))
    rng, ends = np.random.default_rng(0), []
    for _ in range(args.epochs):
        order, losses = rng.permutation(len(images)), []
        for i in range(steps):
            key, step_key = jax.random.split(key)
            batch = images[order[i * BATCH_SIZE : (i + 1) * BATCH_SIZE]]
            state, loss = step(state, batch, step_key)
            losses.append(loss)
        loss = float(np.mean(jax.device_get(losses)))
        ends.append(time.perf_counter())
    return report(start, ends, steps * BATCH_SIZE, loss, size(params))


def with_flax_eager(args: argparse.Namespace) -> dict[str, Any]:
    return with_flax(args, jitted=False)


def with_numpyro(args: argparse.Namespace) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.contrib.module import flax_module

    start = time.perf_counter()
    images = jnp.asarray(measure.train_images(args).reshape(-1, 784))
    steps = len(images) // BATCH_SIZE
    encoder, decoder = networks()

    def model(x: jax.Array) -> None:
        decode = flax_module("decoder", decoder, input_shape=(1, LATENT_DIM))
        with numpyro.plate("batch", len(x)):
            z = numpyro.sample("z", dist.Normal(0, 1).expand([LATENT_DIM]).to_event(1))
            numpyro.sample("x", dist.Bernoulli(logits=decode(z)).to_event(1), obs=x)

    def guide(x: jax.Array) -> None:
        encode = flax_module("encoder", encoder, input_shape=(1, 784))
        mean, log_variance = jnp.split(encode(x), 2, axis=-1)
        with numpyro.plate("batch", len(x)):
            numpyro.sample("z", dist.Normal(mean, jnp.exp(0.5 * log_variance)).to_event(1))

    loss = numpyro.infer.TraceMeanField_ELBO()
    svi = numpyro.infer.SVI(model, guide, numpyro.optim.Adam(1e-3), loss)

    @jax.jit
    def epoch(state: Any, order: jax.Array) -> tuple[Any, jax.Array]:
        def step(i: jax.Array, carry: tuple[Any, jax.Array]) -> tuple[Any, jax.Array]:
            state, total = carry
            indices = jax.lax.dynamic_slice_in_dim(order, i * BATCH_SIZE, BATCH_SIZE)
            state, loss = svi.update(state, images[indices])
            return state, total + loss

        return jax.lax.fori_loop(0, steps, step, (state, 0.0))

    state = svi.init(jax.random.key(0), images[:BATCH_SIZE])
    rng, ends = np.random.default_rng(0), []
    for _ in range(args.epochs):
        state, total = epoch(state, rng.permutation(len(images)))
        loss = float(total) / (steps * BATCH_SIZE)
        ends.append(time.perf_counter())
    return report(start, ends, steps * BATCH_SIZE, loss, size(svi.get_params(state)))


def networks() -> tuple[Any, Any]:
    """Encoder to mean and log-variance, and decoder to logits, in Linen."""
    from flax import linen as nn

    encoder = nn.Sequential([nn.Dense(512), nn.relu, nn.Dense(2 * LATENT_DIM)])
    return encoder, nn.Sequential([nn.Dense(512), nn.relu, nn.Dense(784)])


WORKERS = {
    "ours": here,
    "pythae": with_pythae,
    "flax": with_flax,
    "flax, eager": with_flax_eager,
    "numpyro": with_numpyro,
}


def check(results: dict[str, list[dict[str, Any]]]) -> None:
    """Refuses to compare different networks; warns where the losses say the work differed."""
    parameters = {name: reports[0]["parameters"] for name, reports in results.items()}
    if len(set(parameters.values())) > 1:
        sys.exit(f"These are not the same network; numbers of parameters: {parameters}.")
    trained = {name: results[name][-1]["loss"] for name in results if name != "flax, eager"}
    if max(trained.values()) > 1.05 * min(trained.values()):
        print(f"warning: losses more than 5% apart: {trained}", file=sys.stderr)


def main(args: argparse.Namespace) -> None:
    pythons = dict.fromkeys(WORKERS, args.peer_python) | {"ours": sys.executable}
    results = measure.in_rotation(args, pythons)
    check(results)

    def rates(name: str) -> tuple[float, float]:
        warm = measure.median(r["images"] / s for r in results[name] for s in r["epochs"][1:])
        whole = (r["images"] * len(r["epochs"]) / r["total"] for r in results[name])
        return warm, measure.median(whole)

    ours_warm, ours_whole = rates("ours")
    rows = []
    for name in WORKERS:
        warm, whole = rates(name)
        epochs = results[name][0]["epochs"]
        steps = len(epochs) * results[name][0]["images"] // BATCH_SIZE
        loss = measure.median(r["loss"] for r in results[name])
        rows.append((name, steps, warm, ours_warm / warm, whole, ours_whole / whole, loss))
    header = ("", "steps", "examples/s", "ours/this", "with compilation", "ours/this", "loss")
    measure.print_table(header, rows)


if __name__ == "__main__":
    parser = measure.parser(__doc__)
    parser.add_argument("--peer_python", required=True, help="the interpreter with the peers")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--eager_steps", type=int, default=100, help="an epoch without jit")
    measure.run(parser.parse_args(), WORKERS, main)
