"""Enlarges small images to the model's size by samples of the posterior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vae.annotations import Count, Seed
from vae.errors import InputError
from vae.modalities.images.tasks import check_images
from vae.probability.event import Event
from vae.probability.observations import Averaged, block_means, enlarged
from vae.run import Run
from vae.tasks import repair
from vae.tasks.output import Output

SIGMA = 0.01  # standard deviation of the noise on a small image: rounding, and earlier processing
# The correlation of pixels in a block, given z: what a decoder misses of a photograph is smooth.
# Taken as independent, pixels would say too much about z: the mean of faces of 32x32 from 8x8 had
# 22.2 dB then, and 23.4 with this correlation (bicubic: 22.2).
CORRELATION = 1.0


def super_resolve(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    factor: int = 4,
    num: Count | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    samples: Count = 4,
    sweeps: Count | None = None,
    seed: Seed = 0,
) -> Output:
    """Makes small images larger, by posterior samples.

    It draws each small image, samples of what it may be a copy of, and their mean. With `files`,
    your images are taken as already small; without, test images are made small first, and the
    figures say how far the repairs are from the originals. A pixel of a small image is the mean of
    a block of `factor` by `factor` pixels, with Gaussian noise of standard deviation 0.01.

    Examples:
      vae super_resolve --workdir=runs/digits --factor=2
      vae super_resolve --workdir=runs/faces --files=DIR,FILE --samples=8

    Args:
      run: the run.
      files: files and folders of your own small images, which are resized to the model's size
        divided by the factor; test images, made small, if absent.
      factor: how many times larger images become; it divides the model's height and width.
      num: the number of test images; 8 if absent.
      labels: classes of your own images, by number or name, or one for all.
      attributes: attributes of your own images: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test images.
      samples: the number of repairs of each image.
      sweeps: sweeps of the Markov chain of each repair, 200 if absent: more where R-hat says so;
        steps along the path of a prior by flow matching or diffusion, 50 if absent.
      seed: seed of the samples.

    Returns:
      The paths of the sheet and the figures, and the figures, see `repair.repair`. The baselines
      `nearest`, `bilinear` and `bicubic` are the small image enlarged so.

    Raises:
      InputError: the factor does not divide the model's images; or as `repair.read`.
    """
    check_images(run, "repairs")
    height, width, channels = run.model.event.shape
    if factor < 2 or height % factor or width % factor:
        raise InputError(
            f"--factor={factor} must be at least 2 and divide the {height}x{width} pixels of the "
            "model's images."
        )
    small = Event((height // factor, width // factor, channels), run.event.values)
    given = repair.read(run, files, num, labels, attributes, event=small)
    y: Any = given.x if given.dataset is None else block_means(given.x, factor)
    large = {
        "nearest": np.asarray(enlarged(y, factor)),
        "bilinear": _enlarged(y, (height, width), Image.Resampling.BILINEAR),
        "bicubic": _enlarged(y, (height, width), Image.Resampling.BICUBIC),
    }
    return repair.repair(
        run,
        given,
        Averaged(y, SIGMA, factor, CORRELATION),
        task="super_resolve",
        how=f"factor{factor}",
        title=f"Small images made {factor} times larger",
        damaged={"small": large["nearest"]},
        baselines=large,
        facts={"factor": factor},
        samples=samples,
        sweeps=sweeps,
        seed=seed,
    )


def _enlarged(y: np.ndarray, size: tuple[int, int], resample: Image.Resampling) -> np.ndarray:
    """Returns images [N, h, w, C] resized to (H, W)."""

    def plane(values: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(values).resize((size[1], size[0]), resample))

    planes = [[plane(image[..., c]) for c in range(y.shape[-1])] for image in y]
    return np.moveaxis(np.array(planes), 1, -1)
