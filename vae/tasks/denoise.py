"""Removes Gaussian noise of a known standard deviation from examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.annotations import Count, Seed
from vae.errors import InputError
from vae.probability.observations import Noisy
from vae.run import Run
from vae.tasks import repair
from vae.tasks.output import Output

LEAST, MOST = 1e-4, 100.0  # of sigma: below a level of 12 bits; above, nothing is left


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
    """Removes Gaussian noise of a known standard deviation from examples, by posterior samples.

    It draws each noisy example, samples of what it may have been without noise, and their mean.
    With `files`, your examples are taken as noisy already; without, noise is added to test
    examples, and the figures say how far the repairs are from the originals. The observation is
    y ~ N(mean(z), sigma^2 + var(z)), where the mean and variance are those of p(x | z). x is as the
    model has it: black is 0 and white is 1 in images, 0.01 is a decibel in mel spectrograms, and 1
    is a standard deviation in columns of a table.

    Examples:
      vae denoise --workdir=runs/digits --sigma=0.3
      vae denoise --workdir=runs/digits --files=DIR,FILE --samples=8

    Args:
      run: the run.
      files: files and folders of your own noisy examples; test examples with added noise if absent.
      sigma: standard deviation of the noise, in units of x.
      num: the number of test examples; 8 if absent.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      samples: the number of repairs of each example.
      sweeps: sweeps of the Markov chain of each repair, 200 if absent: more where R-hat says so;
        steps along the path of a prior by flow matching or diffusion, 50 if absent.
      seed: seed of the samples and the noise.

    Returns:
      The paths of the sheet and the figures, and the figures, see `repair.repair`. The baseline
      `noisy` is the example as given.

    Raises:
      InputError: sigma is out of range; or as `repair.read`.
    """
    if not LEAST <= sigma <= MOST:
        raise InputError(
            f"--sigma={sigma:g} must be from {LEAST:g} to {MOST:g}: the standard deviation of the "
            "noise, in units of x."
        )
    given = repair.read(run, files, num, labels, attributes)
    y = given.x
    if given.dataset:
        noise = np.random.default_rng(seed).standard_normal(y.shape, np.float32)
        y = y + np.float32(sigma) * noise
    there = run.event.values.there(y)
    return repair.repair(
        run,
        given,
        Noisy(np.where(there[..., None], y, np.float32(0)), there, sigma),
        task="denoise",
        how=f"sigma{sigma:g}",
        title=f"Noise of deviation {sigma:g} removed",
        damaged={"noisy": y},
        baselines={"noisy": y},
        facts={"sigma": sigma},
        samples=samples,
        sweeps=sweeps,
        seed=seed,
    )
