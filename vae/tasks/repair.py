"""Images of which only part is known, as a model completes them: what inpainting, denoising and
super-resolution share.

Without `--images` the first test images are damaged, so that the repair is measured against what
they were. Images that are given are taken as damaged already: nothing is known to measure against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import InputError
from vae.evaluation.posterior import Posterior, why_not
from vae.run import Run
from vae.tasks import pictures
from vae.tasks.inputs import Given, given
from vae.tasks.names import plain
from vae.training.directory import write_json
from vae.training.logs import Progress

TURNS = 60  # of each chain
SHOWN = 32  # images on a sheet; figures are of all


def read(
    run: Run,
    images: Sequence[str | Path],
    num: int,
    labels: Sequence[int],
    attributes: Sequence[Mapping[str, float]],
    *,
    factor: int = 1,
) -> Given:
    """The images of a repair, whole or damaged already: see `inputs.given`.

    Raises:
      InputError: the model cannot repair; or as `inputs.given`.
    """
    if reason := why_not(run.model):
        raise InputError(f"{run.workdir} cannot repair images: its model {reason}.")
    return given(run, images=images, num=num, labels=labels, attributes=attributes, factor=factor)


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
    """Writes the sheet NAME.png and the figures NAME.json, see `Given.tag`, into `run.out/images/`.

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
    name = plain("_".join(filter(None, [name, given.tag])))
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
    columns = {"damaged": damaged, "mean": posterior.mean}
    for i in range(posterior.fillings.shape[1]):
        columns[f"filling {i + 1}"] = posterior.fillings[:, i]
    folder = run.out / "images"
    if given.dataset:
        columns = {"image": given.x} | columns
        region = np.ones(given.x.shape[1:3], bool) if region is None else region
        errors = _errors(given.x, posterior, baselines, region)
        for i, row in enumerate(rows):
            row["mse"] = {key: float(values[i]) for key, values in errors.items()}
        means = {key: float(values.mean()) for key, values in errors.items()}
        figures["mse"] = means
        figures["psnr"] = {key: float(-10 * np.log10(max(m, 1e-12))) for key, m in means.items()}
    else:
        for i, own in enumerate(given.names):
            which = {"mean": posterior.mean[i]} | dict(enumerate(posterior.fillings[i]))
            for ending, image in which.items():
                path = folder / name / f"{i:04d}_{own}_{ending}.png"
                pictures.save(pictures.as_bytes(image), path)
    sheet = np.stack([column[:SHOWN] for column in columns.values()], axis=1)
    path = folder / f"{name}.png"
    pictures.save(pictures.table(sheet, columns=list(columns)), path)
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
