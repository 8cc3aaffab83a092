"""Turns an attribute on or off, and measures what that changes, see `editor.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vae.annotations import Count
from vae.data.distance import distance
from vae.data.fields import field_with
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.probe import Probe
from vae.run import Run
from vae.tasks import names
from vae.tasks.editor import Editor, column_of
from vae.tasks.fidelity import classifier, seen
from vae.tasks.inputs import attribute_columns, given, refuse
from vae.tasks.output import Output
from vae.training.directory import write_json

NUM, STEPS = 8, 4  # test examples and columns of a sheet
MEASURED = 256  # test examples that are measured
HOW = {
    "condition": "the condition changes, the latents stay",
    "means": "the latents move along a difference of means",
    "linear": "the latents move along the normal of a linear classifier",
}
ON = 0.5  # an attribute is off below this share of its range


def edit(
    run: Run,
    *,
    attribute: str | None = None,
    measure: bool = False,
    strength: float | None = None,
    files: Sequence[str | Path] = (),
    num: Count | None = None,
    method: Literal["means", "linear"] = "means",
    keep: Sequence[str] | None = None,
    steps: Count | None = None,
    residual: bool = False,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> Output:
    """Turns an attribute of examples on or off, in steps; or measures what all such edits do.

    It draws examples, their reconstructions and their edits of growing strength. With `measure`, it
    turns on each attribute in test examples without it, and a classifier says what that changed.

    Examples:
      vae edit --workdir=runs/faces --attribute=Eyeglasses --strength=1.5 --residual
      vae edit --workdir=runs/faces --measure

    Args:
      run: a run whose data have attributes or classes.
      attribute: the attribute to edit, or the class to lead to, where the data have classes.
      measure: measures what the edit of each attribute does to all attributes.
      strength: how far the last column goes; 2 if absent, 1 with measure or for a class of a
        conditional model. 1 turns the attribute on, from its low to its high; -1 off.
      files: files and folders of your own examples; test examples if absent.
      num: the number of test examples; 8 if absent (256 with measure).
      method: finds directions by differences of means, or by linear classifiers.
      keep: attributes that stay as they are; all others if absent.
      steps: the number of columns, of growing strength; 4 if absent.
      residual: adds to each edit what the reconstruction lacks of the example.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.

    Returns:
      The paths of the sheet and the figures, and the figures: by how much each edit changed each
      example (the distance of x from the reconstruction, see `vae/data/distance.py`), and the
      distance of the reconstruction. With `measure` see `edit_figures`.

    Raises:
      InputError: the model does not encode; or as `Editor` and `given`.
    """
    if measure:
        why = "has no effect with --measure, which edits each attribute of test examples."
        refuse(why, attribute=attribute, files=files, steps=steps, residual=residual)
        refuse(why, labels=labels, attributes=attributes)
        chosen = {"strength": strength, "num": num}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        return _measured(run, method=method, keep=keep, **chosen)
    if attribute is None:
        raise InputError("--attribute=NAME is missing: what edit is to change.")
    column, steps = column_of(attribute, run), steps or STEPS
    if residual and run.event.values.kind == "tokens":
        raise InputError("--residual adds values, but tokens are no numbers: leave it out.")
    editor = Editor(run, method=method, keep=keep)
    if strength is None:  # beyond 1 a condition would have less than nothing of another class
        strength = 1.0 if editor.conditional and field_with(column, run.attributes) else 2.0
    shown = given(run, files=files, num=num, usual=NUM, labels=labels, attributes=attributes)
    z = run.encode(shown.x, shown.y).mean
    reconstructed = run.decode(z, shown.y)
    missing = shown.x - reconstructed if residual else np.zeros_like(shown.x)
    strengths = [strength * (i + 1) / steps for i in range(steps)]
    edited = np.stack(
        [run.decode(*editor(z, shown.y, attribute, s)) + missing for s in strengths], axis=1
    )
    how = "condition" if editor.conditional else method
    path = names.picture(
        run,
        "edit",
        f"{attribute}{strength:g}" if run.attributes else f"class_{attribute}_{strength:g}",
        how + "_residual" * residual,
        shown.tag,
        keep=(keep, None),
        steps=(steps, STEPS),
        num=(num or NUM, NUM),
    )
    called = attribute if run.attributes else f"class {attribute}"
    title = (
        f"{called} edited, step {run.step:,}: a strength of 1 is the way from examples without "
        "it to those with it; "
        + HOW[how]
        + ("; what the reconstruction lacks is added" if residual else "")
    )
    sheet = run.modality.table(
        edited,
        run.event,
        title,
        columns=[f"{s:+.3g}" for s in strengths],
        rows=shown.names,
        before={"given": shown.x, "decoded": reconstructed},
    )
    paths = sheet.save(path)
    change = distance(edited, (reconstructed + missing)[:, None], run.event)
    lacking = distance(shown.x, reconstructed, run.event)
    figures = {
        "step": run.step,
        "attribute": attribute,
        "method": how,
        "strengths": strengths,
        "examples": [
            {
                "example": shown.names[i],
                "reconstruction": float(lacking[i]),
                "change": change[i].tolist(),
            }
            for i in range(len(shown.x))
        ],
    }
    write_json(path.with_suffix(".json"), figures)
    return Output([*paths, path.with_suffix(".json")], figures, sheet.text)


def edit_figures(
    run: Run,
    regressor: Callable[[np.ndarray], np.ndarray],
    *,
    strength: float = 1.0,
    method: str = "means",
    keep: Sequence[str] | None = None,
    num: int = MEASURED,
) -> Output:
    """Turns on each attribute in test examples without it, and measures the change of all of them.

    Args:
      run: a run whose data have attributes.
      regressor: x [N, *places, C] of the run's model -> attributes [N, A], as shares of their
        ranges.
      strength: the strength of the edits.
      method: see `Editor`.
      keep: see `Editor`.
      num: the number of test examples. Each attribute is turned on in those of them that have less
        than half of its range.

    Returns:
      The path of the figures, and the figures. "change" [A][A] is the mean change of attribute j
      (columns) where attribute i (rows) is turned on: edited minus reconstructed, as the regressor
      reads it. "stderr" is its standard error, and "count" [A] the number of examples. Rows of
      attributes that cannot be edited, or are on in all test examples, are null.

    Raises:
      InputError: see `Editor`.
    """
    editor = Editor(run, method=method, keep=keep)
    batch = first_examples(run.dataset(), "test", num, run.config)
    y = batch.y if run.model.condition else None
    z = run.encode(batch.x, y).mean
    before, shares = regressor(run.decode(z, y)), run.scales.share(batch.y)
    rows: list[list[float] | None] = []
    errors: list[list[float] | None] = []
    counts: list[int] = []
    for a, attribute in enumerate(run.attributes):
        off = shares[:, a] < ON
        counts.append(int(off.sum()))
        try:
            after = regressor(run.decode(*editor(z, y, attribute, strength)))
        except InputError:
            counts[-1] = 0
        if counts[-1] < 2:
            rows.append(None)
            errors.append(None)
            continue
        change = (after - before)[off]
        rows.append(change.mean(0).tolist())
        errors.append((change.std(0, ddof=1) / np.sqrt(len(change))).tolist())
    how = "condition" if editor.conditional else method
    figures = {
        "step": run.step,
        "attributes": list(run.attributes),
        "method": how,
        "strength": strength,
        "count": counts,
        "change": rows,
        "stderr": errors,
    }
    settings = {"strength": (strength, 1.0), "keep": (keep, None), "num": (num, MEASURED)}
    path = names.picture(run, "edit", f"measured_{how}", **settings)
    path = path.with_suffix(".json")
    write_json(path, figures)
    return Output([path], figures, as_table(figures))


def _measured(run: Run, **settings: Any) -> Output:
    """Returns what `edit_figures` finds with the classifier of the run's data, see `probe.py`."""
    attribute_columns((), run)

    @functools.cache
    def probe() -> Probe:  # trained only after the run is known to be editable
        return classifier(run, run.dataset())

    def read(x: np.ndarray) -> np.ndarray:
        return probe().predict(seen(run, x))

    return edit_figures(run, read, **settings)


def as_table(figures: Mapping[str, Any]) -> str:
    """Returns the figures of `edit_figures` as text, with a row for each edited attribute."""
    attributes = figures["attributes"]
    width = max(map(len, attributes))
    lines = [" " * width + "".join(f"  {name:>6.6}" for name in attributes) + "   others"]
    for i, (name, row) in enumerate(zip(attributes, figures["change"], strict=True)):
        if row is None:
            lines.append(f"{name:<{width}}  cannot be turned on in these test examples")
            continue
        others = np.mean(np.abs(np.delete(row, i)))
        lines.append(f"{name:<{width}}" + "".join(f"  {v:+6.2f}" for v in row) + f"   {others:.3f}")
    return "\n".join(lines)
