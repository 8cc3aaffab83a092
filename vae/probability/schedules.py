"""Schedules: multipliers in [0, 1] as functions of the step and of `steps`, which may be traced."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

Array = jax.Array


def warmup(step: Array, steps: Array | int) -> Array:
    """Rises linearly: 1 / steps at step 0, 1 from step `steps` - 1 on; 1 where `steps` is 0."""
    return jnp.minimum(1.0, (step + 1) / jnp.maximum(steps, 1))


def rise(name: str, step: Array, steps: Array | int) -> Array:
    """Rises from 0 to 1 over `steps`: `linear`, half a `cosine` wave, or `cyclical`.

    The cyclical one rises linearly over `steps`, stays at 1 as long, and starts again at 0 (Fu et
    al. 2019, with R = 0.5). All are 1 where `steps` is 0.
    """
    match name:
        case "linear":
            return warmup(step, steps)
        case "cosine":
            return 0.5 * (1.0 - jnp.cos(jnp.pi * warmup(step, steps)))
        case "cyclical":
            return warmup(step % jnp.maximum(2 * steps, 1), steps)
    raise ValueError(f"unknown schedule {name!r}")


def decay(name: str, step: ArrayLike, steps: int) -> Array:
    """Falls from 1 at step 0 to 0 at `steps`: `constant`, `linear`, or half a `cosine` wave."""
    remaining = 1.0 - jnp.minimum(step / steps, 1.0)
    match name:
        case "constant":
            return jnp.ones_like(remaining)
        case "linear":
            return remaining
        case "cosine":
            return 0.5 * (1.0 - jnp.cos(jnp.pi * remaining))
    raise ValueError(f"unknown schedule {name!r}")
