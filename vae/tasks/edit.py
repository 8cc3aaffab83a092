"""An attribute turned on or off, by a step in latent space or in what the model is told.

    z' = z + strength d_a,    x' = decode(z')

with the attribute's step d_a found in the labelled training set, see `directions.py`, which leaves
alone what is to stay. A conditional model is told another y instead, and z stays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.data.prepare import first_examples
from vae.errors import InputError, not_one_of
from vae.evaluation.probe import Probe
from vae.modalities import pictures
from vae.run import Run
from vae.tasks import names
from vae.tasks.directions import METHODS
from vae.tasks.encodings import encodings
from vae.tasks.fidelity import classifier
from vae.tasks.inputs import attribute_columns, given
from vae.training.directory import write_json

NUM, STEPS = 8, 4  # test examples, and columns
MEASURED = 256  # test examples
ON = 0.5  # an attribute whose share of its range is below it is off


class Editor:
    """What an edit of a run's examples is.

    Args:
      run: a run whose data have attributes.
      method: "means" or "linear", see `directions.py`; not used by a conditional model.
      keep: attributes that are to stay; all the others where None.

    Raises:
      InputError: the data have no attributes or not these, or the model has no place for an edit.
    """

    def __init__(
        self, run: Run, *, method: str = "means", keep: Sequence[str] | None = None
    ) -> None:
        if method not in METHODS:
            raise InputError(not_one_of(f"--method={method}", method, METHODS))
        kept = attribute_columns(run.attributes if keep is None else keep, run)
        condition = run.model.condition
        self.conditional = bool(condition and condition.kind == "attributes")
        self._run = run
        if not self.conditional:
            known = encodings(run)
            self._steps = METHODS[method](known.z, run.scales.share(known.label), kept)

    def step(self, attribute: str) -> np.ndarray:
        """The step [D] of strength 1 of an attribute.

        Raises:
          InputError: there is no such attribute, or the training set does not tell it from those
            that are to stay.
        """
        (column,) = attribute_columns([attribute], self._run)
        if not self._steps[column].any():
            raise InputError(
                f"the training data do not tell {attribute} from the attributes that are to "
                "stay; name fewer with --keep, if they differ in it at all."
            )
        return self._steps[column]

    def __call__(
        self, z: Any, y: np.ndarray | None, attribute: str, strength: float
    ) -> tuple[Any, np.ndarray | None]:
        """Latents and what the model is told of them, edited.

        A conditional model is told a y_a that moves by |strength| of the way to its high (1 for an
        attribute between 0 and 1), or to its low where the strength is negative: 1 is all of it,
        more goes beyond.
        """
        if not self.conditional:
            return z + np.float32(strength) * self.step(attribute), y
        (column,) = attribute_columns([attribute], self._run)
        y = np.array(y, np.float32)
        scales = self._run.scales
        end = (scales.high if strength > 0 else scales.low)[column]
        y[:, column] += abs(strength) * (end - y[:, column])
        return z, y


def edit(
    run: Run,
    *,
    attribute: str,
    strength: float = 2.0,
    files: Sequence[str | Path] = (),
    num: int = NUM,
    method: str = "means",
    keep: Sequence[str] | None = None,
    steps: int = STEPS,
    residual: bool = False,
    labels: Sequence[int] = (),
    attributes: Sequence[Mapping[str, float]] = (),
) -> tuple[list[Path], dict[str, Any]]:
    """Writes a sheet of examples, their reconstructions and their edits of growing strength.

    Args:
      run: a run whose data have attributes.
      attribute: that is changed.
      strength: of the last column; 1 is from without the attribute to with it (of one that is not
        between 0 and 1, from its low to its high, see `Scales`), negative takes it away.
      files: the user's files and folders; the first test examples where empty.
      num: how many test examples.
      method: "means" or "linear", see `directions.py`.
      keep: attributes that are to stay; all the others where None.
      steps: columns from strength / steps to the whole of it.
      residual: adds what the reconstruction lacks of the example, x' + x - decode(z).
      labels: of the user's examples; see `given`.
      attributes: of the user's examples; see `given`.

    Returns:
      The paths of the sheet and the figures, and the figures: by how much each edit changed each
      example (root of the mean squared difference from the reconstruction, in units of x), and
      the error of the reconstruction.

    Raises:
      InputError: the model does not encode, or see `Editor` and `given`.
    """
    attribute_columns([attribute], run)
    editor = Editor(run, method=method, keep=keep)
    shown = given(run, files=files, num=num, labels=labels, attributes=attributes)
    z = run.encode(shown.x, shown.y).mean
    reconstructed = run.decode(z, shown.y)
    missing = shown.x - reconstructed if residual else 0.0
    strengths = [strength * (i + 1) / steps for i in range(steps)]
    edited = np.stack(
        [run.decode(*editor(z, shown.y, attribute, s)) + missing for s in strengths], axis=1
    )
    how = "condition" if editor.conditional else method
    path = names.picture(
        run,
        "edit",
        f"{attribute}{strength:g}",
        how + "_residual" * residual,
        shown.tag,
        keep=(keep, None),
        steps=(steps, STEPS),
        num=(num, NUM),
    )
    sheet = np.concatenate([shown.x[:, None], reconstructed[:, None], edited], axis=1)
    titles = ["given", "decoded", *(f"{s:+.3g}" for s in strengths)]
    pictures.save(run.modality.table(sheet, run.event, titles), path)
    others = run.modality.save(sheet, run.event, path)
    change = edited - (reconstructed + missing)[:, None]
    figures = {
        "step": run.step,
        "attribute": attribute,
        "method": how,
        "strengths": strengths,
        "examples": [
            {
                "example": shown.names[i],
                "reconstruction_rmse": _rms(shown.x[i] - reconstructed[i]),
                "change_rms": [_rms(one) for one in change[i]],
            }
            for i in range(len(shown.x))
        ],
    }
    write_json(path.with_suffix(".json"), figures)
    return [path, *others, path.with_suffix(".json")], figures


def edit_figures(
    run: Run,
    regressor: Callable[[np.ndarray], np.ndarray],
    *,
    strength: float = 1.0,
    method: str = "means",
    keep: Sequence[str] | None = None,
    num: int = MEASURED,
) -> dict[str, Any]:
    """Turns each attribute on in test examples without it, and reads what that did to all of them.

    Args:
      run: a run whose data have attributes.
      regressor: x [N, *places, C] of the run's model to attributes [N, A], as shares of their
        ranges.
      strength: of the edits.
      method: see `Editor`.
      keep: see `Editor`.
      num: test examples, of which an attribute's row has those that are below half of its range.

    Returns:
      The figures, also written into `run.out`. "change" [A][A] is the mean
      change, edited minus reconstructed, as the regressor reads it: of attribute j (columns) where
      i (rows) is turned on; "stderr" is its standard error, and "count" [A] of how many examples.
      What cannot be edited, or is on in all test examples, has null.

    Raises:
      InputError: see `Editor`.
    """
    editor = Editor(run, method=method, keep=keep)
    batch = first_examples(run.dataset(), "test", num, run.config)
    y = batch.y if run.model.condition else None
    z = run.encode(batch.x, y).mean
    before, shares = regressor(run.decode(z, y)), run.scales.share(batch.y)
    rows, errors, counts = [], [], []
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
    write_json(path.with_suffix(".json"), figures)
    return figures


def measure(run: Run, **settings: Any) -> str:
    """The table of `edit_figures` as read by the classifier of the run's data, see `probe.py`.

    Args:
      run: a run whose data have attributes.
      **settings: of `edit_figures`.

    Raises:
      InputError: see `Editor`.
    """
    attribute_columns((), run)

    @functools.cache
    def probe() -> Probe:  # trained once the run is known to be one that edits
        return classifier(run, run.dataset())

    return as_table(edit_figures(run, lambda x: probe().predict(x), **settings))


def as_table(figures: Mapping[str, Any]) -> str:
    """The figures of `edit_figures` as text: a row for each edited attribute."""
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


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference**2)))
