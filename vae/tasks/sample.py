"""Samples from the prior, as a picture."""

from __future__ import annotations

from pathlib import Path

from vae.run import Run
from vae.tasks import pictures
from vae.tasks.fit_prior import fit_prior


def sample(
    run: Run, *, num: int = 64, draw: bool = False, seed: int = 0, prior: str | None = None
) -> Path:
    """Writes a grid of `num` samples into the run's `images/`; returns its path.

    Args:
      run: the run.
      num: how many samples.
      draw: draws the pixels too, where the default shows the mean of p(x | z).
      seed: of the latents and pixels.
      prior: "mixture", "flow" or "vae" is fitted to the training set's latents, see `fit_prior`;
        the model's own where None.
    """
    kind = "draws" if draw else "samples"
    name = f"{kind}_{prior}" if prior else kind
    path = run.workdir / "images" / f"{name}_{run.step:08d}_seed{seed}.png"
    fitted = fit_prior(run, prior) if prior else None
    pictures.save(pictures.grid(run.sample(num, draw=draw, seed=seed, prior=fitted)), path)
    return path
