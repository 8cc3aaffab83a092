"""What the parts of a model have in common.

A part is a frozen record without arrays. What it learns by gradient (`params`) or tracks as running
averages (`statistics`) is in its variables, a dict of these two collections; the model's variables
hold, in each collection, one entry per part.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from vae.errors import InputError
from vae.probability.event import Event

Array = jax.Array
Variables = dict[str, dict[str, Any]]


def nothing() -> Variables:
    """The variables of a part that neither learns nor tracks anything."""
    return {"params": {}, "statistics": {}}


def of_module(module: nn.Module, *inputs: Any, key: Array, **named: Any) -> Variables:
    """The initial variables of a part that is one Linen module."""
    variables = module.init(key, *inputs, **named)
    return {"params": variables.get("params", {}), "statistics": {}}


def blank(event: Event) -> Array:
    """An x [1, *places, C] of zeros, from which networks learn their shapes."""
    dtype = jnp.int32 if event.values.kind == "tokens" else jnp.float32
    return jnp.zeros((1, *event.shape), dtype)


def join(parts: dict[str, Variables]) -> Variables:
    """The model's variables from those of its parts, by name."""
    return {
        collection: {name: variables[collection] for name, variables in parts.items()}
        for collection in ("params", "statistics")
    }


def part(variables: Variables, name: str) -> Variables:
    """One part's variables from those of the model."""
    return {collection: parts[name] for collection, parts in variables.items()}


def check_rank(network: nn.Module, places: tuple[int, ...], setting: str, instead: str) -> None:
    """Refuses a network that is not for examples with so many axes of places.

    Raises:
      InputError: one sentence that names the `setting` which chose it, and what to do `instead`.
    """
    if reason := not_of_rank(network, places):
        raise InputError(f"{setting} {reason}; {instead}.")


def not_of_rank(network: nn.Module, places: tuple[int, ...]) -> str | None:
    """Why a network is not for examples with so many axes of places; None where it is."""
    if len(places) in network.ranks:
        return None
    ranks = ", ".join(map(str, network.ranks[:-1])) + f" or {network.ranks[-1]}"
    return f"is for examples with {ranks} axes beside their channels, but these have {len(places)}"


def not_numbers(event: Event) -> str | None:
    """Why what compares means is not for these values; None where it is."""
    if event.values.kind != "tokens":
        return None
    return "is of numbers, but the data are tokens, which have no mean; choose 'none'."


def vectors(z: Any, leading: int = 2) -> Array:
    """Latents, a tree of leaves [K, B, ...], as one vector each, [K, B, D].

    There are `leading` dimensions before those of the latents.
    """
    leaves = [leaf.reshape(*leaf.shape[:leading], -1) for leaf in jax.tree.leaves(z)]
    return jnp.concatenate(leaves, axis=-1)


def unpacked(z: Array, like: Any) -> Any:
    """Vectors [N, D] as latents again, whose leaves have the shapes [..., *shape] of `like`."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([math.prod(leaf.shape[1:]) for leaf in leaves])
    pieces = jnp.split(z, ends[:-1], axis=-1)
    shaped = [
        piece.reshape(len(z), *leaf.shape[1:]) for piece, leaf in zip(pieces, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, shaped)


def tempered(p: Any, temperature: Array | None) -> Any:
    """A prior with its noise scaled to `temperature` times its standard deviation; p where None.

    Raises:
      InputError: the prior has no such noise.
    """
    if temperature is None:
        return p
    if (scaled := p.tempered(temperature)) is None:
        raise InputError(
            f"samples of this model are of a {type(p).__name__} prior, which has no temperature; "
            "leave --temperature out."
        )
    return scaled
