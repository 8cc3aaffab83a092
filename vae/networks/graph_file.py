"""Reads the arrays of a TensorFlow graph without TensorFlow.

A frozen graph is a `GraphDef`, written as protocol buffers: a message is a row of fields, each a
key (eight times its number, plus a code of how it is written) and a value. The weights are in its
nodes of the kind "Const":

    GraphDef   1 node
    NodeDef    1 name, 2 kind, 5 attribute {1 name, 2 value {8 tensor}}
    Tensor     1 type, 2 shape {2 axis {1 size}}, 4 content; or 5 values, of which the last is
               repeated to the end
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vae.errors import InputError

FLOAT = 1  # TensorFlow's number of float32
VARINT, EIGHT, SIZED, FOUR = 0, 1, 2, 5  # how a value is written


def read_constants(path: Path) -> dict[str, np.ndarray]:
    """Returns the float32 arrays of a graph, by the names of their nodes.

    Raises:
      InputError: the file is no such graph, or is damaged.
    """
    try:
        nodes = [_message(node) for node in _message(memoryview(path.read_bytes()))[1]]
        constants = {}
        for node in nodes:
            if bytes(node[2][0]) != b"Const":
                continue
            named = {bytes(each[1][0]): each[2][0] for each in map(_message, node[5])}
            tensor = _message(_message(named[b"value"])[8][0])
            if tensor[1] == [FLOAT]:
                constants[bytes(node[1][0]).decode()] = _array(tensor)
        return constants
    except (KeyError, IndexError, ValueError, TypeError, MemoryError) as error:
        raise InputError(
            f"{path} cannot be read as a TensorFlow graph ({error!r}): give another."
        ) from None


def _array(tensor: dict[int, list]) -> np.ndarray:
    axes = _message(tensor[2][0]).get(2, []) if 2 in tensor else []
    shape = [_message(axis)[1][0] for axis in axes]
    content = b"".join(tensor.get(4) or tensor[5])
    values = np.frombuffer(content, "<f4")
    return np.pad(values, (0, math.prod(shape) - len(values)), "edge").reshape(shape)


def _message(data: memoryview) -> dict[int, list]:
    """Returns the values of a message's fields by their numbers."""
    found: dict[int, list] = {}
    for number, value in _fields(data):
        found.setdefault(number, []).append(value)
    return found


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, written = key >> 3, key & 7
        if written == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if written == SIZED:
            size, at = _varint(data, at)
        elif written in (EIGHT, FOUR):
            size = 8 if written == EIGHT else 4
        else:
            raise ValueError(f"no value is written as {written}")
        if at + size > len(data):
            raise ValueError("it ends in the middle of a value")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """Returns a whole number, of seven bits a byte from the lowest, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
