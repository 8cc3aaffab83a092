"""Fills in missing pixels by samples of the posterior given the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.annotations import Count, Seed
from vae.errors import InputError
from vae.modalities.images.tasks import check_images
from vae.modalities.images.user_files import read_files
from vae.probability.observations import Masked
from vae.run import Run
from vae.tasks import repair
from vae.tasks.output import Output

GREY = 0.5  # missing pixels on the sheet


def inpaint(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    mask: Path | None = None,
    box: Sequence[int] | None = None,
    num: Count | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    samples: Count = 4,
    sweeps: Count | None = None,
    seed: Seed = 0,
) -> Output:
    """Fills in missing pixels of images, by posterior samples given the other pixels.

    It draws each damaged image, samples of what it may have been, and their mean. With `files`,
    your images are taken as already damaged; without, test images are damaged first, and the
    figures say how far the repairs are from the originals.

    Examples:
      vae inpaint --workdir=runs/digits --box=0,0,4,8
      vae inpaint --workdir=runs/faces --files=A.jpg --mask=FILE

    Args:
      run: the run.
      files: files and folders of your own images, already damaged; test images if absent.
      mask: an image file, white where pixels are missing; it is resized to the model's size.
      box: the missing box instead of a mask: top,left,height,width in the model's pixels. If both
        are absent, it is the middle of half the height and width.
      num: the number of test images; 8 if absent.
      labels: classes of your own images, by number or name, or one for all.
      attributes: attributes of your own images: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test images.
      samples: the number of repairs of each image.
      sweeps: sweeps of the Markov chain of each repair, 200 if absent: more where R-hat says so;
        steps along the path of a prior by flow matching or diffusion, 50 if absent.
      seed: seed of the samples.

    Returns:
      The paths of the sheet and the figures, and the figures, see `repair.repair`; errors are over
      the missing pixels. The baseline `mean` is the mean of the training images.

    Raises:
      InputError: no pixel is missing, or none is known; or as `repair.read`.
    """
    check_images(run, "repairs")
    given = repair.read(run, files, num, labels, attributes)
    missing, what = _missing(run, mask, box)
    x = np.where(missing[..., None], np.float32(GREY), given.x)
    weight = repair.known_weight(run, given)
    observation = Masked(x, np.broadcast_to(~missing, x.shape[:3]), weight)
    return repair.repair(
        run,
        given,
        observation,
        task="inpaint",
        how=what,
        title="Missing pixels (grey) filled in",
        damaged={"damaged": x},
        region=missing,
        baselines={"mean": given.dataset.mean()} if given.dataset else {},
        facts={"missing_pixels": int(missing.sum()), "weight": weight},
        samples=samples,
        sweeps=sweeps,
        seed=seed,
    )


def _missing(
    run: Run, mask: str | Path | None, box: Sequence[int] | None
) -> tuple[np.ndarray, str]:
    """Returns which pixels [H, W] are missing, and a name for that."""
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
