"""Images beside their reconstructions, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vae import data
from vae.data.transforms import first_images
from vae.run import Run
from vae.tasks import pictures


def reconstruct(run: Run, *, split: str = "test", num: int = 32) -> tuple[Path, float]:
    """Writes a grid of images of a split, each with its reconstruction to the right.

    Returns:
      The path of the picture in the run's `images/`, and the mean squared error per value.
    """
    batch = first_images(data.load(run.config.data), split, num, run.config)
    images, reconstructions = batch.x, run.reconstruct(batch.x, batch.y)
    path = run.workdir / "images" / f"reconstructions_{run.step:08d}_{split}.png"
    pictures.save(pictures.pairs(images, reconstructions), path)
    return path, float(np.mean((images - reconstructions) ** 2))
