"""Images with Gaussian noise of a known deviation on them, cleaned."""

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

LEAST, MOST = 1e-4, 100.0  # of sigma: less than a level of 12 bits, more than tells anything


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
    """Takes Gaussian noise of a known deviation from images, in several ways that go with them.

    It draws each noisy image, the mean of what it may have been, and samples of that. Without
    `files` noise is put on test images, and the figures say how far the repair is from these. The
    observation is y ~ N(mean(z), sigma^2 + var(z)), see `probability/observations.py`: what the
    model cannot say of a pixel, its own variance there, is noise to it as well.

    Examples:
      vae denoise --workdir=runs/digits --sigma=0.3
      vae denoise --workdir=runs/digits --files=DIR,FILE --samples=8

    Args:
      run: the run.
      files: files and folders of your own noisy images; test images, with noise, if absent.
      sigma: standard deviation of the noise, from black 0 to white 1.
      num: the number of test images; 8 if absent.
      labels: classes of your own images, by number or name, or one for all.
      attributes: attributes of your own images, Smiling=1,Hat=0 for all, or a set for each, with
        / between; others have their median over test images.
      samples: the number of repairs of each image.
      sweeps: sweeps of the Markov chain of each repair, 200 if absent: more where R-hat says so.
      seed: seed of the samples and the noise.

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
