"""Checks what a user gives beside examples (classes, attributes, numbers) and makes it arrays."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from vae.data import fields
from vae.data.labels import class_name
from vae.errors import InputError, did_you_mean, whole_number

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def as_array(given: Any, what: str) -> np.ndarray:
    """Returns a value given from Python as an array.

    Raises:
      InputError: it makes no array, like lists of different lengths.
    """
    try:
        return np.asarray(given)
    except ValueError as error:
        raise InputError(f"{what} are no array: {str(error).split('.')[0]}.") from None


def key(seed: Any) -> jax.Array:
    """Returns the random key of a seed given from Python.

    Raises:
      InputError: the seed is no whole number.
    """
    return jax.random.key(whole_number(seed, "seed", -(2**63)))


def finite_numbers(given: Any, what: str) -> np.ndarray:
    """Returns a value given from Python as an array of finite float32.

    Raises:
      InputError: some of it is no finite number.
    """
    given = as_array(given, what)
    if given.dtype.kind not in "iufb" or not np.isfinite(given).all():
        raise InputError(f"{what} must be finite numbers, and some are not.")
    return given.astype(np.float32)


def temperature(given: Any) -> np.float32:
    """Returns a temperature given from Python.

    Raises:
      InputError: it is no number, negative or infinite.
    """
    if np.ndim(given) or not (value := finite_numbers(given, "temperatures")) >= 0:
        raise InputError(f"temperature={given} must be one number and not negative.")
    return np.float32(value)


def latents(z: Any, like: Any) -> Any:
    """Returns latents as a tree of float32 arrays [N, ...], shaped like `like` but for N.

    Raises:
      InputError: the latents have another shape, are not numbers, or are empty.
    """
    wanted, structure = jax.tree.flatten(like)
    given = jax.tree.leaves(z) if len(wanted) > 1 else [z]
    given = [finite_numbers(leaf, "latents") for leaf in given]
    if [leaf.shape[1:] for leaf in given] != [leaf.shape[1:] for leaf in wanted]:
        needed = " and ".join(f"[N, {', '.join(map(str, leaf.shape[1:]))}]" for leaf in wanted)
        there = " and ".join(str(leaf.shape) for leaf in given[:9])
        raise InputError(f"latents of shape {there} must be {needed}.")
    if {len(leaf) for leaf in given} != {(number := len(given[0]))} or not number:
        raise InputError("there are no latents, or fewer in one array: give as many in each.")
    return jax.tree.unflatten(structure, given)


def labels_of(
    condition: Any,
    labels: Any,
    num: int,
    *,
    names: Sequence[str],
    unlabelled: bool,
    workdir: Path,
    in_turn: bool = False,
) -> np.ndarray:
    """Returns the labels that a model is given, classes [num] or attributes [num, A].

    Args:
      condition: the model's condition; None where it takes no labels: all are then -1.
      labels: what the user gives, see `class_labels`, `attribute_values` and `vae/data/fields.py`.
      num: how many examples there are.
      names: the names of the attributes or of the classes.
      unlabelled: whether a class may be unknown.
      workdir: the run directory, for the message.
      in_turn: classes that are not given are all of them in turn.

    Raises:
      InputError: the labels do not fit the condition.
    """
    if not condition:
        return np.full(num, -1, np.int32)
    if condition.kind == "attributes":
        if fields.by_name(labels) or (in_turn and labels is None and fields.fields_of(names)):
            return fields.told(labels, num, names, in_turn=in_turn)
        return attribute_values(labels, num, names)
    if labels is None and in_turn:
        labels = np.arange(num) % condition.size
    return class_labels(
        labels, num, size=condition.size, names=names, unlabelled=unlabelled, workdir=workdir
    )


def class_labels(
    labels: Any, num: int, *, size: int, names: Sequence[str], unlabelled: bool, workdir: Path
) -> np.ndarray:
    """Returns classes [num] int32 from labels that are numbers or names of classes.

    Args:
      labels: [num]; None where all are unknown.
      num: how many examples there are.
      size: how many classes there are.
      names: the names of the classes; none where these are their numbers.
      unlabelled: whether a class may be unknown, which is -1.
      workdir: the run directory, for the message.

    Raises:
      InputError: there are more or fewer than `num` labels, or one is no class.
    """
    lowest = -1 if unlabelled else 0
    if labels is None and not unlabelled:
        raise InputError(f"this model is conditional: give labels from 0 to {size - 1}.")
    labels = np.full(num, -1) if labels is None else as_array(labels, "labels")
    if labels.dtype.kind == "U" and labels.ndim == 1:
        labels = np.array(class_numbers(labels.tolist(), size=size, names=names, workdir=workdir))
    whole = labels.dtype.kind in "iuf" and (labels == np.rint(labels)).all()
    if not whole or labels.shape != (num,) or labels.min() < lowest or labels.max() >= size:
        raise InputError(f"labels must be {num} whole numbers from {lowest} to {size - 1}.")
    return labels.astype(np.int32)


def class_numbers(
    labels: Sequence[int | str], *, size: int, names: Sequence[str], workdir: Path
) -> list[int]:
    """Returns the classes of labels: numbers are classes; text is a class's name, or its number.

    Where the names of classes are numbers themselves (01, 02), text is a name.

    Raises:
      InputError: there is no such class.
    """
    if len(labels) and not size:
        raise InputError(f"the model of {workdir} is told no class: leave labels out.")
    number = {name: i for i, name in enumerate(names)}
    if not any(map(_NUMBER.fullmatch, names)):
        number |= {str(i): i for i in range(size) if str(i) not in number}
    found: list[int] = []
    for label in labels:
        of = number.get(label) if isinstance(label, str) else int(label)
        if of is None or of not in range(size):
            every = [class_name(i, names) for i in range(size)]
            few = ", ".join(every[:10]) + (", ..." if size > 10 else "")
            raise InputError(
                f"there is no class {str(label)!r} in {workdir}; its {size} are "
                f"{few}{did_you_mean(str(label), every)}"
            )
        found.append(of)
    return found


def attribute_values(values: Any, num: int, names: Sequence[str]) -> np.ndarray:
    """Returns attributes [num, A] float32.

    Raises:
      InputError: the attributes are missing, have another shape, or are not numbers.
    """
    listed = ", ".join(names)
    if values is None:
        raise InputError(f"this model is conditional: give the attributes {listed}.")
    values = finite_numbers(values, "attributes")
    if values.shape != (num, len(names)):
        raise InputError(f"attributes must be [{num}, {len(names)}] numbers: {listed}.")
    return values
