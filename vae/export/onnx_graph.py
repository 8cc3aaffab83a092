"""A graph of ONNX operators while it is written: its values, nodes and shapes.

A value is an array, which is known, or the name of a tensor that the graph computes. Operators of
known values are computed at once and become part of the weights. The opset is 18.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.export.functions import BATCH

Value = np.ndarray | str

OPSET, IR = 18, 9
NAMED = 64  # smaller arrays are constants of the arithmetic and share their names


class Unsupported(Exception):
    """Something that has no form in ONNX here; its text says what."""


class Graph:
    """The nodes and weights of a function, or of the body of a loop within it.

    Attributes:
      nodes: the operators, in order.
      weights: the arrays that they read, by name.
    """

    def __init__(self, outer: Graph | None = None) -> None:
        self.nodes: list[Any] = []
        self.weights: dict[str, np.ndarray] = outer.weights if outer else {}
        self._given: dict[int, tuple[str, np.ndarray]] = outer._given if outer else {}
        self._count: list[int] = outer._count if outer else [0]
        self._small: dict[tuple[Any, ...], str] = outer._small if outer else {}
        self._first: str = outer._first if outer else ""
        self._batch = outer.batch() if outer else ""

    def input(self, name: str) -> str:
        """Adds an input of the whole function, whose first dimension is the batch."""
        self._first = self._first or name
        return name

    def named(self, name: str, array: np.ndarray) -> np.ndarray:
        """Gives a known array the name that it will have among the weights."""
        self._given[id(array)] = (name, array)  # the array is kept, so that its id stays its own
        return array

    def fresh(self, hint: str) -> str:
        """Returns a name that no other tensor has."""
        self._count[0] += 1
        return f"{hint}_{self._count[0]}"

    def name(self, value: Value) -> str:
        """Returns the name of a value's tensor; an array becomes a weight."""
        if isinstance(value, str):
            return value
        value = known(value)
        if value.size < NAMED:
            key = (value.dtype.str, value.shape, value.tobytes())
            if key not in self._small:
                self._small[key] = self._weight(self.fresh("constant"), value)
            return self._small[key]
        if id(value) not in self._given:
            self._given[id(value)] = (self.fresh("weight"), value)
        return self._weight(self._given[id(value)][0], value)

    def _weight(self, name: str, value: np.ndarray) -> str:
        self.weights[name] = value
        return name

    def node(self, operator: str, *inputs: Value, **attributes: Any) -> str:
        """Adds an operator and returns the name of its output."""
        return self.nodes_of(operator, 1, *inputs, **attributes)[0]

    def nodes_of(self, operator: str, number: int, *inputs: Value, **attributes: Any) -> list[str]:
        """Adds an operator and returns the names of its outputs."""
        import onnx

        outputs = [self.fresh(operator.lower()) for _ in range(number)]
        names = [self.name(value) for value in inputs]
        self.nodes.append(onnx.helper.make_node(operator, names, outputs, **attributes))
        return outputs

    def batch(self) -> str:
        """Returns the name of the number of examples, int64 [1]."""
        if not self._batch:
            self._batch = self.node("Shape", self._first, start=0, end=1)
        return self._batch

    def extents(self, shape: Sequence[Any]) -> Value:
        """Returns a shape as int64 [R], which may depend on the number of examples."""
        if all(isinstance(size, int) for size in shape):
            return np.array(shape, np.int64)
        return self.node("Concat", *map(self._extent, shape), axis=0)

    def _extent(self, size: Any) -> Value:
        if isinstance(size, int):
            return np.array([size], np.int64)
        match = re.fullmatch(rf"(?:(\d+)\*)?{BATCH}", str(size))
        if not match:
            raise Unsupported(f"a dimension of size {size}")
        times = int(match[1] or 1)
        return self.batch() if times == 1 else self.node("Mul", self.batch(), np.array([times]))

    def reshape(self, x: Value, old: Sequence[Any], new: Sequence[Any]) -> Value:
        """Returns x [*old] as [*new]."""
        if tuple(old) == tuple(new):
            return x
        if isinstance(x, np.ndarray):
            return x.reshape(tuple(new))
        free = [size for size in new if not isinstance(size, int)]
        if len(free) == 1 and 0 not in new:
            shape: Value = np.array([s if isinstance(s, int) else -1 for s in new], np.int64)
        else:
            shape = self.extents(new)
        return self.node("Reshape", x, shape)

    def transpose(self, x: Value, order: Iterable[Any]) -> Value:
        """Returns x with its dimensions in this order."""
        order = list(map(int, order))
        if order == list(range(len(order))):
            return x
        if isinstance(x, np.ndarray):
            return np.ascontiguousarray(x.transpose(order))
        return self.node("Transpose", x, perm=order)

    def cast(self, x: Value, dtype: Any) -> Value:
        """Returns x in another type."""
        return (
            x.astype(numpy_type(dtype))
            if isinstance(x, np.ndarray)
            else self.node("Cast", x, to=onnx_type(dtype))
        )


def known(value: Any) -> np.ndarray:
    """Returns a known value in a type that ONNX Runtime computes with."""
    value = np.asarray(value)
    return value if value.dtype == (kept := numpy_type(value.dtype)) else value.astype(kept)


def numpy_type(dtype: Any) -> np.dtype:
    """Returns the type of an array in ONNX: arithmetic of 16 bits is done in 32.

    Raises:
      Unsupported: it is a random key.
    """
    if jax.dtypes.issubdtype(dtype, jax.dtypes.prng_key):
        raise Unsupported("random numbers")
    if jnp.issubdtype(dtype, jnp.floating):
        return np.dtype(np.float32)
    return np.dtype(dtype)


def onnx_type(dtype: Any) -> int:
    """Returns ONNX's number of a type."""
    import onnx

    return onnx.helper.np_dtype_to_tensor_dtype(numpy_type(dtype))
