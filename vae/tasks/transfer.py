"""The style of one example on the content of another.

In a conditional model the style is what the model is told of an example, y, and the content what it
has to encode beside that, z: x is decoded from the z of one and the y of another. In another ladder
the topmost groups of latents are the coarse parts of an example and the lowest its finest: they are
decoded from the topmost g groups of one and the others of another, for every g.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.errors import InputError
from vae.modalities import pictures
from vae.models.ladder import Ladder
from vae.run import Run
from vae.tasks import names
from vae.tasks.inputs import Given, given
from vae.training.directory import write_json

NUM = 8


def transfer(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    num: int = NUM,
    labels: Sequence[int] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> tuple[list[Path], dict[str, Any]]:
    """Writes a sheet of examples that share the contents and styles of those given.

    Of a conditional model it has a row for each one's content and a column for each one's style;
    on the diagonal are reconstructions. Of a ladder it has a row for each two examples that follow
    one another, and a column for the number of groups, topmost first, that are of the left one.

    Args:
      run: a run of a conditional model or of a ladder.
      files: the user's files and folders; the first test examples where empty.
      num: how many test examples.
      labels: of the user's examples; see `given`.
      attributes: of the user's examples; see `given`.

    Returns:
      The paths of the sheet and the figures, and the figures: the distance of each one made to
      the reconstruction of its content (of a ladder: of both), as the root of the mean
      squared difference of x.

    Raises:
      InputError: the model is of neither kind, a ladder's examples are not even in number, or see
        `given`.
    """
    ladder = isinstance(run.model, Ladder) and not run.model.condition
    if not (ladder or run.model.condition):
        raise InputError(
            f"the model of {run.workdir} has no style apart from content; one with "
            "model.condition='label' or 'attributes' has, or model.name='ladder'."
        )
    if ladder and num % 2:
        num += 1
    shown = given(run, files=files, num=num, labels=labels, attributes=attributes)
    sheet, figures = _mix_groups(run, shown) if ladder else _swap(run, shown)
    path = names.picture(run, "transfer", shown.tag, num=(num, NUM))
    pictures.save(sheet, path)
    figures = {"step": run.step, "examples": shown.names} | figures
    write_json(path.with_suffix(".json"), figures)
    return [path, path.with_suffix(".json")], figures


def _swap(run: Run, shown: Given) -> tuple[np.ndarray, dict[str, Any]]:
    """Every content with every style."""
    number = len(shown.x)
    mean = run.encode(shown.x, shown.y).mean
    content, style = np.divmod(np.arange(number**2), number)
    made = run.decode(jax.tree.map(lambda leaf: leaf[content], mean), shown.y[style])
    made = made.reshape(number, number, *made.shape[1:])
    own = made[np.arange(number), np.arange(number)]
    blank = np.ones_like(shown.x[:1])
    top = np.concatenate([blank, shown.x])[None]
    sheet = np.concatenate([top, np.concatenate([shown.x[:, None], made], axis=1)])
    titles = ["content", *(f"style {name}" for name in shown.names)]
    rows = ["", *shown.names]
    return run.modality.table(sheet, run.event, titles, rows), {
        "distance": _distance(made, own[:, None]).tolist()
    }


def _mix_groups(run: Run, shown: Given) -> tuple[np.ndarray, dict[str, Any]]:
    """Of each pair the topmost g groups of the first and the others of the second."""
    pairs = len(shown.x) // 2
    if len(shown.x) % 2:
        raise InputError(f"level mixing is of two examples each; {len(shown.x)} is not even.")
    mean = run.encode(shown.x).mean
    made = np.stack(
        [
            run.decode(tuple(leaf[0::2] if i < g else leaf[1::2] for i, leaf in enumerate(mean)))
            for g in range(len(mean) + 1)
        ],
        axis=1,
    )
    first, second = shown.x[0::2], shown.x[1::2]
    sheet = np.concatenate([first[:, None], made[:, ::-1], second[:, None]], axis=1)
    titles = ["first", *(f"top {g}" for g in reversed(range(len(mean) + 1))), "second"]
    rows = [f"{shown.names[2 * i]}, {shown.names[2 * i + 1]}" for i in range(pairs)]
    return run.modality.table(sheet, run.event, titles, rows), {
        "groups": len(mean),
        "distance_to_first": _distance(made, made[:, -1:]).tolist(),
        "distance_to_second": _distance(made, made[:, :1]).tolist(),
    }


def _distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The root mean squared difference of x [R, N, *places, C], as [R, N]."""
    difference = (a - b).reshape(*a.shape[:2], -1)
    return np.sqrt(np.mean(difference**2, axis=-1))
