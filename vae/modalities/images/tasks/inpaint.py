"""Missing pixels filled in, in several ways that go with those around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.errors import InputError
from vae.modalities.images.tasks import repair
from vae.modalities.images.user_files import read_files
from vae.probability.observations import Masked
from vae.run import Run

GREY = 0.5  # of missing pixels on the sheet


def inpaint(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    mask: str | Path | None = None,
    box: Sequence[int] | None = None,
    num: int = 8,
    labels: Sequence[int] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    samples: int = 4,
    sweeps: int | None = None,
    seed: int = 0,
) -> tuple[Path, dict[str, Any]]:
    """Fills in what is missing of images, and writes a sheet and figures as `repair.write` says.

    Args:
      run: the run.
      files: the user's files and folders; the first test images where there are none.
      mask: an image file, white where pixels are missing, brought to the model's size as the
        images are.
      box: (top, left, height, width) of what is missing instead, in the model's pixels. Without
        either it is the box in the middle of half the height and half the width.
      num, labels, attributes: see `inputs.given`.
      samples: how many of each image.
      sweeps: see `repair.repair`.
      seed: of the samples.

    Returns:
      The sheet's path, and the figures; errors are over the missing pixels. The baseline `mean` is
      the mean of the training images there.

    Raises:
      InputError: the mask or the box leaves nothing missing, or nothing known; or as `repair.read`.
    """
    given = repair.read(run, files, num, labels, attributes)
    missing, what = _missing(run, mask, box)
    x = np.where(missing[..., None], np.float32(GREY), given.x)
    weight = repair.known_weight(run, given)
    observation = Masked(x, np.broadcast_to(~missing, x.shape[:3]), weight)
    posterior = repair.repair(run, observation, given, samples=samples, sweeps=sweeps, seed=seed)
    return repair.write(
        run,
        f"inpaint_{run.step:08d}_{what}_seed{seed}",
        given,
        x,
        posterior,
        region=missing,
        baselines={"mean": given.dataset.mean()} if given.dataset else {},
        facts={"seed": seed, "missing_pixels": int(missing.sum()), "weight": weight},
    )


def _missing(
    run: Run, mask: str | Path | None, box: Sequence[int] | None
) -> tuple[np.ndarray, str]:
    """Which pixels [H, W] are missing, and a name for it."""
    height, width, _ = run.model.event.shape
    if mask and box:
        raise InputError("--mask and --box both say what is missing: give one of them.")
    if mask:
        missing = read_files([mask], run.event, run.config.data)[0][0].mean(-1) > 0.5
        name, what = Path(mask).stem, f"--mask={mask}"
    else:
        box = box or (height // 4, width // 4, height // 2, width // 2)
        what = f"--box={','.join(map(str, box))}"
        if len(box) != 4 or min(box) < 0 or box[0] + box[2] > height or box[1] + box[3] > width:
            raise InputError(
                f"{what} must be top,left,height,width within images of {height}x{width}."
            )
        missing = np.zeros((height, width), bool)
        missing[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = True
        name = "box" + "-".join(map(str, box))
    if missing.all() or not missing.any():
        raise InputError(
            f"{what} leaves no pixel {'known' if missing.all() else 'missing'}: a mask is white "
            "where pixels are missing."
        )
    return missing, name
