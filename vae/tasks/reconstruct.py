"""Images beside their reconstructions, as a picture, and how alike they are."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np

from vae import data
from vae.data.transforms import first_images
from vae.probability import similarity
from vae.run import Run
from vae.tasks import pictures
from vae.training.devices import jit
from vae.training.directory import write_json


def reconstruct(run: Run, *, split: str = "test", num: int = 32) -> tuple[Path, dict[str, float]]:
    """Writes a grid of images of a split, each with its reconstruction to the right.

    The figures are written as `reconstructions_SPLIT.json` into `run.out`.

    Returns:
      The path of the picture in `run.out/images/`, and the means over the images of "mse", the
      squared error per value, "psnr" (decibels, of values in [0, 1]) and "ssim".
    """
    batch = first_images(data.load(run.config.data), split, num, run.config)
    images, reconstructions = batch.x, run.reconstruct(batch.x, batch.y)
    path = run.out / "images" / f"reconstructions_{run.step:08d}_{split}.png"
    pictures.save(pictures.pairs(images, reconstructions), path)
    figures = likeness(images, reconstructions)
    record = {"step": run.step, "split": split, "num": len(images), "metrics": figures}
    write_json(run.out / f"reconstructions_{split}.json", record)
    return path, figures


def likeness(images: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """The mean squared error, PSNR and SSIM of images and others [N, H, W, C], pair by pair."""
    alike = jit(lambda x, y: (((x - y) ** 2).mean(), similarity.psnr(x, y), similarity.ssim(x, y)))
    return {
        name: float(np.mean(value))
        for name, value in zip(
            ("mse", "psnr", "ssim"), jax.device_get(alike(images, others)), strict=True
        )
    }
