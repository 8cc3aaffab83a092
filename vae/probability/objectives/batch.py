"""The whole batch, where an objective couples its examples: it may be spread over devices."""

from __future__ import annotations

import jax
import jax.numpy as jnp

Array = jax.Array


def gather(x: Array, axis: str | None) -> Array:
    """The whole batch [N, ...] from every device's shard [B, ...], with its gradient.

    The gradient of a device's shard is the sum of what all devices ask of it, so that the mean over
    devices of the parameters' gradients is that of the mean of the devices' losses.
    """
    return x if axis is None else jax.lax.all_gather(x, axis, tiled=True)


def batch_mean(x: Array, axis: str | None) -> Array:
    """The mean over the last dimension and over the devices of `axis`, without a gradient."""
    mean = jax.lax.stop_gradient(x.mean(-1))
    return mean if axis is None else jax.lax.pmean(mean, axis)


def is_own(size: int, axis: str | None) -> Array:
    """[B, N] whether the j-th example of the whole batch is the i-th of this device's `size`."""
    devices, device = (
        (1, 0) if axis is None else (jax.lax.axis_size(axis), jax.lax.axis_index(axis))
    )
    return device * size + jnp.arange(size)[:, None] == jnp.arange(devices * size)


def own_part(x: Array, size: int, axis: str | None) -> Array:
    """This device's `size` examples of the whole batch x [N, ...]."""
    if axis is None:
        return x
    return jax.lax.dynamic_slice_in_dim(x, jax.lax.axis_index(axis) * size, size)
