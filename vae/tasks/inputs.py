"""Reads the user's own examples and attributes as a run's model is given them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from vae import modalities
from vae.data.attributes import FILE
from vae.data.batches import HostBatch
from vae.data.examples import Dataset, Raw, called, read_complete
from vae.data.fields import field_with, fields_of, told, without_field
from vae.data.labels import class_name
from vae.data.prepare import first_examples, prepare
from vae.errors import InputError, did_you_mean
from vae.files import user_path
from vae.probability.distributions import example_keys
from vae.probability.event import Event
from vae.run import Run
from vae.tasks import names
from vae.tasks.names import short
from vae.training.directory import read_json

logger = logging.getLogger(__name__)

OF_THE_DATA = "is for the data's examples; with --files all of yours are used: leave it out."
OF_FILES = "is for your own examples: give them as --files, or leave it out."
USUAL = 1000  # unknown attributes are the medians of so many test examples


def refuse(why: str, **flags: Any) -> None:
    """Refuses flags that have no effect beside another flag.

    Args:
      why: completes the sentence "--FLAG ...".
      **flags: the values of the flags; None, False and empty ones are not given.

    Raises:
      InputError: one of the flags is given.
    """
    for name, value in flags.items():
        if value is not None and value is not False and value not in ((), []):
            raise InputError(f"--{name} {why}")


class OtherSet(NamedTuple):
    """Examples of a data set other than the run's.

    Attributes:
      x: [N, *places, C], in the shape of the run's event.
      labels: as `Examples.read` returns them.
      split: the split that they are from.
      attributes: the names of the attributes, if the labels are attributes.
      classes: the names of the classes, if the labels are classes.
    """

    x: np.ndarray
    labels: np.ndarray
    split: str
    attributes: tuple[str, ...]
    classes: tuple[str, ...]


def read_set(name: str, run: Run, num: int) -> OtherSet:
    """Returns examples of another data set, brought to the shape of the run's.

    Args:
      name: what `data.path` or `data.name` takes.
      run: the run.
      num: the most examples, the first of the set's test split, or of its first split where it has
        no test split.

    Raises:
      InputError: there is no such data set, or it cannot be read or has another shape.
    """
    path = user_path(name)
    if not path.exists() and len(path.parts) > 1:
        raise InputError(f"{name} does not exist: give files or a data set.")
    config = run.modality.fitted(run.config.data, run.event)
    config.path, config.name = (str(path), "") if path.exists() else ("", name)
    source = modalities.read(config, run.event)
    shape = next(iter(source.splits.values())).shape
    if (shape, source.names) != (run.event.shape, run.event.names):
        raise InputError(
            f"{source.description} has examples {_described(shape, source.names)}, but those of "
            f"{run.workdir} are {_described(run.event.shape, run.event.names)}."
        )
    split = "test" if "test" in source.splits else next(iter(source.splits))
    index = np.arange(min(num, len(source.splits[split])))
    raw, _ = read_complete(source.splits[split], index)
    classes = tuple(class_name(i, source.classes) for i in range(source.num_classes))
    x = source.values.to_x(raw.values)
    return OtherSet(x, raw.labels, split, source.attributes, classes)


def _described(shape: Sequence[int], names: Sequence[str]) -> str:
    of = f" ({', '.join(names[:3])}{', ...' if names[3:] else ''})" if names else ""
    return "x".join(map(str, shape)) + of


def as_data(x: np.ndarray, run: Run) -> np.ndarray:
    """Returns x [N, *places, C] as the model is given its data: on levels, or binarised."""
    values, index = run.event.values, np.arange(len(x), dtype=np.int32)
    batch = HostBatch(index, Raw(values.to_raw(x), np.full(len(index), -1, np.int32)))
    keys = example_keys(jax.random.key(0), index)
    prepared = prepare(batch, None, values, run.config.data, train=False, keys=keys)
    return values.marked(*jax.device_get((prepared.x, prepared.mask)))


def attribute_columns(names: Sequence[str], run: Run) -> list[int]:
    """Returns the columns of attributes in the y of a run's data.

    Raises:
      InputError: the data had no attributes when the run read them, or not these.
    """
    if not run.attributes:
        path = run.config.data.path
        if path and (table := user_path(path) / FILE).is_file():
            record = read_json(run.workdir / "provenance.json") or {}
            when = record["time"][:10] if "time" in record else "an unknown day"
            raise InputError(
                f"{run.workdir} read its data on {when} and found no attributes, so it knows "
                f"nothing of {table}: train a run in another directory to use them."
            )
        raise InputError(f"the data of {run.workdir} have no attributes.")
    for name in names:
        if name not in run.attributes:
            there = ", ".join(run.attributes)
            hint = did_you_mean(name, run.attributes)
            raise InputError(f"there is no attribute {name!r}; there are {there}{hint}")
    return [run.attributes.index(name) for name in names]


def with_attributes(y: np.ndarray, values: Mapping[str, float], run: Run) -> np.ndarray:
    """Returns attributes [N, A] with some set, by name, to one value for all examples.

    Raises:
      InputError: the data have no attributes, or not these.
    """
    y = np.array(y, np.float32)
    columns = attribute_columns(list(values), run)
    for column, (name, value) in zip(columns, values.items(), strict=True):
        low, high = run.scales.low[column], run.scales.high[column]
        if not low - (high - low) < value < high + (high - low):
            logger.warning(
                "%s=%g is far from the training data, where it goes from %g to %g",
                *(name, value, low, high),
            )
        if field := field_with(column, run.attributes):
            raise InputError(
                f"{name} is a class of {field.name}, one of {len(field.classes)}: give it as "
                f"--labels={name}."
            )
        y[:, column] = value
    return y


class Given(NamedTuple):
    """The examples that a task works on.

    Attributes:
      x: [N, *places, C], as the run's model takes them.
      y: their condition: labels [N], attributes [N, A], or None.
      names: [N] names that tell them apart.
      dataset: the data whose test examples they are; None for the user's own examples.
    """

    x: np.ndarray
    y: np.ndarray | None
    names: list[str]
    dataset: Dataset | None

    @property
    def tag(self) -> str:
        """Returns a tag of these examples for the names of files; "" for test examples."""
        return "" if self.dataset else names.tag(self.names, self.x, self.y)


def given(
    run: Run,
    *,
    files: Sequence[str | Path] = (),
    num: int | None = None,
    usual: int = 8,
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    event: Event | None = None,
) -> Given:
    """Returns the user's own examples or, without these, the first examples of the test split.

    Args:
      run: the run.
      files: the user's files and folders.
      num: the number of test examples, where there are no `files`; `usual` where None.
      usual: see `num`.
      labels: for a model with the condition "label": a label for each of the user's examples, or
        one for all; where the attributes of a model have fields, a class of each field, as
        digit=7 and speaker=jackson.
      attributes: for a model with the condition "attributes": values by name for each of the user's
        examples, or once for all. Others are medians over the first test examples.
      event: what the files are read as; the run's event where None.

    Raises:
      InputError: a file cannot be read, or the model lacks a condition, or is given one that it
        does not take.
    """
    condition = run.model.condition
    kind = condition.kind if condition else ""
    fields = kind == "attributes" and fields_of(run.attributes)
    if labels and not (files and (kind == "label" or fields)):
        raise InputError(
            "--labels is for the user's own --files and a run of model.condition='label', or of "
            "'attributes' that have classes."
        )
    if attributes and not (files and kind == "attributes"):
        raise InputError(
            "--attributes is for the user's own --files and a run of model.condition='attributes'."
        )
    if not files:
        dataset = run.dataset()
        batch = first_examples(dataset, "test", num or usual, run.config)
        names = called(dataset.test, "test", range(len(batch.x)))
        return Given(batch.x, batch.y if condition else None, names, dataset)
    refuse(OF_THE_DATA, num=num)
    x, names = run.modality.read_files(files, event or run.event, run.config.data)
    y = None
    if kind == "label":
        if len(labels) not in (1, len(x)) and not run.model.takes_unlabelled:
            few = ",".join("0" * min(len(x), 4)) + (",..." if len(x) > 4 else "")
            raise InputError(
                f"this model is conditional: give --labels={few}, one for each of the {len(x)} "
                "examples, or one for all."
            )
        y = np.resize(run.class_numbers(labels) or [-1], len(x))
    elif condition:
        if len(attributes) > 1 and len(attributes) != len(x):
            raise InputError(
                f"--attributes has {len(attributes)} sets for {len(x)} examples; give one for "
                "each, with / between, or one for all."
            )
        if attributes or without_field(run.attributes):
            known = first_examples(run.dataset(), "test", USUAL, run.config).y
            median = np.median(known, axis=0, keepdims=True)
            sets = list(attributes) or [{}]
            y = np.concatenate([with_attributes(median, one, run) for one in sets])
            y = y[np.arange(len(x)) % len(y)]
        if fields:
            y = told(labels, len(x), run.attributes, y)
    return Given(x, y, list(map(short, names)), None)


def check_vectors(run: Run) -> None:
    """Checks that a run's model encodes an example as one vector in R^D.

    Raises:
      InputError: it does not.
    """
    if run.model.posterior is None or run.model.posterior.space != "real":
        raise InputError(
            f"this needs a model that encodes an example as one vector of real numbers; that of "
            f"{run.workdir} (model.name={run.config.model.name!r}) does not."
        )


def embed(run: Run, x: np.ndarray, y: np.ndarray | None) -> np.ndarray:
    """Returns the posterior means [N, D] of x [N, *places, C]; several latents lie side by side."""
    labels = y if run.model.condition else None
    leaves = jax.tree.leaves(run.encode(x, labels).mean)
    return np.concatenate([np.asarray(leaf).reshape(len(x), -1) for leaf in leaves], axis=1)
