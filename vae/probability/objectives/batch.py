"""The whole batch, which may be spread over devices, for objectives that couple its examples."""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def gather(x: Array, axis: str | None) -> Array:
    """Returns the whole batch [N, ...] from every device's shard [B, ...], with its gradient.

    A shard's gradient sums what all devices ask of it, so that the mean over devices of the
    parameters' gradients is the gradient of the mean of the devices' losses.
    """
    return x if axis is None else jax.lax.all_gather(x, axis, tiled=True)


def batch_mean(x: Array, axis: str | None) -> Array:
    """Returns the mean over the last dimension and the devices of `axis`, without a gradient."""
    mean = jax.lax.stop_gradient(x.mean(-1))
    return mean if axis is None else jax.lax.pmean(mean, axis)


def is_own(size: int, axis: str | None) -> Array:
    """Returns [B, N]: whether the whole batch's j-th example is this device's i-th of `size`."""
    devices, device = (
        (1, 0) if axis is None else (jax.lax.axis_size(axis), jax.lax.axis_index(axis))
    )
    return device * size + jnp.arange(size)[:, None] == jnp.arange(devices * size)


def own_part(x: Array, size: int, axis: str | None) -> Array:
    """Returns this device's `size` examples of the whole batch x [N, ...]."""
    if axis is None:
        return x
    return jax.lax.dynamic_slice_in_dim(x, jax.lax.axis_index(axis) * size, size)
