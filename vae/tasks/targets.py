"""What may be read from latents: the class of an example, its classes by field, its attributes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vae.data.examples import Dataset
from vae.data.fields import fields_of
from vae.data.labels import class_name


class Target(NamedTuple):
    """Something that is known of examples.

    Attributes:
      name: its name.
      classes: the names of its classes; empty where it is a number.
      columns: its columns among the attributes; empty where labels are classes.
      one: whether it is a class or a field, of which an example has one class of several; an
        attribute of two values is not.
    """

    name: str
    classes: tuple[str, ...]
    columns: tuple[int, ...] = ()
    one: bool = False

    def of(self, labels: np.ndarray) -> np.ndarray:
        """Returns its values [N] for labels [N] or [N, A]: classes (-1: none), or numbers."""
        if not self.columns:
            return labels.astype(np.int64)
        if self.one:
            return labels[:, self.columns].argmax(1)
        values = labels[:, self.columns[0]].astype(np.float64)
        return (values == float(self.classes[1])).astype(np.int64) if self.classes else values


def targets_of(dataset: Dataset, labels: np.ndarray) -> list[Target]:
    """Returns the targets of a data set.

    Args:
      dataset: the data.
      labels: those of training examples, [N] or [N, A]. An attribute that is the same in all of
        them is left out, and one of two values has these as its classes.
    """
    if not dataset.attributes:
        names = tuple(class_name(c, dataset.classes) for c in range(dataset.num_classes))
        return [Target("class", names, (), True)] if (labels >= 0).any() else []
    fields = fields_of(dataset.attributes)
    found = [Target(field.name, field.classes, field.columns, True) for field in fields]
    taken = {column for field in fields for column in field.columns}
    for column, name in enumerate(dataset.attributes):
        values = np.unique(labels[:, column])
        if column not in taken and len(values) > 1:
            two = tuple(f"{value!r}" for value in values.tolist()) if len(values) == 2 else ()
            found.append(Target(name, two, (column,)))
    return found
