"""Edits the latents, or the condition, of a run's examples.

    z' = z + strength d_a,    x' = decode(z')

The step d_a of an attribute is found in the labelled training set, see `directions.py`; it leaves
other attributes as they are. Where the data have classes, each of them is an attribute, which the
examples of the others lack: the step leads from the mean of the others to that of the class. A
conditional model is given another y instead, and z stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vae.data.fields import field_with, fields_of
from vae.data.labels import class_name
from vae.errors import InputError, did_you_mean, not_one_of
from vae.models.condition import of_decoder
from vae.run import Run
from vae.tasks.directions import METHODS
from vae.tasks.encodings import encodings
from vae.tasks.inputs import attribute_columns, refuse


class Editor:
    """Edits the latents, or the condition, of a run's examples.

    Args:
      run: a run whose data have attributes or classes.
      method: "means" or "linear", see `directions.py`; a conditional model does not use it.
      keep: attributes that stay as they are; all others where None.

    Raises:
      InputError: the data have neither, or not these, the model is given the class, or its latents
        are not one vector in R^D.
    """

    def __init__(
        self, run: Run, *, method: str = "means", keep: Sequence[str] | None = None
    ) -> None:
        if method not in METHODS:
            raise InputError(not_one_of(f"--method={method}", method, METHODS))
        condition = of_decoder(run.model.condition)
        self._run = run
        self.conditional = bool(condition and condition.kind == "attributes")
        if not run.attributes and number_of_classes(run):
            refuse("is for attributes; an example has one class alone: leave it out.", keep=keep)
            if condition:
                raise InputError(
                    f"the model of {run.workdir} is given the class of an example, which its "
                    "latents need not tell: `transfer` decodes examples as those of other classes."
                )
            known = encodings(run)
            told = known.label >= 0
            y = np.eye(number_of_classes(run), dtype=np.float32)[known.label[told].astype(int)]
            self._steps = METHODS[method](known.z[told], y, ())
            return
        kept = attribute_columns(run.attributes if keep is None else keep, run)
        if not self.conditional:
            known = encodings(run)
            fields = [field.columns for field in fields_of(run.attributes)]
            self._steps = METHODS[method](known.z, run.scales.share(known.label), kept, fields)

    def step(self, name: str) -> np.ndarray:
        """Returns the step [D] of strength 1 of an attribute or towards a class.

        Raises:
          InputError: there is none of this name, or the training set does not tell it from the
            attributes that stay.
        """
        column = column_of(name, self._run)
        if not self._steps[column].any():
            raise InputError(
                f"the training data do not tell {name} from the attributes that stay; give "
                "fewer as --keep, if it varies at all."
            )
        return self._steps[column]

    def __call__(
        self, z: Any, y: np.ndarray | None, name: str, strength: float
    ) -> tuple[Any, np.ndarray | None]:
        """Returns the edited latents and condition.

        A conditional model is given a y_a that moves the share |strength| of the way to its high (1
        for an attribute between 0 and 1), or to its low where the strength is negative. A class of
        a field is turned on as the others of that field are turned off.
        """
        if not self.conditional:
            return z + np.float32(strength) * self.step(name), y
        column, scales = column_of(name, self._run), self._run.scales
        columns, ends = [column], [(scales.high if strength > 0 else scales.low)[column]]
        if field := field_with(column, self._run.attributes):
            if strength < 0:
                raise InputError(
                    f"{name} is one of {len(field.classes)}, and an example has one of them: turn "
                    f"on another {field.name}, with a strength above 0."
                )
            columns, ends = list(field.columns), [float(c == column) for c in field.columns]
        y = np.array(y, np.float32)
        y[:, columns] += abs(strength) * (np.array(ends, np.float32) - y[:, columns])
        return z, y


def number_of_classes(run: Run) -> int:
    """Returns the number of classes of the data that a run was trained on."""
    return run.data.get("num_classes", 0)


def column_of(name: str, run: Run) -> int:
    """Returns the column of an attribute, or the number of a class where the data have classes.

    Raises:
      InputError: the data have neither, or none of this name.
    """
    number = number_of_classes(run)
    if run.attributes or not number:
        return attribute_columns([name], run)[0]
    classes = [class_name(i, run.classes) for i in range(number)]
    if name not in classes:
        there = ", ".join(classes)
        hint = did_you_mean(name, classes)
        raise InputError(f"there is no class {name!r}; there are {there}{hint}")
    return classes.index(name)
