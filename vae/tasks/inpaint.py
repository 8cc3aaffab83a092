"""Fills in missing positions of a grid by samples of the posterior given the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.annotations import Count, Seed
from vae.errors import InputError
from vae.probability.observations import Masked
from vae.run import Run
from vae.tasks import repair
from vae.tasks.output import Output

GREY = 0.5  # missing pixels on the sheet; missing voxels are not drawn


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
    """Fills in missing pixels or voxels, by posterior samples given the others.

    It draws each damaged example, samples of what it may have been, and their mean. With `files`,
    your examples are taken as already damaged; without, test examples are damaged first, and the
    figures say how far the repairs are from the originals.

    Examples:
      vae inpaint --workdir=runs/digits --box=0,0,4,8
      vae inpaint --workdir=runs/faces --files=A.jpg --mask=FILE
      vae inpaint --workdir=runs/solids --box=0,0,16,32,32,16

    Args:
      run: the run.
      files: files and folders of your own examples, already damaged; test examples if absent.
      mask: a file like an example's, white (or full) where positions are missing; it is resized to
        the model's size.
      box: the missing box instead of a mask, in the model's positions: where it begins along each
        axis, and then its sizes, for an image top,left,height,width. If both are absent, it is the
        middle half along each axis.
      num: the number of test examples; 8 if absent.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      samples: the number of repairs of each example.
      sweeps: sweeps of the Markov chain of each repair, 200 if absent: more where R-hat says so;
        steps along the path of a prior by flow matching or diffusion, 50 if absent.
      seed: seed of the samples.

    Returns:
      The paths of the sheet and the figures, and the figures, see `repair.repair`; errors are over
      the missing positions. The baseline `mean` is the mean of the training examples.

    Raises:
      InputError: the examples are no grids, or may be shorter than others; no position is missing,
        or none is known; or as `repair.read`.
    """
    if len(run.event.places) < 2 or run.event.ragged:
        raise InputError(
            "repairs of a part need images, solids or clips of one length, but the data of "
            f"{run.workdir} are {run.modality.NAME}."
        )
    given = repair.read(run, files, num, labels, attributes)
    missing, what = _missing(run, mask, box)
    weight = repair.known_weight(run, given)
    observation = observed(given.x, missing, weight)
    return repair.repair(
        run,
        given,
        observation,
        task="inpaint",
        how=what,
        title="Missing positions filled in",
        damaged={"damaged": observation.x},
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
    """Returns which positions [*places] are missing, and a name for that."""
    places = run.event.places
    if mask and box:
        raise InputError("--mask and --box both say what is missing: give one of them.")
    if mask:
        read, _ = run.modality.read_files([mask], run.event, run.config.data)
        missing = read[0].mean(-1) > 0.5
        name, what = Path(mask).stem, f"--mask={mask}"
    else:
        box = box or (*(side // 4 for side in places), *(side // 2 for side in places))
        what = f"--box={','.join(map(str, box))}"
        starts, sizes = box[: len(places)], box[len(places) :]
        ends = [start + size for start, size in zip(starts, sizes, strict=False)]
        if len(box) != 2 * len(places) or min(box) < 0 or any(np.greater(ends, places)):
            wanted = "top,left,height,width" if len(places) == 2 else "starts and sizes"
            raise InputError(
                f"{what} must be {wanted} within {run.modality.NAME} of "
                f"{'x'.join(map(str, places))}."
            )
        missing = np.zeros(places, bool)
        missing[tuple(map(slice, starts, ends))] = True
        name = "box" + "-".join(map(str, box))
    if missing.all() or not missing.any():
        unit = "pixel" if len(places) == 2 else "voxel"
        raise InputError(
            f"{what} leaves no {unit} {'known' if missing.all() else 'missing'}: a mask is white "
            f"where {unit}s are missing."
        )
    return missing, name


def observed(x: np.ndarray, missing: np.ndarray, weight: float) -> Masked:
    """Returns what is known of x [N, *places, C] without the positions [*places] that are missing.

    These are grey in it, or empty in solids. See `repair.known_weight` for the weight.
    """
    shown = np.float32(GREY if missing.ndim == 2 else 0)
    x = np.where(missing[..., None], shown, x)
    return Masked(x, np.broadcast_to(~missing, x.shape[:-1]), weight)
