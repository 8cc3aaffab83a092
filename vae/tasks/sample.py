"""Samples from the prior, as a picture."""

from __future__ import annotations

from pathlib import Path

from vae.run import Run
from vae.tasks import pictures


def sample(run: Run, *, num: int = 64, draw: bool = False, seed: int = 0) -> Path:
    """Writes a grid of `num` samples into the run's `images/`; returns its path.

    Args:
      run: the run.
      num: how many samples.
      draw: draws the pixels too, where the default shows the mean of p(x | z).
      seed: of the latents and pixels.
    """
    kind = "draws" if draw else "samples"
    path = run.workdir / "images" / f"{kind}_{run.step:08d}_seed{seed}.png"
    pictures.save(pictures.grid(run.sample(num, draw=draw, seed=seed)), path)
    return path
