"""Reads and writes .h5ad files, those of AnnData, by their published layout.

| version       | X, layers, raw                        | obs and var                            |
|---------------|---------------------------------------|----------------------------------------|
| 0.7 and later | arrays; groups with "encoding-type"   | groups with an entry for each column   |
| before        | arrays; groups with "h5sparse_format" | tables of records, classes under "uns" |

A matrix that takes little memory is read as a whole, and rows of others when they are needed.
https://anndata.readthedocs.io/en/latest/fileformat-prose.html has the layout.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from vae.errors import InputError, did_you_mean, readable
from vae.files import check_file, check_memory, user_path
from vae.modalities.counts.cells import Cells
from vae.modalities.counts.matrices import InFile, InMemory, Matrix

SUFFIX = ".h5ad"
KINDS = "iufbOSU"  # of columns that are numbers or text
MISSING = (
    "vae reads .h5ad files by h5py, which is not installed: pip install 'vae-experiments[cells]'"
)


def opened(path: Path, mode: str = "r") -> Any:
    """Returns the open file.

    Raises:
      InputError: h5py is not installed, or it is no such file.
    """
    try:
        import h5py
    except ImportError:
        raise InputError(MISSING) from None
    check_file(path)
    try:
        return h5py.File(path, mode)
    except OSError as error:
        raise InputError(
            f"{readable(path)} cannot be read as .h5ad ({str(error).splitlines()[0]}): fetch or "
            "save it again."
        ) from None


def read(path: Path, layer: str, most: int) -> Cells:
    """Returns the cells of a file.

    Args:
      path: the file.
      layer: "" for X, "raw", or the name of a layer.
      most: the bytes up to which counts are kept in memory.

    Raises:
      InputError: the file cannot be read, or has no such layer.
    """
    what = readable(path)
    with opened(path) as file:
        try:
            place = _place(file, layer, what)
            obs, genes = _table(file, "obs"), _table(file, _var(file, layer))
            counts = _matrix(path, file, place, most)
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise InputError(
                f"{what} is no .h5ad of a known layout ({error}): read it with anndata, and write "
                "it again."
            ) from None
    names, columns = obs
    if counts.shape != (len(names), len(genes[0])):
        raise InputError(
            f"{what}: {place} is {counts.shape[0]} x {counts.shape[1]}, but there are {len(names)} "
            f"cells and {len(genes[0])} genes: write it again with anndata."
        )
    return Cells(counts, tuple(genes[0].tolist()), columns, names, f"cells of {what}")


def _place(file: Any, layer: str, what: str) -> str:
    """Returns the name of a matrix in a file."""
    places = {"": "X", "raw": "raw/X" if "raw" in file else "raw.X"}
    places |= {name: f"layers/{name}" for name in file.get("layers", ())}
    if layer not in places or places[layer] not in file:
        there = [name or "X" for name, place in places.items() if place in file]
        raise InputError(
            f"{what} has no {layer or 'X'!r}, which data.layer names; there are "
            f"{', '.join(there)}{did_you_mean(layer, there)}"
        )
    return places[layer]


def _var(file: Any, layer: str) -> str:
    if layer != "raw":
        return "var"
    return "raw/var" if "raw" in file else "raw.var"


def _matrix(path: Path, file: Any, place: str, most: int) -> Matrix:
    node = file[place]
    if not hasattr(node, "keys"):
        if node.size * node.dtype.itemsize <= most:
            return InMemory(sparse.csr_array(node[()]))
        return InFile(path, place, tuple(node.shape), None)
    attributes = node.attrs
    kind = _text(attributes.get("encoding-type", attributes.get("h5sparse_format", "")))[:3]
    shape = attributes.get("shape", attributes.get("h5sparse_shape"))
    shape = tuple(int(n) for n in shape)
    if kind not in ("csr", "csc"):
        raise ValueError(f"{place} is {kind!r}")
    size = sum(node[part].size * node[part].dtype.itemsize for part in ("data", "indices"))
    if kind == "csr" and size > most:
        return InFile(path, place, shape, node["indptr"][()].astype(np.int64))
    check_memory(2 * size, f"{place} of {readable(path)}")  # columns have to be turned to rows
    made = {"csr": sparse.csr_array, "csc": sparse.csc_array}[kind]
    values = made(tuple(node[part][()] for part in ("data", "indices", "indptr")), shape=shape)
    return InMemory(sparse.csr_array(values))


def _table(file: Any, name: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns the names of the rows of obs or var, and the columns that are numbers or text."""
    node = file[name]
    if hasattr(node, "keys"):
        index = _text(node.attrs.get("_index", "_index"))
        found = {each: _column(node, node[each]) for each in node if each != "__categories"}
    else:  # a table of records
        records, uns = node[()], file.get("uns", {})
        found = {each: records[each] for each in records.dtype.names}
        index = "index" if "index" in found else "_index"
        for column, values in found.items():
            if (of := f"{column}_categories") in uns and values.dtype.kind in "iu":
                found[column] = _chosen(values, uns[of][()])
    known = {each: _plain(x) for each, x in found.items() if x.ndim == 1 and x.dtype.kind in KINDS}
    return known.pop(index).astype(str), known


