"""Removes Gaussian noise of a known standard deviation from images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.annotations import Count, Seed
from vae.errors import InputError
from vae.modalities.images.tasks import repair
from vae.probability.observations import Averaged
from vae.run import Run
from vae.tasks.output import Output

LEAST, MOST = 1e-4, 100.0  # of sigma: below a level of 12 bits; above, nothing is left to see


def denoise(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    sigma: float = 0.2,
    num: Count | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    samples: Count = 4,
    sweeps: Count | None = None,
    seed: Seed = 0,
) -> Output:
    """Removes Gaussian noise of a known standard deviation from images, by posterior samples.

    It draws each noisy image, samples of what it may have been without noise, and their mean. With
    `files`, your images are taken as noisy already; without, noise is added to test images, and the
    figures say how far the repairs are from the originals. The observation is
    y ~ N(mean(z), sigma^2 + var(z)), where the mean and variance are those of p(x | z).

    Examples:
      vae denoise --workdir=runs/digits --sigma=0.3
      vae denoise --workdir=runs/digits --files=DIR,FILE --samples=8

    Args:
      run: the run.
      files: files and folders of your own noisy images; test images with added noise if absent.
      sigma: standard deviation of the noise, where black is 0 and white is 1.
      num: the number of test images; 8 if absent.
      labels: classes of your own images, by number or name, or one for all.
      attributes: attributes of your own images: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test images.
      samples: the number of repairs of each image.
      sweeps: sweeps of the Markov chain of each repair, 200 if absent: more where R-hat says so.
      seed: seed of the samples and the noise.

    Returns:
      The paths of the sheet and the figures, and the figures, see `repair.repair`. The baseline
      `noisy` is the image as given.

    Raises:
      InputError: sigma is out of range; or as `repair.read`.
    """
    if not LEAST <= sigma <= MOST:
        raise InputError(
            f"--sigma={sigma:g} must be from {LEAST:g} to {MOST:g}: the standard deviation of the "
            "noise, where black is 0 and white is 1."
        )
    given = repair.read(run, files, num, labels, attributes)
    y = given.x
    if given.dataset:
        noise = np.random.default_rng(seed).standard_normal(y.shape, np.float32)
        y = y + np.float32(sigma) * noise
    return repair.repair(
        run,
        given,
        Averaged(y, sigma),
        task="denoise",
        how=f"sigma{sigma:g}",
        title=f"Noise of deviation {sigma:g} (of 1 from black to white) removed",
        damaged={"noisy": y},
        baselines={"noisy": y},
        facts={"sigma": sigma},
        samples=samples,
        sweeps=sweeps,
        seed=seed,
    )
