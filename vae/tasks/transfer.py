"""Combines the style of one example with the content of another.

In a conditional model, the style of an example is its condition y, and the content is z, which
encodes the rest: x is decoded from the z of one example and the y of another. In an unconditional
ladder, the topmost groups of latents are the coarse parts of an example and the lowest its finest:
x is decoded from the topmost g groups of one example and the others of another, for every g.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import jax
import numpy as np

from vae.annotations import Count
from vae.data.distance import distance
from vae.data.fields import fields_of, without_field
from vae.data.labels import called
from vae.data.prepare import first_examples
from vae.errors import InputError, not_one_of
from vae.modalities.sheets import Sheet
from vae.models.condition import of_decoder
from vae.models.ladder import Ladder
from vae.run import Run
from vae.tasks import names
from vae.tasks.fidelity import classifier, seen, shown_by
from vae.tasks.inputs import Given, given, refuse
from vae.tasks.output import Output
from vae.training.directory import write_json

NUM = 8
MEASURED = 1000  # test examples that are measured


def transfer(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    num: Count | None = None,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    style: Sequence[str] = (),
    measure: bool = False,
) -> Output:
    """Draws each example's content in each other's style, with a conditional model or a ladder.

    The sheet of a conditional model has a row for each content, a column for each style, and
    reconstructions on the diagonal. That of a ladder has a row for each pair of consecutive
    examples, and a column for each number of topmost groups taken from the left one. With
    `measure`, a classifier of the data says whether contents stay and styles change.

    Examples:
      vae transfer --workdir=runs/celeba_cvae
      vae transfer --workdir=runs/speech --style=speaker --measure
      vae transfer --workdir=runs/ladder --files=A.png,B.png

    Args:
      run: a run of a conditional model or of a ladder.
      files: files and folders of your own examples; the first test examples if absent.
      num: the number of test examples; 8 if absent (1000 with measure).
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      style: the attributes or classes (digit, speaker) that are style; the others stay with the
        content; all are style if absent.
      measure: measures what transfers show, with a conditional model.

    Returns:
      The paths of the sheet and the figures, and the figures: the distance of each result to the
      reconstruction of its content (for a ladder: of both examples), that of x, see
      `vae/data/distance.py`. With `measure`, "transferred" has the share of examples in another's
      style that the classifier takes for what they were decoded as, "shown_NAME" of each field or
      attribute of two values, and "reconstructed" the same in their own style.

    Raises:
      InputError: the model is neither, or the number of examples for a ladder is odd; or as
        `given`.
    """
    ladder = isinstance(run.model, Ladder) and not run.model.condition
    if not (ladder or of_decoder(run.model.condition)):
        raise InputError(
            f"the model of {run.workdir} has no style apart from content; one whose decoder is "
            "given a model.condition ('label' or 'attributes') has, or model.name='ladder'."
        )
    if ladder and num and num % 2:
        num += 1
    columns = _columns(style, run)
    if measure:
        why = "has no effect with --measure, which takes test examples."
        refuse(why, files=files, labels=labels, attributes=attributes)
        return _measured(run, columns, style, num or MEASURED)
    shown = given(run, files=files, num=num, usual=NUM, labels=labels, attributes=attributes)
    sheet, figures = _mix_groups(run, shown) if ladder else _swap(run, shown, columns)
    path = names.picture(run, "transfer", shown.tag, style=(style, ()), num=(num or NUM, NUM))
    paths = sheet.save(path)
    figures = {"step": run.step, "examples": shown.names} | figures
    write_json(path.with_suffix(".json"), figures)
    return Output([*paths, path.with_suffix(".json")], figures, sheet.text)


def _columns(style: Sequence[str], run: Run) -> list[int]:
    """Returns the columns of a run's attributes that are style; [] where the whole condition is.

    Raises:
      InputError: the model's condition is a class, or has no such attributes or fields.
    """
    if not style:
        return []
    if not (run.model.condition and run.model.condition.kind == "attributes"):
        raise InputError(
            "--style chooses among attributes, which this model is not conditional on."
        )
    columns = {field.name: list(field.columns) for field in fields_of(run.attributes)}
    columns |= {name: [run.attributes.index(name)] for name in without_field(run.attributes)}
    for name in style:
        if name not in columns:
            raise InputError(not_one_of(f"--style={name}", name, columns))
    return list(itertools.chain.from_iterable(columns[name] for name in style))


def _measured(run: Run, columns: Sequence[int], style: Sequence[str], num: int) -> Output:
    """Has a classifier read test examples that are decoded in the style of others, at random.

    Examples that are decoded in the style that they have are left out.

    Raises:
      InputError: the model has no condition, or as `classifier`.
    """
    if not run.model.condition:
        raise InputError("--measure is for a conditional model, whose data have labels.")
    dataset = run.dataset()
    probe = classifier(run, dataset)
    batch = first_examples(dataset, "test", num, run.config)
    other = np.random.default_rng(0).permutation(len(batch.x))
    y = _in_style(batch.y, batch.y[other], columns)
    rows = np.flatnonzero((y != batch.y).reshape(len(y), -1).any(1))
    if not len(rows):
        raise InputError(f"no two of {len(y)} test examples differ in style: give a larger --num.")
    x, own, y = batch.x[rows], batch.y[rows], y[rows]
    z = run.encode(x, own).mean
    shown = {
        name: shown_by(probe, seen(run, run.decode(z, told)), told)
        for name, told in (("transferred", y), ("reconstructed", own))
    }
    figures = {"step": run.step, "examples": len(rows), "style": list(style)} | {
        name: {key: float(each.mean()) for key, each in found.items()}
        for name, found in shown.items()
    }
    settings = {"style": (style, ()), "num": (num, MEASURED)}
    path = names.picture(run, "transfer", "measured", **settings).with_suffix(".json")
    write_json(path, figures)
    return Output([path], figures)


def _in_style(content: np.ndarray, style: np.ndarray, columns: Sequence[int]) -> np.ndarray:
    """Returns the conditions of contents, with those of styles in some columns, or in all."""
    if not columns:
        return style
    told = content.copy()
    told[:, columns] = style[:, columns]
    return told


def _swap(run: Run, shown: Given, columns: Sequence[int]) -> tuple[Sheet, dict[str, Any]]:
    """Combines all contents and styles; returns the sheet and the figures.

    Args:
      run: the run.
      shown: the examples.
      columns: the columns of y that are style; all where empty.
    """
    number, y = len(shown.x), cast(np.ndarray, shown.y)
    mean = run.encode(shown.x, shown.y).mean
    content, style = np.divmod(np.arange(number**2), number)
    told = _in_style(y[content], y[style], columns)
    made = run.decode(jax.tree.map(lambda leaf: leaf[content], mean), told)
    made = made.reshape(number, number, *made.shape[1:])
    own = made[np.arange(number), np.arange(number)]
    classes = called(shown.y, run.attributes or run.classes)
    sheet = run.modality.table(
        np.concatenate([shown.x[None], made]),
        run.event,
        f"Content and style, step {run.step:,}: the latents of the example on the left, decoded "
        "with the condition of the one above; reconstructions on the diagonal",
        columns=classes or [f"as {name}" for name in shown.names],
        rows=["style", *shown.names],
        before={"content": np.concatenate([_nothing(shown.x[:1]), shown.x])},
    )
    return sheet, {"distance": distance(made, own[:, None], run.event).tolist()}


def _nothing(like: np.ndarray) -> np.ndarray:
    """Returns examples that are missing at all positions."""
    return np.full_like(like, -1 if like.dtype.kind == "i" else np.nan)


def _mix_groups(run: Run, shown: Given) -> tuple[Sheet, dict[str, Any]]:
    """Combines the topmost g groups of the first of a pair with the others of the second.

    Returns:
      The sheet and the figures.

    Raises:
      InputError: the number of examples is odd.
    """
    pairs = len(shown.x) // 2
    if len(shown.x) % 2:
        raise InputError(f"a ladder combines pairs of examples; {len(shown.x)} is no even number.")
    mean = run.encode(shown.x).mean
    made = np.stack(
        [
            run.decode(tuple(leaf[0::2] if i < g else leaf[1::2] for i, leaf in enumerate(mean)))
            for g in range(len(mean) + 1)
        ],
        axis=1,
    )
    first, second = shown.x[0::2], shown.x[1::2]
    sheet = run.modality.table(
        made[:, ::-1],
        run.event,
        f"The topmost groups of latents of one example, and the others of another, step "
        f"{run.step:,}: how many of {len(mean)} groups are of the first",
        columns=[f"{g} of the first" for g in reversed(range(len(mean) + 1))],
        rows=[f"{shown.names[2 * i]}, {shown.names[2 * i + 1]}" for i in range(pairs)],
        before={"first": first},
        after={"second": second},
    )
    return sheet, {
        "groups": len(mean),
        "distance_to_first": distance(made, made[:, -1:], run.event).tolist(),
        "distance_to_second": distance(made, made[:, :1], run.event).tolist(),
    }
