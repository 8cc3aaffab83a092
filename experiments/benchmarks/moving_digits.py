"""Ten frames of moving digits from five, beside a plain recurrent network and the last frame.

    python -m experiments.benchmarks.moving_digits --workdir=runs/moving_digits

The plain network encodes the first five frames by convolutions of the same widths as the run's,
reads them with a GRU, and makes the others with a second one that starts from its state and is
given what it made (Srivastava et al. 2015, "Unsupervised learning of video representations using
LSTMs"). Its decoder is the run's, and starts at the mean pixel. It minimises the squared error of
the ten frames, in as many steps of as many clips as the run, or in --steps; what it prints as it
learns says whether more would help. PSNR and SSIM are means over frames of test clips.
"""

from __future__ import annotations

import argparse
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

import vae
from vae.data.prepare import first_examples
from vae.modalities.video.tasks.predict import copied, draw
from vae.networks import conv
from vae.networks.blocks import HE

Array = jax.Array
FIRST, LAST = 5, 15
CURVE = 200  # steps of the plain network to a line


class Plain(nn.Module):
    """x [B, T, H, W, C] to the frames that follow it, [B, LAST - T, H, W, C].

    Attributes:
      encoder_widths, decoder_widths: of the convolutions, as the run's.
      mean: of a pixel, at which what is made starts.
      width: of the recurrent layers, and of what they are given for a frame.
    """

    encoder_widths: tuple[int, ...]
    decoder_widths: tuple[int, ...]
    mean: float
    width: int = 256

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, frames, *shape = x.shape
        read = conv.Encoder(self.encoder_widths, self.width)(x.reshape(-1, *shape))
        read = nn.LayerNorm()(read.reshape(batch, frames, -1))  # the encoder's head starts small
        reads, writes = (nn.GRUCell(self.width, name=name) for name in ("reads", "writes"))
        state = jnp.zeros((batch, self.width))
        for t in range(frames):
            state, _ = reads(state, read[:, t])
        made, before = [], read[:, -1]
        for _ in range(LAST - frames):
            state, before = writes(state, before)
            made.append(before)
        h = nn.Dense(4 * self.decoder_widths[0], kernel_init=HE)(jnp.stack(made, 1))
        bias = jnp.full(shape, self.mean)
        decoder = conv.Decoder(self.decoder_widths, tuple(shape[:-1]), shape[-1], output_bias=bias)
        return decoder(nn.relu(h))


def plain(run: vae.Run, steps: int, learning_rate: float, seed: int) -> Any:
    """Returns a trained plain network as a function of clips, which makes their later frames."""
    config, train = run.config, run.dataset().train
    rng = np.random.default_rng(seed)

    def clips() -> np.ndarray:
        chosen = np.sort(rng.choice(len(train), config.data.batch_size, replace=False))
        return run.event.values.to_x(train.read(chosen)[0].values)

    widths = tuple(config.model.encoder_widths), tuple(config.model.decoder_widths)
    network = Plain(*widths, float(run.dataset().mean().mean()))
    schedule = optax.warmup_cosine_decay_schedule(0.0, learning_rate, min(100, steps // 2), steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))
    params = jax.jit(network.init)(jax.random.key(seed), clips()[:, :FIRST])
    state = optimizer.init(params)

    @jax.jit
    def step(params: Any, state: Any, x: Array) -> Any:
        def loss(params: Any) -> Array:
            return ((network.apply(params, x[:, :FIRST]) - x[:, FIRST:LAST]) ** 2).mean()

        value, slope = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(slope, state)
        return optax.apply_updates(params, updates), state, value

    values = []
    for number in range(1, steps + 1):
        params, state, value = step(params, state, clips())
        values.append(value)
        if number % CURVE == 0:
            error = float(jnp.stack(values[-CURVE:]).mean())
            print(f"plain network, steps to {number}: squared error {error:.5f}", flush=True)
    apply = jax.jit(network.apply)
    return lambda x: np.clip(np.asarray(apply(params, x[:, :FIRST])), 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--num", type=int, default=100)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--learning_rate", type=float, default=2e-3, help="of the plain network")
    parser.add_argument("--steps", type=int, help="of the plain network; the run's if absent")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    run = vae.load(args.workdir)
    steps = args.steps or run.config.training.steps
    x = first_examples(run.dataset(), "test", args.num, run.config).x
    seen = np.arange(x.shape[1]) < FIRST
    futures = draw(run, x, seen, samples=args.samples, seed=args.seed)[:, :, FIRST:LAST]
    true = x[:, FIRST:LAST]
    best = ((futures - true[:, None]) ** 2).mean((2, 3, 4, 5)).argmin(1)
    made = {
        "the last frame": copied(x, seen)[:, FIRST:LAST],
        "a plain recurrent network": plain(run, steps, args.learning_rate, args.seed)(x),
        "the mean of the samples": futures.mean(1),
        "a sample": futures[:, 0],
        f"the best of {args.samples} samples": futures[np.arange(len(x)), best],
    }
    print("| | PSNR (dB) | SSIM |\n|---|---|---|")
    for name, frames in made.items():
        found = run.modality.likeness(true, frames, run.event)
        print(f"| {name} | {found['psnr']:.2f} | {found['ssim']:.3f} |")


if __name__ == "__main__":
    main()
