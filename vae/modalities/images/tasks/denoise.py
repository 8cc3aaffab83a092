"""Images with Gaussian noise of a known deviation on them, cleaned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import InputError
from vae.modalities.images.tasks import repair
from vae.probability.observations import Averaged
from vae.run import Run

LEAST, MOST = 1e-4, 100.0  # of sigma: less than a level of 12 bits, more than tells anything


def denoise(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    sigma: float = 0.2,
    num: int = 8,
    labels: Sequence[int] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    samples: int = 4,
    sweeps: int | None = None,
    seed: int = 0,
) -> tuple[Path, dict[str, Any]]:
    """Samples images that the noisy ones may have been, and writes them as `repair.write` says.

    The observation is y ~ N(mean(z), sigma^2 + var(z)), see `probability/observations.py`: what the
    model cannot say of a pixel, its own variance there, is noise to it as well.

    Args:
      run: the run.
      files: of noisy images, and folders; without them noise is put on the first test images.
      sigma: standard deviation of the noise, in units of x: 0.2 is a fifth of the way from black to
        white. Values beyond black and white are kept as they are, not cut off, on test images.
      num, labels, attributes: see `inputs.given`.
      samples: how many of each image.
      sweeps: see `repair.repair`.
      seed: of the samples and the noise.

    Returns:
      The sheet's path and the figures; the baseline `noisy` is the image as it was given.

    Raises:
      InputError: sigma is out of range; or as `repair.read`.
    """
    if not LEAST <= sigma <= MOST:
        raise InputError(
            f"--sigma={sigma:g} must be from {LEAST:g} to {MOST:g}: the deviation of the noise, of "
            "black 0 and white 1."
        )
    given = repair.read(run, files, num, labels, attributes)
    y = given.x
    if given.dataset:
        noise = np.random.default_rng(seed).standard_normal(y.shape, np.float32)
        y = y + np.float32(sigma) * noise
    posterior = repair.repair(
        run, Averaged(y, sigma), given, samples=samples, sweeps=sweeps, seed=seed
    )
    return repair.write(
        run,
        f"denoise_{run.step:08d}_sigma{sigma:g}_seed{seed}",
        given,
        y,
        posterior,
        baselines={"noisy": y},
        facts={"seed": seed, "sigma": sigma},
    )
