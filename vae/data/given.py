"""What a person gives beside examples (classes, attributes, numbers), checked and made arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.data.labels import class_name
from vae.errors import InputError


def finite_numbers(given: Any, what: str) -> np.ndarray:
    """Returns finite float32 of what is given from Python.

    Raises:
      InputError: it is none.
    """
    given = np.asarray(given)
    if given.dtype.kind not in "iufb" or not np.isfinite(given).all():
        raise InputError(f"{what} must be finite numbers, and these are not all.")
    return given.astype(np.float32)


def latents(z: Any, like: Any) -> Any:
    """Returns latents, a tree of float32 arrays [N, ...], of the shapes of `like` but for N.

    Raises:
      InputError: they have another shape, are not numbers, or there are none.
    """
    z = jax.tree.map(lambda leaf: finite_numbers(leaf, "latents"), z)
    given, wanted = (jax.tree.map(lambda leaf: leaf.shape[1:], tree) for tree in (z, like))
    if given != wanted:
        raise InputError(f"latents of shape [N, *{given}] must be [N, *{wanted}].")
    if not len(jax.tree.leaves(z)[0]):
        raise InputError("there are no latents: give at least one.")
    return z


def labels_of(
    condition: Any,
    labels: Any,
    num: int,
    *,
    names: Sequence[str],
    unlabelled: bool,
    workdir: Path,
) -> np.ndarray:
    """Returns the labels that a model is given, classes [num] or attributes [num, A].

    Args:
      condition: the model's; None where it takes no labels, which are then left out.
      labels: what is given, see `class_labels` and `attribute_values`.
      num: how many examples there are.
      names: those of the attributes, or of the classes.
      unlabelled: whether a class may be unknown.
      workdir: the run, for the message.
    """
    if not condition:
        return np.full(num, -1, np.int32)
    if condition.kind == "attributes":
        return attribute_values(labels, num, names)
    return class_labels(
        labels, num, size=condition.size, names=names, unlabelled=unlabelled, workdir=workdir
    )


def class_labels(
    labels: Any, num: int, *, size: int, names: Sequence[str], unlabelled: bool, workdir: Path
) -> np.ndarray:
    """Returns classes [num] int32 of labels that are numbers, or names of classes.

    Args:
      labels: [num]; None where all of them are unknown.
      num: how many examples there are.
      size: how many classes there are.
      names: those of the classes; none where these are their numbers.
      unlabelled: whether a class may be unknown, which is -1.
      workdir: the run whose classes they are, for the message.

    Raises:
      InputError: they are of another number, or there is no such class.
    """
    lowest = -1 if unlabelled else 0
    if labels is None and not unlabelled:
        raise InputError(f"this model is conditional: give labels from 0 to {size - 1}.")
    labels = np.full(num, -1) if labels is None else np.asarray(labels)
    if labels.dtype.kind == "U" and labels.ndim == 1:
        labels = np.array(class_numbers(labels.tolist(), size=size, names=names, workdir=workdir))
    whole = labels.dtype.kind in "iuf" and (labels == np.rint(labels)).all()
    if not whole or labels.shape != (num,) or labels.min() < lowest or labels.max() >= size:
        raise InputError(f"labels must be {num} whole numbers from {lowest} to {size - 1}.")
    return labels.astype(np.int32)


def class_numbers(
    labels: Sequence[int | str], *, size: int, names: Sequence[str], workdir: Path
) -> list[int]:
    """Returns the classes of labels: a number is a class's, and text its name or else its number.

    Raises:
      InputError: there is no such class.
    """
    number = {str(i): i for i in range(size)} | {name: i for i, name in enumerate(names)}
    found = [number.get(x) if isinstance(x, str) else int(x) for x in labels]
    for label, of in zip(labels, found, strict=True):
        if of not in range(size):
            few = ", ".join(class_name(i, names) for i in range(size)[:10])
            raise InputError(
                f"there is no class {str(label)!r} in {workdir}; its {size} are "
                f"{few}{', ...' if size > 10 else ''}."
            )
    return found


def attribute_values(values: Any, num: int, names: Sequence[str]) -> np.ndarray:
    """Returns attributes [num, A] float32.

    Raises:
      InputError: there are none, or of another shape, or they are not numbers.
    """
    listed = ", ".join(names)
    if values is None:
        raise InputError(f"this model is conditional: give the attributes {listed}.")
    values = finite_numbers(values, "attributes")
    if values.shape != (num, len(names)):
        raise InputError(f"attributes must be [{num}, {len(names)}] numbers: {listed}.")
    return values
