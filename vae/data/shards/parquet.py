"""Parquet: rows in row groups. A row group is decoded as a whole, and is a block.

Contents are columns of binary, or of what the `datasets` library writes for images, a struct with
`bytes`; numbers are integers, floats and booleans; texts are strings. A column of uint8 tensors
(`arrow.fixed_shape_tensor`, or lists of lists of one size) is an array.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from vae.data.shards.base import ARRAY, CONTENT, NUMBER, TEXT, Reader, Shards
from vae.data.shards.held import Block, Held
from vae.errors import InputError, readable
from vae.files import check_file


class ParquetShards(Shards):
    """Rows of files with the same columns.

    Args:
      what: see `Shards`.
      files: the files, and their names.
      threads: how many threads read footers.

    Raises:
      InputError: pyarrow is not installed, a file is damaged, or has other columns than another.
    """

    def __init__(self, what: str, files: Sequence[tuple[str, Path]], threads: int) -> None:
        self.what = what
        self.names = [name for name, _ in files]
        self._files = [path for _, path in files]
        with ThreadPoolExecutor(threads) as pool:
            self._footers = list(pool.map(_footer, self._files))
        self._schema = self._footers[0].schema.to_arrow_schema()
        self._check_schemas()
        self.columns = {f.name: kind for f in self._schema if (kind := _kind(f.type))}
        rows = [
            [footer.row_group(i).num_rows for i in range(footer.num_row_groups)]
            for footer in self._footers
        ]
        self.starts = np.cumsum([0, *map(sum, rows)])
        self.bounds = np.cumsum([0, *(n for groups in rows for n in groups if n)])
        self._groups = [
            (file, group) for file, found in enumerate(rows) for group, n in enumerate(found) if n
        ]

    def _check_schemas(self) -> None:
        first = {field.name: field.type for field in self._schema}
        for name, footer in zip(self.names, self._footers, strict=True):
            named = footer.schema.to_arrow_schema().names
            if twice := next((column for column in named if named.count(column) > 1), None):
                raise InputError(
                    f"{self.what}: {name} has several columns named {twice!r}: rename them."
                )
            own = {field.name: field.type for field in footer.schema.to_arrow_schema()}
            for column in first | own:
                if own.get(column) != first.get(column):
                    one, other = (
                        f"as {types[column]}" if column in types else "not at all"
                        for types in (own, first)
                    )
                    raise InputError(
                        f"{self.what}: {name} has the column {column!r} {one}, and "
                        f"{self.names[0]} {other}: write all files with the same columns."
                    )

    def known(self, name: str) -> np.ndarray:
        import pyarrow.compute as pc

        found: list[np.ndarray] = []
        for path in self._files:
            with _damage(path):
                column = _opened(path).read(columns=[name], use_threads=False)[name]
                if self.columns[name] == TEXT:
                    codes = pc.dictionary_encode(column.cast("string").fill_null(""))
                    found += [
                        np.array(x.dictionary.to_pylist() or [""])[x.indices.to_numpy()]
                        for x in codes.chunks
                    ]
                else:
                    found.append(column.cast("float64", safe=False).to_numpy())
        return np.concatenate(found)

    def reader(self, names: Sequence[str]) -> Reader:
        sizes = [0]
        for file, group in self._groups:
            columns = self._footers[file].row_group(group)
            chunks = (columns.column(i) for i in range(columns.num_columns))
            sizes.append(
                sum(
                    c.total_uncompressed_size
                    for c in chunks
                    if c.path_in_schema.split(".")[0] in names
                )
            )
        held = Held(functools.partial(self._read, tuple(names)), self.bounds)
        return Reader(held.read, max(sizes))

    def _read(self, names: tuple[str, ...], number: int) -> Block:
        file, group = self._groups[number]
        path = self._files[file]
        with _damage(path, f"row group {group}"):
            opened = _opened(path, self._footers[file])
            rows = opened.read_row_group(group, columns=list(names), use_threads=False)
        columns = [
            _column(rows[name], self.columns[name], f"{path}: {name!r} of row group {group}")
            for name in names
        ]
        return Block(columns, rows.nbytes)


class _Contents:
    """A column of binary values, each taken from its buffer when it is asked for."""

    def __init__(self, array: Any) -> None:
        offsets, data = array.buffers()[1:]
        wide = np.int64 if str(array.type).startswith("large") else np.int32
        self._offsets = np.frombuffer(offsets, wide)[array.offset :]
        self._data = memoryview(data) if data else memoryview(b"")

    def __getitem__(self, row: int) -> bytes:
        return bytes(self._data[self._offsets[row] : self._offsets[row + 1]])


def _column(column: Any, kind: str, what: str) -> Any:
    """Returns a column as `Held` gives its rows: an array, or contents by row.

    Raises:
      InputError: a cell is empty, or lists differ in size.
    """
    import pyarrow as pa

    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if kind == CONTENT and pa.types.is_struct(array.type):
        array = array.flatten()[array.type.get_field_index("bytes")]
    if kind == NUMBER:  # NaN where there is none
        return array.cast("float64", safe=False).to_numpy(zero_copy_only=False)
    if array.null_count:
        raise InputError(
            f"{what} is empty in {array.null_count} of {len(array)} rows: fill it, or leave the "
            "rows out."
        )
    if kind == CONTENT:
        return _Contents(array)
    shape: list[int] = []
    count = len(array)
    if isinstance(array.type, pa.BaseExtensionType):
        shape, array = list(array.type.shape), array.storage.flatten()
    while pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type):
        inner = array.flatten()
        size, rest = divmod(len(inner), max(1, len(array)))
        lengths = array.value_lengths().to_numpy() if pa.types.is_list(array.type) else size
        if rest or not np.all(lengths == size):
            raise InputError(f"{what} has lists of different sizes: write image files instead.")
        shape.append(size)
        array = inner
    return array.to_numpy(zero_copy_only=False).reshape(count, *shape)


def _kind(of: Any) -> str | None:
    """Returns the kind of a column by its type; None where nothing reads it."""
    import pyarrow as pa

    if isinstance(of, pa.FixedShapeTensorType):
        return ARRAY if of.permutation is None and len(of.shape) in (2, 3) else None
    if isinstance(of, pa.BaseExtensionType):
        return None
    if pa.types.is_binary(of) or pa.types.is_large_binary(of):
        return CONTENT
    if pa.types.is_struct(of):
        inner = {of.field(i).name: of.field(i).type for i in range(of.num_fields)}
        return CONTENT if "bytes" in inner and _kind(inner["bytes"]) == CONTENT else None
    if pa.types.is_dictionary(of):
        return _kind(of.value_type)
    if pa.types.is_integer(of) or pa.types.is_floating(of) or pa.types.is_boolean(of):
        return NUMBER
    if pa.types.is_string(of) or pa.types.is_large_string(of):
        return TEXT
    depth = 0
    while pa.types.is_list(of) or pa.types.is_fixed_size_list(of):
        of, depth = of.value_type, depth + 1
    return ARRAY if depth in (2, 3) and pa.types.is_integer(of) else None


def _opened(path: Path, footer: Any = None) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, metadata=footer, page_checksum_verification=True)


def _footer(path: Path) -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(
            f"{readable(path)} needs pyarrow: run pip install 'vae-experiments[shards]'."
        ) from None
    check_file(path)
    with _damage(path):
        return pq.read_metadata(path)


@contextlib.contextmanager
def _damage(path: Path, part: str = "") -> Iterator[None]:
    """Turns what pyarrow raises for a damaged file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # pyarrow raises many kinds for damage
        reason = str(error).splitlines()[0].rstrip(".") or type(error).__name__
        where = f"{part}: " if part else ""
        raise InputError(
            f"{readable(path)} cannot be read ({where}{reason}): fetch or write it again."
        ) from None
