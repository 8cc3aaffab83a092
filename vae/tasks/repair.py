"""Images of which only part is known, as a model completes them: what inpainting, denoising and
super-resolution share.

Without `--images` the first test images are damaged, so that the repair is measured against what
they were. Images that are given are taken as damaged already: nothing is known to measure against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae import data
from vae.data.dataset import Dataset
from vae.data.transforms import first_images
from vae.errors import InputError
from vae.evaluation.posterior import Posterior, why_not
from vae.run import Run
from vae.tasks import pictures
from vae.tasks.inputs import image_files, read_images, with_attributes
from vae.training.directory import write_json
from vae.training.logs import Progress

TURNS = 60  # of each chain
SHOWN = 32  # images on a sheet; figures are of all


class Given(NamedTuple):
    """The images of a repair.

    Attributes:
      x: [N, H, W, C], whole, or damaged already, and then in their own size.
      y: labels [N] or attributes [N, A] for a model that takes any, else None.
      names: of the images.
      dataset: whose test images they are; None where they are damaged already.
    """

    x: np.ndarray
    y: np.ndarray | None
    names: list[str]
    dataset: Dataset | None


def read(
    run: Run,
    images: Sequence[str | Path],
    num: int,
    labels: Sequence[int],
    attributes: Mapping[str, float],
    *,
    factor: int = 1,
) -> Given:
    """Reads the images in files and folders, or where there are none the first test images.

    Args:
      run: the run.
      images: files and folders.
      num: of the test images.
      labels: for a model that takes labels, repeated to so many; test images have their own.
      attributes: for a model that takes attributes, by name; the others are those of the test
        images, and 0 for images that are given.
      factor: by which images that are given are smaller than the model's.

    Raises:
      InputError: the model cannot repair, an image cannot be read, or labels or attributes are
        missing or not the model's.
    """
    if reason := why_not(run.model):
        raise InputError(f"{run.workdir} cannot repair images: its model {reason}.")
    kind = run.model.condition.kind if run.model.condition else None
    for given, needed in ((labels, "label"), (attributes, "attributes")):
        if given and kind != needed:
            raise InputError(
                f"this model takes no {needed.rstrip('s')}s; one with "
                f"model.condition={needed!r} does."
            )
    if images:
        files, dataset = image_files(images), None
        x, names = read_images(files, run, factor=factor), [str(file) for file in files]
        if kind and not (labels or attributes):
            raise InputError(
                f"this model is conditional: give --{kind.rstrip('s')}s of what is on the images."
            )
        y = np.zeros((len(x), len(run.attributes))) if kind == "attributes" else None
    else:
        dataset = data.load(run.config.data)
        batch = first_images(dataset, "test", num, run.config)
        x, y, names = batch.x, batch.y, [f"test {i}" for i in range(len(batch.x))]
    if kind == "label" and labels:
        y = np.resize(labels, len(x))
    if kind == "attributes":
        y = with_attributes(y, attributes, run)
    return Given(x, y if kind else None, names, dataset)


def repair(run: Run, observation: Any, given: Given, *, fillings: int, seed: int) -> Posterior:
    """Samples what the images may be; `fillings` of each, with a progress line."""
    progress, shown = None, 0

    def report(turn: int, total: int, acceptance: float) -> None:
        nonlocal progress, shown
        if progress is None:  # what went before is compilation, which is left out of the rate
            progress = Progress(total, turn, len(given.x) / total)
        elif turn == total or turn >= shown + total / 20:
            shown = turn
            progress.show(turn, {"acceptance": acceptance})

    posterior = run.posterior(
        observation, given.y, chains=fillings, turns=TURNS, seed=seed, report=report
    )
    if progress:
        progress.close()
    return posterior


def write(
    run: Run,
    name: str,
    given: Given,
    damaged: np.ndarray,
    posterior: Posterior,
    *,
    region: np.ndarray | None = None,
    baselines: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
) -> tuple[Path, dict[str, Any]]:
    """Writes the sheet NAME.png and the figures NAME.json into the run's `images/`.

    A row of the sheet is an image (where it is known), the damaged one, the posterior's mean, and
    the fillings. Of images that were given, each picture is written into the folder NAME, too.

    Args:
      run: the run.
      name: of what is written.
      given: the images.
      damaged: [N, H, W, C] as they are shown.
      posterior: of them.
      region: [H, W] the pixels that errors are of; all where None.
      baselines: by name, [N, H, W, C] or [H, W, C] what else could be put there.
      facts: what else is to stand in the figures.

    Returns:
      The sheet's path and the figures: mean squared errors, with the PSNR of their mean in dB;
      `fillings` is the mean over the fillings, `best_filling` the lowest.
    """
    figures = dict(facts) | {
        "step": run.step,
        "images": len(damaged),
        "fillings": posterior.fillings.shape[1],
        "acceptance": float(posterior.acceptance.mean()),
        "ess": float(posterior.ess.mean()),
    }
    rows = [
        {"name": name, "acceptance": float(a), "ess": float(e)}
        for name, a, e in zip(
            given.names, posterior.acceptance.mean(1), posterior.ess.mean(1), strict=True
        )
    ]
    columns = [damaged, posterior.mean, *np.moveaxis(posterior.fillings, 1, 0)]
    folder = run.workdir / "images"
    if given.dataset:
        columns.insert(0, given.x)
        region = np.ones(given.x.shape[1:3], bool) if region is None else region
        errors = _errors(given.x, posterior, baselines, region)
        for i, row in enumerate(rows):
            row["mse"] = {key: float(values[i]) for key, values in errors.items()}
        means = {key: float(values.mean()) for key, values in errors.items()}
        figures["mse"] = means
        figures["psnr"] = {key: float(-10 * np.log10(max(m, 1e-12))) for key, m in means.items()}
    else:
        for i, file in enumerate(given.names):
            which = {"mean": posterior.mean[i]} | dict(enumerate(posterior.fillings[i]))
            for ending, image in which.items():
                path = folder / name / f"{i:04d}_{Path(file).stem}_{ending}.png"
                pictures.save(pictures.as_bytes(image), path)
    sheet = np.stack([column[:SHOWN] for column in columns], axis=1)
    path = folder / f"{name}.png"
    pictures.save(pictures.grid(sheet.reshape(-1, *sheet.shape[2:]), len(columns)), path)
    write_json(path.with_suffix(".json"), figures | {"per_image": rows})
    return path, figures


def _errors(
    x: np.ndarray, posterior: Posterior, baselines: Mapping[str, np.ndarray], region: np.ndarray
) -> dict[str, np.ndarray]:
    """Mean squared errors [N] over the region, by name."""

    def error(other: np.ndarray) -> np.ndarray:
        return ((x - other) ** 2)[:, region].mean((1, 2), dtype=np.float64)

    single = np.stack([error(filling) for filling in np.moveaxis(posterior.fillings, 1, 0)])
    own = {
        "posterior_mean": error(posterior.mean),
        "fillings": single.mean(0),
        "best_filling": single.min(0),
    }
    return own | {key: error(other) for key, other in baselines.items()}
