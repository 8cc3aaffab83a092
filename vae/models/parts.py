"""What the parts of a model have in common.

A part is a frozen record without arrays. What it learns by gradient (`params`) or tracks as running
averages (`statistics`) is in its variables, a dict of these two collections; the model's variables
hold, in each collection, one entry per part.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.errors import InputError
from vae.probability.event import Event

Array = jax.Array
Variables = dict[str, dict[str, Any]]


def nothing() -> Variables:
    """The variables of a part that neither learns nor tracks anything."""
    return {"params": {}, "statistics": {}}


def of_module(module: nn.Module, *inputs: Any, key: Array, **named: Any) -> Variables:
    """The initial variables of a part that is one Linen module."""
    return {"params": module.init(key, *inputs, **named)["params"], "statistics": {}}


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
    if len(places) not in network.ranks:
        ranks = ", ".join(map(str, network.ranks[:-1])) + f" or {network.ranks[-1]}"
        raise InputError(
            f"{setting} is for examples with {ranks} axes beside their channels, but these have "
            f"{len(places)}; {instead}."
        )


def tempered(p: Any, temperature: Array | None) -> Any:
    """A prior with its noise scaled to `temperature` times its standard deviation; p where None.

    A Gaussian's is scaled around its mean, a mixture's within each component, a flow's where it
    starts.

    Raises:
      InputError: the prior has no such noise.
    """
    if temperature is None:
        return p
    if not hasattr(p, "tempered"):
        raise InputError(
            f"samples of this model are of a {type(p).__name__} prior, which has no temperature; "
            "leave --temperature out."
        )
    return p.tempered(temperature)
