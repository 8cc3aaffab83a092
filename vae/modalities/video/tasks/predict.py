"""Draws what the frames of clips that are not given may be: what follows, or what lies between."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.annotations import Count, Seed
from vae.data import given as from_python
from vae.data.batches import apply_in_batches
from vae.errors import InputError
from vae.modalities.sheets import Sheet
from vae.modalities.video import show
from vae.modalities.video.tasks.dynamics import dynamics
from vae.probability.distributions import example_keys
from vae.run import BATCH, Run
from vae.tasks import names
from vae.tasks.inputs import Given
from vae.tasks.inputs import given as read
from vae.tasks.output import Output
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

NUM, SAMPLES, FIRST = 8, 8, 5
SHOWN = 3  # possible clips of each that are on the sheet


def predict(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    first: Count | None = None,
    every: Count | None = None,
    num: Count | None = None,
    samples: Count = SAMPLES,
    seed: Seed = 0,
) -> Output:
    """Draws the frames that follow the first ones of clips, or those between every few, many times.

    The frames that are given are encoded; the latents of the others are drawn from p(z) given
    theirs, and decoded.

    Examples:
      vae predict --workdir=runs/moving_digits --first=5 --samples=20
      vae predict --workdir=runs/moving_digits --every=3

    Args:
      run: the run; its prior is one of latents in time, such as linear_dynamics.
      files: files and folders of your own clips; test clips if absent.
      first: how many frames are given, from the first; 5 if absent.
      every: gives every so many frames instead, the first among them.
      num: the number of test clips; 8 if absent.
      samples: how often the others are drawn.
      seed: seed of the draws.

    Returns:
      The paths of the sheet and the figures, and the figures: how like the true frames those are
      that were not given, as means ("metrics") and frame by frame ("frames"). "mean" is the mean of
      the samples, "sample" the figures' mean over them, "best" the sample with the least squared
      error, "copy" the last frame before it that was given.

    Raises:
      InputError: the prior is none of latents in time, no frame or all are given, or it does not
        draw what lies between; or as `vae.tasks.inputs.given`.
    """
    seen, how = _seen(run, first, every, dynamics(run).foresees)
    own = _whole(read(run, files=files, num=num, usual=NUM), seen)
    made = draw(run, own.x, seen, samples=samples, seed=seed)
    metrics, frames = _figures(run, own.x, made, seen)
    path = names.picture(
        *(run, "prediction", how, own.tag),
        num=(num or NUM, NUM),
        samples=(samples, SAMPLES),
        seed=(seed, 0),
    )
    said = ", ".join(f"{k} {v['psnr']:.4g} dB" for k, v in metrics.items())
    title = f"Frames drawn given {how.replace('-', ' ')}, step {run.step:,}: PSNR of {said}"
    paths = _sheet(own.x, made, own.names, seen, title).save(path)
    figures = {
        "step": run.step,
        "given": (np.flatnonzero(seen) + 1).tolist(),
        "num": len(own.x),
        "samples": samples,
        "seed": seed,
        "metrics": metrics,
        "frames": frames,
    }
    write_json(path.with_suffix(".json"), figures)
    return Output([*paths, path.with_suffix(".json")], figures)


def draw(run: Run, x: np.ndarray, seen: np.ndarray, *, samples: int, seed: int = 0) -> np.ndarray:
    """Returns clips [N, M, T, H, W, C] with the frames of x [N, T, H, W, C] that are `seen` [T].

    Args:
      run: the run.
      x: clips; the other frames are not looked at.
      seen: which frames are given.
      samples: M.
      seed: seed of the draws.
    """
    known = np.where(seen[:, None, None, None], x, np.float32(0))
    z = np.repeat(run.encode(known).mean, samples, axis=0)
    keys = example_keys(from_python.key(seed), np.arange(len(z)))

    @jax.jit
    def function(variables: Any, inputs: Any) -> jax.Array:
        z, keys = inputs
        return run.model.latents(variables).given(z, jnp.asarray(seen), keys=keys)

    drawn = apply_in_batches(
        lambda inputs: function(run.variables, inputs), (z, keys), BATCH, "drawing frames"
    )
    made = run.decode(drawn).reshape(len(x), samples, *run.event.shape)
    return np.where(seen[:, None, None, None], x[:, None], run.modality.perceived(made, run.event))


def predictable(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns which clips x [N, T, H, W, C] have all frames that are `seen` [T] and another."""
    there = ~np.isnan(x).any((2, 3, 4))
    return there[:, seen].all(1) & there[:, ~seen].any(1)


