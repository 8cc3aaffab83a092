"""What the parts of a model have in common.

A part is a frozen record without arrays. Its variables are a dict of two collections: `params` are
learned by gradient descent, `statistics` are running averages. The model's variables hold one entry
per part in each collection.
"""

from __future__ import annotations

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from vae.errors import InputError
from vae.probability.density import Density
from vae.probability.event import Event
from vae.probability.terms import Batch

Array = jax.Array
Variables = dict[str, dict[str, Any]]


def nothing() -> Variables:
    """Returns the variables of a part that neither learns nor tracks anything."""
    return {"params": {}, "statistics": {}}


def of_module(module: nn.Module, *inputs: Any, key: Array, **named: Any) -> Variables:
    """Returns the initial variables of a part that is one Linen module."""
    variables = module.init(key, *inputs, **named)
    return {"params": variables.get("params", {}), "statistics": {}}


def apply(module: nn.Module, params: Any, *inputs: Any, **named: Any) -> Any:
    """Returns the outputs of a Linen module that has only parameters."""
    return module.apply({"params": params}, *inputs, **named)


def blank(event: Event) -> Array:
    """Returns an x [1, *places, C] of zeros, from which networks learn their shapes."""
    dtype = jnp.int32 if event.values.kind == "tokens" else jnp.float32
    return jnp.zeros((1, *event.shape), dtype)


def as_read(encoder: Any, batch: Batch) -> Array:
    """Returns x as an encoder reads it: one of any length sees what is missing, as NaN or -1."""
    x, mask = batch.x, batch.mask
    if mask is None or not encoder.any_length or not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    return jnp.where(mask[..., None], x, jnp.nan)


def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of a tree's arrays by their dotted names; "" names a lone array."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): x.shape for path, x in leaves}


def join(parts: dict[str, Variables]) -> Variables:
    """Returns the model's variables from those of its parts, by name."""
    return {
        collection: {name: variables[collection] for name, variables in parts.items()}
        for collection in ("params", "statistics")
    }


def part(variables: Variables, name: str) -> Variables:
    """Returns one part's variables from those of the model."""
    return {collection: parts[name] for collection, parts in variables.items()}


def check_rank(network: nn.Module, places: tuple[int, ...], setting: str, instead: str) -> None:
    """Refuses a network that does not take examples with this number of axes.

    Args:
      network: has `ranks`, the numbers of axes that it takes.
      places: the example's axes beside its channels.
      setting: what chose the network, which starts the error.
      instead: what to do, which ends it.

    Raises:
      InputError: the network does not take them.
    """
    if reason := not_of_rank(network, places):
        raise InputError(f"{setting} {reason}; {instead}.")


def not_of_rank(network: nn.Module, places: tuple[int, ...]) -> str | None:
    """Returns why a network does not take examples with these axes, or None where it does."""
    if len(places) in network.ranks:
        return None
    ranks = ", ".join(map(str, network.ranks[:-1])) + f" or {network.ranks[-1]}"
    return f"is for examples with {ranks} axes beside their channels, but these have {len(places)}"


def not_numbers(event: Event) -> str | None:
    """Returns why a loss that compares means does not take these values, or None where it does."""
    if event.values.kind != "tokens":
        return None
    return "is of numbers, but the data are tokens, which have no mean; choose 'none'."


def vectors(z: Any, leading: int = 2) -> Array:
    """Returns latents as one vector each, [K, B, D], from a tree of leaves [K, B, ...].

    The first `leading` dimensions are those before the latents'.
    """
    leaves = [leaf.reshape(*leaf.shape[:leading], -1) for leaf in jax.tree.leaves(z)]
    return jnp.concatenate(leaves, axis=-1)


def unpacked(z: Array, like: Any) -> Any:
    """Returns latents of the shapes of `like`, leaves [N, *shape], from vectors [N, D]."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([math.prod(leaf.shape[1:]) for leaf in leaves])
    pieces = jnp.split(z, ends[:-1], axis=-1)
    shaped = [
        piece.reshape(len(z), *leaf.shape[1:]) for piece, leaf in zip(pieces, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, shaped)


def tempered(p: Density, temperature: Array | None) -> Density:
    """Returns p with `temperature` times its standard deviation, or p where that is None.

    Raises:
      InputError: the prior has no temperature.
    """
    if temperature is None:
        return p
    if (scaled := p.tempered(temperature)) is None:
        raise InputError(
            f"samples of this model are of a {type(p).__name__} prior, which has no temperature; "
            "leave --temperature out."
        )
    return scaled
