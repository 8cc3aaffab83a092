"""Examples beside their reconstructions, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vae.data.prepare import first_examples
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import names
from vae.tasks.inputs import as_data, given
from vae.training.directory import write_json

NUM = 32  # examples of a split


def reconstruct(
    run: Run,
    *,
    split: str = "test",
    num: int = NUM,
    files: Sequence[str | Path] = (),
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> tuple[Path, dict[str, float]]:
    """Writes a sheet of examples, each with its reconstruction beside it.

    The figures are written into `run.out` as `reconstructions_SPLIT.json`, of the user's own files
    as `reconstructions_FILES.json`, see `Given.tag`.

    Args:
      run: the run.
      split: "train", "valid" or "test", of which the first examples are shown.
      num: how many of them.
      files: the user's files and folders, which are shown instead.
      labels: of the user's examples; see `given`.
      attributes: of the user's examples; see `given`.

    Returns:
      The path of the picture, and the means over the examples of "mse", the squared error per
      value, and of what else the modality knows; of images "psnr" (decibels) and "ssim".

    Raises:
      InputError: the model does not encode, or see `given`.
    """
    if files:
        own = given(run, files=files, num=num, labels=labels, attributes=attributes)
        x, y, what = as_data(own.x, run), own.y, own.tag
    else:
        x, y, *_ = first_examples(run.dataset(), split, num, run.config)
        what = split
    reconstructions = run.reconstruct(x, y)
    path = names.picture(run, "reconstructions", what, num=(num, NUM))
    pictures.save(run.modality.sheet(x, run.event, beside=reconstructions), path)
    run.modality.save(reconstructions, run.event, path)
    figures = run.modality.likeness(x, reconstructions)
    about = {"files": list(map(str, files))} if files else {"split": split}
    record = {"step": run.step, **about, "num": len(x), "metrics": figures}
    write_json(run.out / f"reconstructions_{what}.json", record)
    return path, figures