def copied(x: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns clips [N, T, H, W, C] in which the last frame that was `seen` [T] stands still."""
    last = np.maximum.accumulate(np.where(seen, np.arange(len(seen)), 0))
    return x[:, last]


def _seen(run: Run, first: int | None, every: int | None, foresees: bool) -> tuple[np.ndarray, str]:
    """Returns which frames [T] are given, and a name for that."""
    at = np.arange(run.event.shape[0])
    if len(at) == 1:
        raise InputError(f"the clips of {run.workdir} have one frame, which nothing follows.")
    if first and every:
        raise InputError("--first and --every both say which frames are given: give one of them.")
    if every and not foresees:
        raise InputError(
            f"model.prior={run.config.model.prior!r} draws what follows, not what lies between: "
            "give --first, or train model.prior='linear_dynamics'."
        )
    if every:
        seen, how = at % every == 0, f"every-{every}"
    else:
        seen, how = at < (first or FIRST), f"first-{first or FIRST}"
    if seen.all():
        raise InputError(
            f"--{how.replace('-', '=')} leaves no frame of {len(at)} to draw: give fewer."
        )
    return seen, how


def _whole(own: Given, seen: np.ndarray) -> Given:
    """Returns the clips that are `predictable`, and says how many are not.

    Raises:
      InputError: none is.
    """
    kept = np.flatnonzero(predictable(own.x, seen))
    if len(kept) < len(own.x):
        left = f"{len(own.x) - len(kept)} of {len(own.x)} clips lack frames that are to be given"
        if not len(kept):
            raise InputError(f"{left}, or have no other frame: give fewer, with --first.")
        logger.warning("%s, or have no other frame: they are left out", left)
    return own._replace(x=own.x[kept], names=[own.names[row] for row in kept])


def _figures(
    run: Run, x: np.ndarray, made: np.ndarray, seen: np.ndarray
) -> tuple[dict[str, dict[str, float]], list[dict[str, Any]]]:
    """Returns the figures of all frames that were not given, and those of each."""
    other = ~seen
    squared = np.nanmean((made - x[:, None])[:, :, other] ** 2, axis=(2, 3, 4, 5))
    best = made[np.arange(len(x)), squared.argmin(1)]
    several = x.repeat(made.shape[1], 0), made.reshape(-1, *x.shape[1:])
    pairs = {
        "mean": (x, made.mean(1)),
        "sample": several,
        "best": (x, best),
        "copy": (x, copied(x, seen)),
    }

    def alike(frames: Any) -> dict[str, dict[str, float]]:
        return {
            name: run.modality.likeness(a[:, frames], b[:, frames], run.event)
            for name, (a, b) in pairs.items()
        }

    there = ~np.isnan(x).any((2, 3, 4)).all(0)  # a frame that all clips lack has no figures
    each = [{"frame": int(t) + 1, **alike(t)} for t in np.flatnonzero(other & there)]
    return alike(other), each


def _sheet(
    x: np.ndarray, made: np.ndarray, clips: Sequence[str], seen: np.ndarray, title: str
) -> Sheet:
    """Returns a sheet with rows of the true clip, the mean and some of the samples of each."""
    kinds = ["true", "mean", *(f"sample {i + 1}" for i in range(min(SHOWN, made.shape[1])))]
    shown = np.concatenate([x[:, None], made.mean(1, keepdims=True), made[:, :SHOWN]], 1)
    said = ["given" if there else "drawn" for there in seen]
    return show.side_by_side(shown, title, kinds=kinds, captions=clips, said=said)
