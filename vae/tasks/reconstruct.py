"""Images beside their reconstructions, as a picture, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import numpy as np

from vae.data.prepare import first_examples
from vae.probability import similarity
from vae.run import Run
from vae.tasks import names, pictures
from vae.tasks.inputs import as_data, given
from vae.training.devices import jit
from vae.training.directory import write_json

NUM = 32  # images of a split


def reconstruct(
    run: Run,
    *,
    split: str = "test",
    num: int = NUM,
    images: Sequence[str | Path] = (),
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> tuple[Path, dict[str, float]]:
    """Writes a grid of images, each with its reconstruction to the right.

    The figures are written into `run.out` as `reconstructions_SPLIT.json`, of the user's own images
    as `reconstructions_IMAGES.json`, see `Given.tag`.

    Args:
      run: the run.
      split: "train", "valid" or "test", of which the first images are shown.
      num: how many of them.
      images: files and folders, which are shown instead.
      labels: of the user's images; see `given`.
      attributes: of the user's images; see `given`.

    Returns:
      The path of the picture in `run.out/images/`, and the means over the images of "mse", the
      squared error per value, "psnr" (decibels, of values in [0, 1]) and "ssim".

    Raises:
      InputError: the model does not encode, or see `given`.
    """
    if images:
        own = given(run, images=images, num=num, labels=labels, attributes=attributes)
        x, y, what = as_data(own.x, run), own.y, own.tag
    else:
        x, y, *_ = first_examples(run.dataset(), split, num, run.config)
        what = split
    reconstructions = run.reconstruct(x, y)
    path = names.picture(run, "reconstructions", what, num=(num, NUM))
    pictures.save(pictures.pairs(x, reconstructions), path)
    figures = likeness(x, reconstructions)
    about = {"images": list(map(str, images))} if images else {"split": split}
    record = {"step": run.step, **about, "num": len(x), "metrics": figures}
    write_json(run.out / f"reconstructions_{what}.json", record)
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
