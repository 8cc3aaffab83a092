"""The cells that a task is asked about, as a run's model is given them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from vae.data.fields import fields_of, read_sets
from vae.data.labels import class_name
from vae.errors import InputError, did_you_mean
from vae.files import user_path
from vae.modalities import counts
from vae.modalities.counts.cells import CellExamples, Cells, dense, source
from vae.probability.event import Event

ROWS = 2048  # cells in memory at once
ALL = "all"  # in place of a batch


class Asked(NamedTuple):
    """Cells in the order of their file.

    Attributes:
      cells: the cells.
      y: their condition, classes [N] or attributes [N, A]; None for a model without one.
      path: the file, or None for drawn cells.
    """

    cells: Cells
    y: np.ndarray | None
    path: Path | None

    def chunks(
        self, event: Event, rows: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yields some of the rows, their counts [n, F] and their conditions."""
        for i in range(0, len(rows), ROWS):
            own = rows[i : i + ROWS]
            yield own, dense(self.cells, event, own), None if self.y is None else self.y[own]


def asked(run: Any, files: Sequence[str | Path]) -> Asked:
    """Returns the cells of a run's data, or those of a file of one's own.

    Raises:
      InputError: the data of the run are no counts, or the file cannot be read or lacks the column
        of the condition, or has a class that the run does not know.
    """
    if run.modality.NAME != counts.NAME:
        raise InputError(f"the data of {run.workdir} are {run.modality.NAME}, not counts.")
    config = run.config.data.copy_and_resolve_references()
    if len(files) > 1:
        raise InputError(f"{len(files)} files were given: give one at a time.")
    if files:
        config.path, config.modality = str(files[0]), counts.NAME
    found = counts.cells_of(config)
    if found is None:
        raise InputError(f"{config.path or config.name} holds no counts: give {counts.READS}.")
    path = user_path(config.path) if config.path else None
    return Asked(found, _conditions(run, found, config), path)


def _conditions(run: Any, cells: Cells, config: Any) -> np.ndarray | None:
    condition = run.model.condition
    if not condition:
        return None
    made = source(cells, config)
    examples = cast(CellExamples, made.splits["train"])
    labels = np.empty_like(examples.labels)
    labels[examples.rows] = examples.labels
    if condition.kind == "label":
        if not made.num_classes or (labels < 0).any():
            raise InputError(
                f"{cells.what}: the model is told {config.label_column!r}, which some cells lack."
            )
        names = [class_name(i, made.classes) for i in range(made.num_classes)]
        return np.array(run.class_numbers(names), np.int32)[labels]
    y = np.zeros((len(labels), len(run.attributes)), np.float32)
    for name, column in zip(made.attributes, labels.T, strict=True):
        if name not in run.attributes:
            raise InputError(
                f"{cells.what} has {name!r}, which the run does not know"
                f"{did_you_mean(name, run.attributes)}"
            )
        y[:, run.attributes.index(name)] = column
    return y


def references(run: Any, batch: str | None, y: np.ndarray | None) -> list[np.ndarray | None]:
    """Returns the conditions under which cells are decoded, of whose results the mean is taken.

    Args:
      run: the run.
      batch: None for each cell's own; a class, or a class of a field, batch=a; "all" for every
        class in turn, and of several fields for every combination.
      y: the cells' own conditions.

    Raises:
      InputError: there is no such class.
    """
    if batch is None:
        return [y]
    if y is None:
        raise InputError("the model of this run is not told a batch: leave --batch out.")
    if batch == ALL:
        if run.model.condition.kind == "attributes" and not fields_of(run.attributes):
            raise InputError(
                "the model of this run is told no batch, but numbers: leave --batch out."
            )
        return everywhere(run, y)
    if run.model.condition.kind == "label":
        return [np.full(len(y), run.class_numbers([batch])[0], np.int32)]
    return [_in(run, y, chosen) for chosen in read_sets(batch, run.attributes)]


def everywhere(run: Any, y: np.ndarray | None, own: str = "") -> list[np.ndarray | None]:
    """Returns the conditions with every class that the model is told, each in turn for all cells.

    Args:
      run: the run.
      y: the cells' own conditions; None for a model without one.
      own: a column of the cells: if the model is told it, it stays as in `y`.
    """
    if y is None:
        return [None]
    if run.model.condition.kind == "label":
        if own == run.config.data.label_column:
            return [y]
        return [np.full(len(y), number, np.int32) for number in range(run.model.condition.size)]
    fields = [field for field in fields_of(run.attributes) if field.name != own]
    names = [field.name for field in fields]
    every = itertools.product(*(field.classes for field in fields))
    return [_in(run, y, dict(zip(names, chosen, strict=True))) for chosen in every]


def _in(run: Any, y: np.ndarray, chosen: Mapping[str, str]) -> np.ndarray:
    """Returns conditions [N, A] with some of their fields at other classes, by name."""
    told = y.copy()
    for field in fields_of(run.attributes):
        if field.name in chosen:
            told[:, field.columns] = 0
            told[:, field.columns[field.classes.index(chosen[field.name])]] = 1
    return told


def shares(run: Any, z: np.ndarray, told: Sequence[np.ndarray | None]) -> np.ndarray:
    """Returns the shares of genes [n, F], which sum to 1, for latents and conditions."""
    total = np.zeros((len(z), run.event.channels))
    for y in told:
        mean = np.maximum(run.decode(z, y).astype(np.float64), 0)
        total += mean / np.maximum(mean.sum(1, keepdims=True), 1e-30)
    return (total / len(told)).astype(np.float32)


def known(cells: Cells, name: str) -> np.ndarray:
    """Returns what is known of cells by the name of a column, as text [N].

    Raises:
      InputError: there is no such column.
    """
    if name not in cells.columns:
        raise InputError(
            f"{cells.what} has no column {name!r}; there are {', '.join(cells.columns) or 'none'}"
            f"{did_you_mean(name, cells.columns)}"
        )
    return cells.columns[name].astype(str)