def _column(table: Any, node: Any) -> np.ndarray:
    """Returns a column of a table of groups, [N]; missing values are NaN or the empty text."""
    if not hasattr(node, "keys"):
        if "categories" in node.attrs:  # of version 0.7: a reference
            return _chosen(node[()], table.file[node.attrs["categories"]][()])
        return node[()]
    if "codes" in node:
        return _chosen(node["codes"][()], _column(table, node["categories"]))
    values, mask = _plain(node["values"][()]), node["mask"][()]
    return (
        np.where(mask, "", values) if values.dtype.kind == "U" else np.where(mask, np.nan, values)
    )


def _chosen(codes: np.ndarray, categories: np.ndarray) -> np.ndarray:
    """Returns the categories that codes [N] stand for; -1 is a missing value."""
    of = _plain(categories)
    missing = np.array([""] if of.dtype.kind == "U" else [np.nan])
    return np.concatenate([of, missing])[codes]  # the last one for -1


def _plain(values: np.ndarray) -> np.ndarray:
    """Returns a column [N] as numbers or text."""
    if values.dtype.kind in "iuf":
        return values
    if values.dtype.kind == "b":
        return values.astype(np.int64)
    return np.array([_text(value) for value in values.tolist()], dtype=str)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def write(
    path: Path,
    cells: Cells,
    counts: sparse.csr_array,
    genes: tuple[str, ...],
    obsm: Mapping[str, np.ndarray],
    layers: Mapping[str, np.ndarray],
) -> None:
    """Writes a new file of cells with their counts [N, f] of some genes, and what is beside them.

    Args:
      path: the file, which is replaced.
      cells: whose names and columns are written as `obs`.
      counts: X.
      genes: the names of the f genes.
      obsm: arrays [N, D] by name.
      layers: arrays [N, f] by name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with opened(temporary, "w") as file:
        _encoded(file, "anndata", "0.1.0")
        _write_table(file, "obs", cells.names, cells.columns)
        _write_table(file, "var", np.array(genes), {})
        group = _encoded(file.create_group("X"), "csr_matrix", "0.1.0")
        group.attrs["shape"] = counts.shape
        for part in ("data", "indices", "indptr"):
            group.create_dataset(part, data=getattr(counts, part), compression="gzip")
        for name in ("obsp", "varm", "varp", "uns"):
            _encoded(file.create_group(name), "dict", "0.1.0")
        _write_arrays(file, obsm, layers)
    temporary.replace(path)


def add(
    source: Path, path: Path, obsm: Mapping[str, np.ndarray], layers: Mapping[str, np.ndarray]
) -> None:
    """Writes a copy of a file of the present layout, with further arrays; see `write`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.copyfile(source, temporary)
    with opened(temporary, "r+") as file:
        _write_arrays(file, obsm, layers)
    temporary.replace(path)


def is_present(path: str | Path) -> bool:
    """Returns whether a file is an .h5ad of the present layout."""
    if not str(path).endswith(SUFFIX):
        return False
    with opened(user_path(path)) as file:
        return hasattr(file["obs"], "keys")


def _write_arrays(
    file: Any, obsm: Mapping[str, np.ndarray], layers: Mapping[str, np.ndarray]
) -> None:
    for group, arrays in (("obsm", obsm), ("layers", layers)):
        if group not in file:
            _encoded(file.create_group(group), "dict", "0.1.0")
        for name, values in arrays.items():
            if name in file[group]:
                del file[group][name]
            node = file[group].create_dataset(name, data=values, compression="gzip")
            _encoded(node, "array", "0.2.0")


def _write_table(
    file: Any, name: str, index: np.ndarray, columns: Mapping[str, np.ndarray]
) -> None:
    table = _encoded(file.create_group(name), "dataframe", "0.2.0")
    table.attrs["_index"] = "_index"
    table.attrs["column-order"] = np.array(list(columns), dtype=object) if columns else np.zeros(0)
    for column, values in {"_index": index, **columns}.items():
        if values.dtype.kind == "U":
            node = table.create_dataset(column, data=values.astype(object), dtype=_strings())
            _encoded(node, "string-array", "0.2.0")
        else:
            _encoded(table.create_dataset(column, data=values), "array", "0.2.0")


def _strings() -> Any:
    import h5py

    return h5py.string_dtype()


def _encoded(node: Any, kind: str, version: str) -> Any:
    node.attrs["encoding-type"], node.attrs["encoding-version"] = kind, version
    return node
