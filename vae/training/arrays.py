"""Digests and descriptions of trees of arrays: their names, types, shapes and bytes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jax
import numpy as np

from vae.training.devices import fetch

NOTHING = "nothing"  # where a tree has None, or a branch without arrays


def digest(tree: Any) -> str:
    """Returns the SHA-256 over the paths, types, shapes and bytes of a tree of arrays."""
    sha = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if is_key(leaf):
            leaf = jax.random.key_data(leaf)
        array = np.ascontiguousarray(fetch(leaf))
        sha.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}\n".encode())
        sha.update(array.data)
    return sha.hexdigest()


def arrays_of(tree: Any) -> dict[str, str]:
    """Returns {dotted name: type and shape, as "float32[64, 3]"} of a tree's arrays."""

    def nothing(x: Any) -> bool:
        return x is None or (isinstance(x, tuple | list | dict) and not x)

    leaves = jax.tree_util.tree_leaves_with_path(tree, is_leaf=nothing)
    return {dotted(path): NOTHING if nothing(x) else type_of(x) for path, x in leaves}


def parameters(params: dict[str, Any]) -> dict[str, int]:
    """Returns the number of weights of each part of a model."""
    return {key: sum(x.size for x in jax.tree.leaves(tree)) for key, tree in params.items()}


def sizes(params: dict[str, Any]) -> str:
    """Returns the number of weights: "172,629 parameters: decoder 84,800, encoder 87,828, ..."."""
    number = parameters(params)
    parts = ", ".join(f"{key} {size:,}" for key, size in number.items() if size)
    return f"{sum(number.values()):,} parameters: {parts}"


def dotted(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def type_of(x: Any) -> str:
    return f"{x.dtype}{list(x.shape)}"


def is_key(x: Any) -> bool:
    return jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)


def without(tree: dict[str, Any], names: set[str], path: str) -> dict[str, Any]:
    """Returns nested dicts without the arrays of these dotted names; `path` names `tree` itself."""
    kept = {key: x for key, x in tree.items() if f"{path}.{key}" not in names}
    return {
        key: without(x, names, f"{path}.{key}") if isinstance(x, dict) else x
        for key, x in kept.items()
    }


def filled(read: dict[str, Any], like: dict[str, Any]) -> dict[str, Any]:
    """Returns what was read, completed from `like`: its arrays, or zeros of its shapes."""

    def one(key: str, x: Any) -> Any:
        if isinstance(x, dict):
            return filled(read[key], x)
        if key in read:
            return read[key]
        return np.zeros(x.shape, x.dtype) if isinstance(x, jax.ShapeDtypeStruct) else x

    return {key: one(key, x) for key, x in like.items()}


def check_of(record: dict[str, Any]) -> str:
    """Returns the digest of a record without its own digest."""
    said = {name: value for name, value in record.items() if name != "check"}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
