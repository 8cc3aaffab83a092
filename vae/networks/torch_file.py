"""Reads tensors from a PyTorch file without PyTorch.

A file that `torch.save` wrote is a zip archive of a pickle of the object, `data.pkl`, and of a file
for each storage, `data/NAME`. Before version 1.6 it was a row of pickles (a magic number, the
format's version, the writer's sizes, the object, the names of its storages) and then the storages,
each one's length as an int64 and its values. The unpickler here makes ordered dictionaries, tensors
and storages; it refuses whatever else a pickle names, so a file cannot run code.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from vae.errors import InputError

MAGIC = 0x1950A86A20F9469CFC6C
LENGTH = np.dtype("<i8")


class _Tensor(NamedTuple):
    """What `torch._utils._rebuild_tensor_v2` is told: where a tensor's values are."""

    storage: tuple[str, np.dtype]
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: Any


ALLOWED = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")
        return ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> tuple[str, np.dtype]:
        _, dtype, name, *_ = pid  # then the device, the length and what it is a view of
        return name, dtype


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dictionary, by name.

    Raises:
      InputError: the file is not such a file, is damaged or holds more than tensors.
    """
    try:
        tensors, storages = (_archived if zipfile.is_zipfile(path) else _in_a_row)(path)
        return {name: _array(tensor, storages) for name, tensor in tensors.items()}
    except Exception as error:  # a damaged pickle fails in a dozen ways
        raise InputError(
            f"{path} cannot be read as a file of tensors ({error}): download it again."
        ) from None


def _archived(path: Path) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    """Returns the tensors of a file of today's form, and the storages that they are parts of."""
    with zipfile.ZipFile(path) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        tensors = dict(_Unpickler(io.BytesIO(archive.read(pickled))).load())
        dtypes = dict(tensor.storage for tensor in tensors.values())
        contents = {name: archive.read(f"{folder}data/{name}") for name in dtypes}
    return tensors, {name: np.frombuffer(contents[name], dtypes[name]) for name in dtypes}


def _in_a_row(path: Path) -> tuple[dict[str, _Tensor], dict[str, np.ndarray]]:
    """Returns what `_archived` does, of a file of the older form."""
    with open(path, "rb") as file:
        if _Unpickler(file).load() != MAGIC:
            raise ValueError("it does not begin as a file of PyTorch's")
        _Unpickler(file).load(), _Unpickler(file).load()  # the version and the sizes
        tensors = dict(_Unpickler(file).load())
        dtypes = dict(tensor.storage for tensor in tensors.values())
        names = _Unpickler(file).load()
        return tensors, {name: _storage(file, dtypes[name]) for name in names}


def _storage(file: IO[bytes], dtype: np.dtype) -> np.ndarray:
    (length,) = np.frombuffer(file.read(LENGTH.itemsize), LENGTH)
    return np.frombuffer(file.read(length * dtype.itemsize), dtype, length)


def _array(tensor: _Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    values = storages[tensor.storage[0]][tensor.offset :]
    last = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
    if last >= len(values):  # a view beyond it would read other memory
        raise ValueError("a tensor is longer than its storage")
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values, tensor.shape, strides, writeable=False).copy()
