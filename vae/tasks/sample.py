"""Samples from the prior, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vae.errors import InputError
from vae.run import Run
from vae.tasks import pictures


def sample(
    run: Run, *, num: int = 64, labels: Sequence[int] = (), draw: bool = False, seed: int = 0
) -> Path:
    """Writes a grid of `num` samples into the run's `images/`; returns its path.

    Args:
      run: the run.
      num: how many samples.
      labels: classes of a model that takes labels, repeated to so many; all in turn where empty.
      draw: draws the pixels too, where the default shows the mean of p(x | z).
      seed: of the latents and pixels.

    Raises:
      InputError: the model takes no labels, or not these.
    """
    if labels and not run.model.num_classes:
        raise InputError("this model takes no labels; one with model.condition='label' does.")
    kind = "draws" if draw else "samples"
    chosen = f"_labels{'-'.join(map(str, labels))}" if labels else ""
    path = run.workdir / "images" / f"{kind}_{run.step:08d}_seed{seed}{chosen}.png"
    given = np.resize(labels, num) if labels else None
    pictures.save(pictures.grid(run.sample(num, labels=given, draw=draw, seed=seed)), path)
    return path
