"""Images beside their reconstructions, as a picture."""

from __future__ import annotations

import functools
from pathlib import Path

import jax
import ml_collections
import numpy as np

from vae import data
from vae.data.dataset import Dataset
from vae.data.transforms import prepare
from vae.run import Run
from vae.tasks import pictures


def prepared_images(
    dataset: Dataset, split: str, num: int, config: ml_collections.ConfigDict
) -> np.ndarray:
    """The first `num` images of a split as the model is given them, [num, H, W, C] float32."""
    indices = np.arange(min(num, len(getattr(dataset, split))))
    images, _, _ = getattr(dataset, split).read(indices)
    keys = jax.vmap(functools.partial(jax.random.fold_in, jax.random.key(0)))(indices)
    prepared = jax.jit(
        functools.partial(prepare, values=dataset.values, config=config.data, train=False)
    )
    return np.asarray(prepared({"image": images}, {}, keys=keys))


def reconstruct(run: Run, *, split: str = "test", num: int = 32) -> tuple[Path, float]:
    """Writes a grid of images of a split, each with its reconstruction to the right.

    Returns:
      The path of the picture in the run's `images/`, and the mean squared error per value.
    """
    images = prepared_images(data.load(run.config.data), split, num, run.config)
    reconstructions = run.reconstruct(images)
    path = run.workdir / "images" / f"reconstructions_{run.step:08d}_{split}.png"
    pictures.save(pictures.pairs(images, reconstructions), path)
    return path, float(np.mean((images - reconstructions) ** 2))
