"""Cells, or other rows of counts, with what is known of them; as a source of data.

    genes        names of the F columns of counts
    columns      what is known of the N rows, by name: numbers or text ("obs" of an .h5ad)

`data.label_column` names the column that is the class of a cell. Where there are several,
`data.covariates` names them: a column of text becomes a field, one of numbers an attribute. Cells
are in the order of a hash of their names, so that a slice of a file that was sorted by batch is a
random sample of it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from vae.data.columns import told
from vae.data.examples import Examples, Fitted, Raw, Source
from vae.data.labels import classes_of, numbered
from vae.data.splits import digest, order
from vae.errors import InputError
from vae.files import check_memory
from vae.modalities.counts import variable
from vae.modalities.counts.matrices import Matrix, chunks
from vae.probability.event import Event, Values

logger = logging.getLogger(__name__)

LARGEST = 2**24  # float32 tells whole numbers apart up to here


class Cells(NamedTuple):
    """N cells.

    Attributes:
      counts: [N, F].
      genes: the names of the F genes, all different.
      columns: what is known of each cell, numbers or text [N], by name.
      names: [N] text, the names of the cells.
      what: the data, for messages.
    """

    counts: Matrix
    genes: tuple[str, ...]
    columns: Mapping[str, np.ndarray]
    names: np.ndarray
    what: str


@dataclass(frozen=True)
class CellExamples(Examples):
    """Cells by row of a matrix; what is read is made dense, int32.

    Attributes:
      counts: [N, F].
      rows: [n], which of the N.
      labels: classes [n] int32 or attributes [n, A] float32.
      genes: [f], which of the F.
      names: [n] str.
    """

    counts: Matrix
    rows: np.ndarray
    labels: np.ndarray
    genes: np.ndarray
    what: str
    names: np.ndarray

    identities = None

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
        return (len(self.genes),)

    @property
    def nbytes(self) -> int:
        return 4 * super().nbytes

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, indices: np.ndarray) -> CellExamples:
        return replace(
            self,
            rows=self.rows[indices],
            labels=self.labels[indices],
            names=self.names[indices],
        )

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.labels.tobytes()
        for row in self.read(sample)[0].values:
            yield row.tobytes()

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        found = self.counts.rows(self.rows[indices])[:, self.genes].toarray()
        check_counts(found, self.what)
        values = np.rint(found).astype(np.int32)
        return Raw(values, self.labels[indices]), np.ones(len(values), bool)


def check_counts(found: np.ndarray, what: str) -> None:
    """Refuses numbers that are no counts.

    Raises:
      InputError: one is negative, no whole number, or too large for float32.
    """
    if not len(found):
        return
    bad = ~((found >= 0) & (found < LARGEST)) | (found != np.rint(found))
    if bad.any():
        if np.isfinite(first := found[bad][0]) and first >= LARGEST:
            raise InputError(f"{what} has {first:g}; a count is below {LARGEST:,}: leave it out.")
        raise InputError(
            f"{what} has {first:g}, which is no count: name the layer that has counts, or "
            "raw, as data.layer, or train on a table with a Gaussian likelihood instead."
        )


def source(cells: Cells, config: ConfigDict) -> Source:
    """Returns cells as a source with one split.

    Raises:
      InputError: there are no cells, two genes have one name, or a column is missing or has no
        value in some cells.
    """
    if not len(cells.names) or not cells.genes:
        raise InputError(
            f"{cells.what}: there are {len(cells.names)} of them and {len(cells.genes)} genes, "
            "which is nothing to learn from: give others."
        )
    if len(set(cells.genes)) < len(cells.genes):
        twice = next(name for i, name in enumerate(cells.genes) if name in cells.genes[:i])
        raise InputError(f"{cells.what}: two genes are called {twice!r}: rename one.")
    every = np.arange(len(cells.names))
    given = numbered({"train": told(cells.columns, config, cells.what, "cells")})
    labels, _, classes, number, attributes = classes_of(given, {"train": every}, cells.what)
    rows = order([(digest(name.encode()), i) for i, name in enumerate(cells.names.tolist())])
    genes = np.arange(len(cells.genes))
    examples = CellExamples(
        cells.counts, rows, labels["train"][rows], genes, cells.what, cells.names[rows]
    )
    return Source(
        splits={"train": examples},
        values=Values("counts"),
        num_classes=number,
        description=cells.what,
        attributes=attributes,
        classes=classes,
        names=cells.genes,
        fit=functools.partial(fit, names=cells.genes, wanted=config.genes, what=cells.what),
    )


def fit(
    splits: Mapping[str, CellExamples],
    like: Event | None,
    *,
    names: Sequence[str],
    wanted: int,
    what: str,
) -> Fitted:
    """Returns the cells with those of their genes that are kept, and the meaning of their counts.

    Args:
      splits: the splits, with all genes.
      like: the event of a trained run, whose genes are taken by name.
      names: the names of all genes.
      wanted: how many genes are kept, those that vary most in the training set; 0 keeps all.
      what: the data, for messages.

    Raises:
      InputError: there are fewer genes, a gene of the run is missing, or values are no counts.
    """
    if like:
        chosen, values = places_of(names, like.names, what), like.values
    else:
        train = splits["train"]
        if wanted > len(names):
            raise InputError(
                f"data.genes={wanted} is more than the {len(names)} genes of {what}: choose fewer."
            )
        for part in chunks(train.counts, train.rows):
            check_counts(part.data, what)
        chosen = np.arange(len(names))
        if wanted:
            chosen = variable.most(lambda: chunks(train.counts, train.rows), wanted)
        values = _values(train, chosen, names, what)
    kept = {name: replace(x, genes=chosen) for name, x in splits.items()}
    return Fitted(kept, values, names=tuple(names[i] for i in chosen))


def places_of(names: Sequence[str], wanted: Sequence[str], what: str) -> np.ndarray:
    """Returns where the genes of a run stand among others, by their names.

    Raises:
      InputError: one is missing.
    """
    known = {name: i for i, name in enumerate(names)}
    if missing := [name for name in wanted if name not in known]:
        few = ", ".join(missing[:3]) + (", ..." if missing[3:] else "")
        raise InputError(
            f"{what} lacks {len(missing)} of the {len(wanted)} genes of the run ({few}): give "
            "cells in which they were counted; names must be written alike."
        )
    return np.array([known[name] for name in wanted])


def dense(cells: Cells, event: Event, rows: np.ndarray) -> np.ndarray:
    """Returns the counts of a run's genes in some cells, [n, f] int32.

    Genes without names, as in an array, are taken to be those of the run in their order.

    Raises:
      InputError: a gene is missing, values are no counts, or they would not fit in memory.
    """
    unnamed = cells.genes == unnamed_genes(len(event.names))
    genes = np.arange(len(event.names))
    if not unnamed:
        genes = places_of(cells.genes, event.names, cells.what)
    check_memory(8 * len(rows) * len(genes), cells.what)
    labels = np.full(len(rows), -1, np.int32)
    examples = CellExamples(cells.counts, rows, labels, genes, cells.what, cells.names[rows])
    return examples.read(np.arange(len(rows)))[0].values


def unnamed_genes(number: int) -> tuple[str, ...]:
    """Returns names for genes that have none."""
    return tuple(f"x{i}" for i in range(number))


def _values(train: CellExamples, chosen: np.ndarray, names: Sequence[str], what: str) -> Values:
    """Returns the meaning of counts: the largest of them, and the median of their sums."""
    sizes, most = [], np.zeros(len(chosen))
    for part in chunks(train.counts, train.rows):
        part = part[:, chosen]
        sizes.append(np.asarray(part.sum(1)).ravel())
        most = np.maximum(most, part.max(0).toarray().ravel())
    size = np.concatenate(sizes)
    if not most.max():
        raise InputError(f"{what} has no counts but zeros in the training set: give others.")
    if never := [names[i] for i in chosen[most == 0]]:
        logger.warning(
            "%s: %d of %d genes are never counted in the training set (%s): data.genes keeps those "
            "that vary most",
            *(what, len(never), len(chosen), ", ".join(never[:3])),
        )
    if empty := int((size == 0).sum()):
        logger.warning("%s: %d training cells have no counts at all", what, empty)
    largest, total = float(most.max()), float(np.median(size[size > 0]))
    return Values("counts", scale=largest, levels=int(largest) + 1, total=total)
