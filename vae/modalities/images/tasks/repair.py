"""What inpainting, denoising and super-resolution share: a model completes images known in part.

Without `--files` the first test images are damaged, and repairs are measured against the originals.
The user's own images are taken as already damaged: there is nothing to measure against.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.convergence import MIXED
from vae.evaluation.posterior import SWEEPS, Posterior, why_not
from vae.modalities import grids, pictures
from vae.modalities.images import show
from vae.modalities.images.tasks import check_images
from vae.probability import similarity
from vae.probability.event import Event
from vae.probability.observations import independent_share
from vae.run import Run
from vae.tasks import names
from vae.tasks.inputs import Given, given
from vae.tasks.output import Output
from vae.training.devices import jit
from vae.training.directory import write_json

logger = logging.getLogger(__name__)

MEASURED = 256  # validation images whose reconstruction errors are measured
SHOWN = 32  # the most images on a sheet; figures cover all


def read(
    run: Run,
    files: Sequence[str | Path],
    num: int | None,
    labels: Sequence[int | str],
    attributes: Sequence[Mapping[str, float]],
    *,
    factor: int = 1,
) -> Given:
    """Returns the images to repair: whole test images, or the user's own, see `inputs.given`.

    The user's own images are read at H / factor by W / factor pixels.

    Raises:
      InputError: the model cannot repair; or as `inputs.given`.
    """
    check_images(run, "repairs")
    if reason := why_not(run.model):
        raise InputError(f"{run.workdir} cannot repair images: its model {reason}.")
    height, width, channels = run.event.shape
    event = Event((height // factor, width // factor, channels), run.event.values)
    return given(run, files=files, num=num, labels=labels, attributes=attributes, event=event)


def known_weight(run: Run, given: Given) -> float:
    """Returns the weight of known pixels, from the errors of the run's reconstructions.

    The errors are those of the first `MEASURED` validation images. Where the decoder's errors are
    smooth, known pixels taken as independent say too much about z: on CelebA the repairs were then
    worse than the mean image.
    """
    try:
        dataset = given.dataset or run.dataset()
    except InputError as error:
        logger.warning("known pixels are taken to have independent errors, for %s", error)
        return 1.0
    x, y, *_ = first_examples(dataset, "valid", MEASURED, run.config)
    errors = x - run.reconstruct(x, y)
    return independent_share(errors.reshape(len(x), -1))


def repair(
    run: Run,
    given: Given,
    observation: Any,
    *,
    task: str,
    how: str,
    title: str,
    damaged: Mapping[str, np.ndarray],
    region: np.ndarray | None = None,
    baselines: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
    samples: int,
    sweeps: int | None,
    seed: int,
) -> Output:
    """Samples what the images may be, and writes a sheet and figures.

    A row of the sheet is the original (where it is known), the damaged image, the samples and their
    mean. For the user's own images, each picture is also written into a folder beside the sheet.

    Args:
      run: the run.
      given: the images.
      observation: what is known of the images.
      task: the command, with which the names of files begin.
      how: the settings of the command, which follow in the names of files.
      title: what was done, with which the title of the sheet begins.
      damaged: name -> the damaged images [N, H, W, C] as shown.
      region: [H, W], the pixels over which errors are measured; all where None.
      baselines: name -> another repair, [N, H, W, C] or [H, W, C].
      facts: more entries of the figures.
      samples: the number of samples of each image.
      sweeps: sweeps of each chain; the default of `Run.posterior` where None.
      seed: seed of the chains.

    Returns:
      The paths of the sheet and the figures, and the figures:

        rhat, ess     the largest R-hat and the smallest effective sample size of an unknown pixel
        unmixed       number of images with R-hat above 1.1; if any, `note` is a sentence about it
        acceptance    the mean acceptance rate of trajectories, in [0, 1]
        mse, psnr     mean squared error over the region, and the PSNR of that mean in dB
        ssim          the mean SSIM of the images with the region replaced

      mse, psnr and ssim are given for `posterior_mean`, the least-squares estimate; for `samples`,
      the mean over single samples; for `best_sample`, the sample nearest to the original; and for
      the baselines.

    Raises:
      InputError: sweeps are not positive.
    """
    sweeps = SWEEPS if sweeps is None else sweeps
    if sweeps < 1:
        raise InputError(f"--sweeps={sweeps} must be at least 1; {SWEEPS} is the default.")
    posterior = run.posterior(observation, given.y, chains=samples, sweeps=sweeps, seed=seed)
    path = names.picture(run, task, how, f"seed{seed}", given.tag)
    number, chains = posterior.samples.shape[:2]
    unmixed = int((posterior.rhat > MIXED).sum())
    figures: dict[str, Any] = {"seed": seed, **facts} | {
        "step": run.step,
        "images": number,
        "samples": chains,
        "acceptance": float(posterior.acceptance.mean()),
        "rhat": _number(posterior.rhat.max()),
        "ess": _number(posterior.ess.min()),
        "unmixed": unmixed,
    }
    if unmixed:
        figures["note"] = (
            f"The samples of {unmixed} of {number} images have not mixed (R-hat up to "
            f"{figures['rhat']:.2f}, wanted {MIXED:g}): they and their mean may depend on where "
            f"the chains started; raise --sweeps, here {sweeps}."
        )
    each = zip(
        given.names, posterior.acceptance.mean(1), posterior.rhat, posterior.ess, strict=True
    )
    rows: list[dict[str, Any]] = [
        {"name": name, "acceptance": float(a), "rhat": _number(r), "ess": _number(e)}
        for name, a, r, e in each
    ]
    before, folder = dict(damaged), path.with_suffix("")
    if given.dataset:
        before = {"original": given.x, **damaged}
        region = np.ones(given.x.shape[1:3], bool) if region is None else region
        errors, alike = _likeness(given.x, posterior, baselines, region)
        for i, row in enumerate(rows):
            row["mse"] = {key: float(values[i]) for key, values in errors.items()}
            row["ssim"] = {key: float(values[i]) for key, values in alike.items()}
        means = {key: float(values.mean()) for key, values in errors.items()}
        figures["mse"] = means
        figures["psnr"] = {key: float(-10 * np.log10(max(m, 1e-12))) for key, m in means.items()}
        figures["ssim"] = {key: float(values.mean()) for key, values in alike.items()}
    else:
        for i, own in enumerate(given.names):
            which = {"mean": posterior.mean[i]} | dict(enumerate(posterior.samples[i]))
            for ending, image in which.items():
                pictures.save(grids.as_bytes(image), folder / f"{i:04d}_{own}_{ending}.png")
    sheet = show.table(
        posterior.samples[:SHOWN],
        run.event,
        f"{title}, step {run.step:,}: possible repairs, drawn from p(z | what is known), and the "
        "mean of all of them",
        columns=[f"repair {i + 1}" for i in range(chains)],
        rows=given.names[:SHOWN],
        before={name: images[:SHOWN] for name, images in before.items()},
        after={"mean": posterior.mean[:SHOWN]},
    )
    sheet.save(path)
    write_json(path.with_suffix(".json"), figures | {"per_image": rows})
    folders = [] if given.dataset else [folder]
    return Output([path, *folders, path.with_suffix(".json")], figures)


def _likeness(
    x: np.ndarray, posterior: Posterior, baselines: Mapping[str, np.ndarray], region: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns mean squared errors [N] over the region, and SSIM [N], each by name."""
    ssim = jit(similarity.ssim)

    def both(other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        error = ((x - other) ** 2)[:, region].mean((1, 2), dtype=np.float64)
        return error, np.asarray(ssim(x, np.where(region[..., None], other, x)))

    singles = np.stack([both(sample) for sample in np.moveaxis(posterior.samples, 1, 0)])
    named = {
        "posterior_mean": both(posterior.mean),
        "samples": singles.mean(0),
        "best_sample": (singles[:, 0].min(0), singles[:, 1].max(0)),
    } | {key: both(other) for key, other in baselines.items()}
    return {key: pair[0] for key, pair in named.items()}, {
        key: pair[1] for key, pair in named.items()
    }


def _number(value: float) -> float | None:
    """Returns a figure for JSON; None where it is not finite, as of chains that never moved."""
    return float(value) if np.isfinite(value) else None
