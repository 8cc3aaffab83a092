"""Samples from the prior, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vae.errors import InputError
from vae.run import Run
from vae.tasks import pictures
from vae.tasks.fit_prior import fit_prior


def sample(
    run: Run,
    *,
    num: int = 64,
    labels: Sequence[int] = (),
    draw: bool = False,
    seed: int = 0,
    prior: str | None = None,
) -> Path:
    """Writes a grid of `num` samples into the run's `images/`; returns its path.

    Args:
      run: the run.
      num: how many samples.
      labels: classes of a model that takes labels, repeated to so many; all in turn where empty.
      draw: draws the pixels too, where the default shows the mean of p(x | z).
      seed: of the latents and pixels.
      prior: "mixture", "flow" or "vae" is fitted to the training set's latents, see `fit_prior`;
        the model's own where None.

    Raises:
      InputError: the model takes no labels, or not these.
    """
    if labels and not run.model.num_classes:
        raise InputError("this model takes no labels; one with model.condition='label' does.")
    kind = "draws" if draw else "samples"
    name = f"{kind}_{prior}" if prior else kind
    chosen = f"_labels{'-'.join(map(str, labels))}" if labels else ""
    path = run.workdir / "images" / f"{name}_{run.step:08d}_seed{seed}{chosen}.png"
    fitted = fit_prior(run, prior) if prior else None
    given = np.resize(labels, num) if labels else None
    images = run.sample(num, labels=given, draw=draw, seed=seed, prior=fitted)
    pictures.save(pictures.grid(images), path)
    return path
