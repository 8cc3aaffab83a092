"""Reads counts from files other than .h5ad: Market matrices, sparse and dense arrays, text.

| file                                      | rows                                               |
|-------------------------------------------|----------------------------------------------------|
| a directory with matrix.mtx, or .mtx.gz   | its columns, as Cell Ranger writes them; names are |
|                                           | from barcodes.tsv and features.tsv or genes.tsv    |
| .mtx, .mtx.gz                             | its columns, as well                               |
| .npz of scipy.sparse.save_npz             | its rows                                           |
| .npz or .mat of an array [N, F]           | its rows; labels and names as `vae/data/arrays.py` |
| .csv                                      | its rows; `cell`, data.label_column and            |
|                                           | data.covariates are no genes                       |
"""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from ml_collections import ConfigDict
from scipy import sparse

from vae.data import arrays as saved
from vae.data.attributes import Table
from vae.errors import InputError, readable
from vae.files import check_file, check_memory
from vae.modalities.counts import h5ad
from vae.modalities.counts.cells import Cells, unnamed_genes
from vae.modalities.counts.matrices import InMemory
from vae.modalities.tables import csv_file

MARKET = (".mtx", ".mtx.gz")
NAMES = "cell"  # the column of a .csv file with the names of cells


def from_path(path: Path, config: ConfigDict) -> Cells | None:
    """Returns the cells at a path; None where there are none.

    Text, and arrays that are not sparse, are cells where data.modality is "counts".

    Raises:
      InputError: they cannot be read.
    """
    asked = config.modality == "counts"
    if path.suffix == h5ad.SUFFIX and path.exists():
        return h5ad.read(path, config.layer, config.device_bytes)
    if market := _market(path):
        return _read_market(market)
    if path.suffix == ".npz" and _is_sparse(path):
        return _read_sparse(path)
    if asked and path.suffix.lower() == ".csv" and path.exists():
        return _read_csv(path, config)
    if asked and saved.suffix_of(path) and saved.dimensions(path) == 2:
        return of_arrays(saved.read(path), readable(path))
    return None


def of_arrays(found: Mapping[str, saved.Arrays], what: str) -> Cells:
    """Returns arrays [N, F] as cells.

    Raises:
      InputError: there are several splits, or labels that are no column.
    """
    if len(found) > 1:
        raise InputError(
            f"{what} has the splits {', '.join(found)}: give one array, and slices of it as "
            "data.train, data.valid and data.test."
        )
    (arrays,) = found.values()
    x = arrays.examples
    if x.ndim != 2 or x.dtype.kind not in "iufb":
        raise InputError(f"{arrays.where} is {x.dtype} {x.shape}: give counts [N, F].")
    genes = unnamed_genes(x.shape[1])
    if arrays.names is not None:
        genes = tuple(map(str, np.ravel(arrays.names)))
    columns = {}
    if isinstance(arrays.labels, Table):
        columns = dict(zip(arrays.labels.names, arrays.labels.values.T, strict=True))
    elif arrays.labels is not None:
        columns = {"label": arrays.labels.reshape(len(x))}
    if len(genes) != x.shape[1]:
        raise InputError(f"{what} has {x.shape[1]} columns and {len(genes)} names: give as many.")
    return Cells(InMemory(sparse.csr_array(x)), genes, columns, _numbers(len(x)), f"rows of {what}")


def _numbers(count: int) -> np.ndarray:
    return np.arange(count).astype(str)


def _market(path: Path) -> Path | None:
    if path.is_dir():
        files = [path / f"matrix{end}" for end in MARKET]
        return next((file for file in files if file.is_file()), None)
    return path if path.name.endswith(MARKET) and path.exists() else None


def _read_market(file: Path) -> Cells:
    import scipy.io

    what = readable(file)
    check_file(file)
    try:
        rows, columns, entries, *_ = scipy.io.mminfo(str(file))
        check_memory(32 * int(entries), what)
        values = sparse.csr_array(scipy.io.mmread(str(file)).T)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise InputError(
            f"{what} cannot be read as a Market matrix ({error}): fetch it again."
        ) from None
    genes = _words(file.parent, ("features", "genes"), rows, "genes")
    names = _words(file.parent, ("barcodes",), columns, "cells")
    cells = _numbers(columns) if names is None else np.array([row[0] for row in names])
    called = unnamed_genes(rows)
    if genes is not None:
        called = _different([row[1] if row[1:] else row[0] for row in genes])
    return Cells(InMemory(values), called, {}, cells, f"cells of {what}")


def _words(folder: Path, names: tuple[str, ...], wanted: int, of: str) -> list[list[str]] | None:
    """Returns the rows of the first of some .tsv files, each as words; None where there is none."""
    for file in (folder / f"{name}.tsv{end}" for name in names for end in ("", ".gz")):
        if not file.is_file():
            continue
        try:
            with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as f:
                rows = [row for row in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE) if row]
        except (OSError, UnicodeError, EOFError) as error:
            raise InputError(
                f"{readable(file)} cannot be read ({error}): fetch it again."
            ) from None
        if len(rows) != wanted:
            raise InputError(
                f"{readable(file)} has {len(rows)} lines, but the matrix {wanted} {of}: give the "
                "file that belongs to it."
            )
        return rows
    return None


def _different(names: list[str]) -> tuple[str, ...]:
    """Returns names of which those that come again have a number at their end."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}-{seen[name]}" if seen[name] else name)
    return tuple(found)


def _is_sparse(path: Path) -> bool:
    if not path.is_file():  # a pipe would be waited for
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"format.npy", "shape.npy", "indptr.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def _read_sparse(path: Path) -> Cells:
    what = readable(path)
    try:
        values = sparse.csr_array(sparse.load_npz(path))
    except Exception as error:  # numpy, zipfile and scipy raise many kinds for a damaged file
        raise InputError(f"{what} cannot be read ({error}): save it again.") from None
    genes = unnamed_genes(values.shape[1])
    return Cells(InMemory(values), genes, {}, _numbers(values.shape[0]), f"rows of {what}")


def _read_csv(path: Path, config: ConfigDict) -> Cells:
    check_file(path)
    header, cells, where = csv_file.read_cells(path)
    csv_file.check_header(header, path)
    if not cells:
        raise InputError(f"{path} has a header and no rows: add some.")
    covariates = [name.strip() for name in config.covariates.split(",")]
    known: dict[str, np.ndarray] = {}
    genes: dict[str, np.ndarray] = {}
    for name, column in zip(header, zip(*cells, strict=True), strict=True):
        if name in (NAMES, config.label_column, *covariates):
            known[name] = _as_column(column)
        else:
            genes[name] = csv_file.numbers_of(column, name, where, path)
    if not genes:
        raise InputError(f"{path} has no column of counts beside {' and '.join(known)}: add one.")
    names = known.pop(NAMES, _numbers(len(cells))).astype(str)
    values = InMemory(sparse.csr_array(np.stack(list(genes.values()), axis=1)))
    return Cells(values, tuple(genes), known, names, f"rows of {readable(path)}")


def _as_column(cells: tuple[str, ...]) -> np.ndarray:
    """Returns a column as numbers, or as text where one of them is none."""
    try:
        return np.array(cells, np.float64)
    except ValueError:
        return np.array([cell.strip() for cell in cells])
