"""Shows what each dimension of the latents does, with all others held fixed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.annotations import Count
from vae.errors import InputError
from vae.evaluation.diagnostics import ACTIVE_VARIANCE
from vae.run import Run
from vae.tasks import manifold as plane
from vae.tasks import names
from vae.tasks.encode import places_of
from vae.tasks.encodings import encodings
from vae.tasks.inputs import given, refuse
from vae.tasks.output import Output
from vae.training.directory import write_json

DIMENSIONS, STEPS = 20, 9
REACH = 3.0  # standard deviations to either side


def traverse(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    dimensions: Count | None = None,
    steps: Count | None = None,
    manifold: bool = False,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> Output:
    """Draws what each active dimension of the latents does: a row of examples along it.

    Dimension d is active if the posterior's mean moves with x, Var_x(E_q[z_d]) > 0.01 (Burda et al.
    2016, section 5.3). Rows are in the order of that variance. A row goes from -3 to 3 standard
    deviations of z_d in the training set around its mean there: if q(z) equals the prior N(0, I),
    z_d goes from -3 to 3.

    With `manifold`, it draws the plane of two latents instead, decoded at quantiles of the prior,
    and the posterior means of test examples by class.

    Examples:
      vae traverse --workdir=runs/faces --dimensions=10
      vae traverse --workdir=runs/faces --files=A.jpg --steps=15
      vae traverse --workdir=runs/two --manifold

    Args:
      run: the run.
      files: the file of one example of your own; the first test example if absent.
      dimensions: the most dimensions; 20 if absent.
      steps: the number of examples in a row; 9 if absent, 20 with manifold.
      manifold: draws the plane of two latents instead.
      labels: the class of your own example, by number or name.
      attributes: the attributes of your own example: Smiling=1,Hat=0; an attribute not named gets
        its median over test examples.

    Returns:
      The paths of the sheet and the figures, and the figures: for every dimension, shown or not,
      its activity and the mean and standard deviation of z_d; with `manifold`, the values of both
      latents.

    Raises:
      InputError: the latents are not one vector in R^D, no dimension is active, or more than one
        example is given; or as `given`.
    """
    around = given(run, files=files, usual=1, labels=labels, attributes=attributes)
    if len(around.x) != 1:
        raise InputError(f"traversal is around one example, but {len(around.x)} are given.")
    if manifold:
        refuse("has no effect with --manifold, which draws two.", dimensions=dimensions)
        return plane.manifold(run, around, steps or plane.STEPS)
    dimensions, steps = dimensions or DIMENSIONS, steps or STEPS
    axes = axes_of(run)
    shown = active(axes, run)[:dimensions]
    reach = np.linspace(-REACH, REACH, steps)
    centre = run.encode(around.x, around.y).mean[0]
    z = np.tile(centre, (len(shown), steps, 1))
    for row, axis in enumerate(shown):
        z[row, :, axis.dimension] = axis.mean + reach * axis.std
    y = None if around.y is None else around.y.repeat(len(shown) * steps, axis=0)
    decoded = run.decode(z.reshape(-1, len(centre)), y)

    settings = {"steps": (steps, STEPS), "dimensions": (dimensions, DIMENSIONS)}
    path = names.picture(run, "traversal", around.tag or "test0", **settings)
    decoded = decoded.reshape(len(shown), steps, *decoded.shape[1:])
    title = (
        f"Traversal of the latents around {around.names[0]}, step {run.step:,}: each row moves one "
        "of them to so many standard deviations from its mean; its activity is the variance of its "
        "posterior mean"
    )
    same = np.broadcast_to(around.x, (len(shown), *around.x.shape[1:]))
    found = np.broadcast_to(run.decode(centre[None], around.y), same.shape)
    sheet = run.modality.table(
        decoded,
        run.event,
        title,
        columns=[f"{r:+.3g}" if r else "0" for r in reach],
        rows=[f"{axis.name}, activity {axis.activity:.2f}" for axis in shown],
        before={"given": same, "decoded": found},
    )
    paths = sheet.save(path)
    figures = {
        "step": run.step,
        "example": around.names[0],
        "active": len(active(axes, run)),
        "dimensions": [
            {
                "dimension": axis.dimension,
                "activity": axis.activity,
                "mean": axis.mean,
                "std": axis.std,
            }
            for axis in axes
        ],
    }
    write_json(path.with_suffix(".json"), figures)
    return Output([*paths, path.with_suffix(".json")], figures, sheet.text)


class Axis(NamedTuple):
    """A dimension of the latents, as the training set has it.

    Attributes:
      dimension: its number.
      name: "z5", or "z channel 1 at 2,0" where z has places.
      activity: Var_x(E_q[z_d]).
      mean, std: the mean and the standard deviation of z_d ~ q(z | x).
    """

    dimension: int
    name: str
    activity: float
    mean: float
    std: float


def axes_of(run: Run) -> list[Axis]:
    """Returns all dimensions of the latents, the most active first.

    Raises:
      InputError: the latents are not one vector in R^D.
    """
    known, grid = encodings(run), places_of(run.model)
    activity, mean, std = known.mean.var(0), known.z.mean(0), known.z.std(0)
    order = np.argsort(-activity, kind="stable").tolist()
    return [
        Axis(d, _called(d, grid), float(activity[d]), float(mean[d]), float(std[d])) for d in order
    ]


def active(axes: Sequence[Axis], run: Run) -> list[Axis]:
    """Returns those of the axes that are active.

    Raises:
      InputError: there is none.
    """
    found = [axis for axis in axes if axis.activity > ACTIVE_VARIANCE]
    if not found:
        raise InputError(f"no dimension of the latents of {run.workdir} is active: all are noise.")
    return found


def _called(dimension: int, grid: tuple[int, ...]) -> str:
    """Returns the name of a number of z: "z5", or "z channel 1 at 2,0" where z has places."""
    if not grid:
        return f"z{dimension}"
    channel, place = divmod(dimension, math.prod(grid))
    return f"z channel {channel} at {','.join(map(str, np.unravel_index(place, grid)))}"
