"""Discrete values x as whole numbers 0, ..., V - 1, and back; -1 where they are missing."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from vae.errors import InputError
from vae.probability.event import Event, Values
from vae.probability.terms import Batch

Array = jax.Array


def numbers_of(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns the numbers [N, L] int32 of x [N, *places, C].

    Raises:
      InputError: a count is larger than those that the model knows, or what is missing is not the
        end of an example.
    """
    values = event.values
    if values.kind == "tokens":
        found = x.astype(np.int32)
    else:
        with np.errstate(invalid="ignore"):
            found = np.rint(np.nan_to_num(x * np.float32(_last(values)), nan=-1)).astype(np.int32)
    number = count_of(values)
    if (found >= number).any() or (found < (-1 if values.missing else 0)).any():
        raise InputError(
            f"there are values outside 0 to {number - 1}, which are all that this run knows."
        )
    if values.missing:
        _check_ends(found >= 0)
    return found.reshape(len(found), -1)


def _check_ends(there: np.ndarray) -> None:
    """Checks that of values [N, T, ...] only positions at the end are missing."""
    there = there.reshape(*there.shape[:2], -1)
    if (there.any(-1) != there.all(-1)).any() or (np.diff(there.all(-1).astype(int)) > 0).any():
        raise InputError("examples that lack positions before their end cannot be compressed.")


def x_of(numbers: Any, event: Event) -> Array:
    """Returns x [B, *places, C] of numbers [B, L], in a trace or not."""
    numbers = numbers.reshape(-1, *event.shape)
    if event.values.kind == "tokens":
        return numbers
    x = jnp.asarray(each_of(event.values))[jnp.maximum(numbers, 0)]
    return jnp.where(numbers < 0, jnp.nan, x) if event.values.missing else x


def each_of(values: Values) -> np.ndarray:
    """Returns every x [V]."""
    if values.kind == "tokens":
        return np.arange(count_of(values), dtype=np.int32)
    return np.arange(count_of(values), dtype=np.float32) / np.float32(_last(values))


def batch_of(numbers: Array, y: Array | None, event: Event) -> Batch:
    """Returns examples as a model is given them."""
    x, mask = event.values.known(x_of(numbers, event))
    return Batch(x, y, mask)


def count_of(values: Values) -> int:
    """Returns V."""
    assert values.levels is not None  # of all discrete values
    return values.levels


def _last(values: Values) -> float:
    """Returns the number at x = 1."""
    if values.kind == "counts":
        assert not isinstance(values.scale, tuple)
        return values.scale
    return count_of(values) - 1
