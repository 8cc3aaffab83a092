"""Strided and transposed convolutions over one, two or three axes, as layers.

`maps.py` has what they compute, `fast_cpu.py` how a CPU does so fast. The fast forms have no
forward mode and cannot be exported; without them, the same layers are ordinary `lax` operations of
equal values and gradients:

    with strided.plain():
        y, slope = jax.jvp(decode, (z,), (direction,))
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import depthwise as channelwise
from vae.networks import fast_cpu, maps
from vae.networks.maps import Places, strided_places

Array = jax.Array

# A part of the keys of `jax.jit`: code compiled without it is traced again within it.
_PLAIN = jax.make_user_context(False)


def plain() -> AbstractContextManager:
    """Traces layers within it as ordinary `lax` operations, for forward mode and export."""
    return _PLAIN(True)


def convolved(x: Array, kernel: Array, stride: int) -> Array:
    """Convolves with a stride: [B, *places, C], [*taps, C, F] -> [B, *ceil(places / s), F]."""
    form = maps.down if _PLAIN.value else fast_cpu.strided
    return form(x, kernel, stride)


def transposed(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Transposes `convolved`: [B, *ceil(places / s), F], [*taps, C, F] -> [B, *places, C].

    Raises:
      ValueError: y is not on the strided grid of the places.
    """
    if y.shape[1:-1] != strided_places(places, stride):
        raise ValueError(f"a grid of {y.shape[1:-1]} is not the stride-{stride} grid of {places}")
    form = maps.up if _PLAIN.value else fast_cpu.transposed
    return form(y, kernel, stride, places)


def depthwise(x: Array, kernel: Array, stride: int) -> Array:
    """Convolves each channel by itself: [B, H, W, C], [k, k, C] -> [B, ceil(H/s), ceil(W/s), C]."""
    form = channelwise.grouped if _PLAIN.value else channelwise.depthwise
    return form(x, kernel, stride)


def biased(x: Array, bias: Array) -> Array:
    """Returns x + bias: [B, *places, C], [C]."""
    return x + bias if _PLAIN.value else fast_cpu.biased(x, bias)


def halvings(places: Places, times: int) -> list[Places]:
    """Returns the places through `times` stride-2 layers: the given ones, then ceil(n / 2) each."""
    grids = [tuple(places)]
    for _ in range(times):
        grids.append(strided_places(grids[-1], 2))
    return grids


def he_normal_transposed(stride: int, scale: float = 2.0) -> nn.initializers.Initializer:
    """Returns an initialiser for [*taps, C, F] kernels of a transposed convolution from F to C.

    The variance is scale / fan_in; along every axis an output meets taps / s of F channels each.
    """

    def initialise(key: Array, shape: tuple[int, ...], dtype: jnp.dtype = jnp.float32) -> Array:
        variance = scale * stride ** (len(shape) - 2)
        start = nn.initializers.variance_scaling(
            variance, "fan_in", "truncated_normal", in_axis=-1, out_axis=-2
        )
        return start(key, shape, dtype)

    return initialise


class Conv(nn.Module):
    """Strided convolution with SAME padding: [B, *places, C] -> [B, *ceil(places / s), features].

    There are one, two or three axes. The arithmetic runs in `dtype`; the parameters are float32.
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    dtype: jnp.dtype = jnp.float32
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (*(self.kernel_size,) * (x.ndim - 2), x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", self.bias_init, (self.features,))
        x, kernel, bias = (a.astype(self.dtype) for a in (x, kernel, bias))
        return biased(convolved(x, kernel, self.stride), bias)


class ConvTranspose(nn.Module):
    """Gradient of a strided SAME convolution: [B, *ceil(places / s), F] -> [B, *places, features].

    The call takes the places of the result, for several share each strided grid. The kernel is the
    strided convolution's, [*taps, features, F]. The arithmetic runs in `dtype`; the parameters are
    float32.
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    dtype: jnp.dtype = jnp.float32
    kernel_init: nn.initializers.Initializer | None = None  # None: he_normal_transposed
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, y: Array, places: Places) -> Array:
        shape = (*(self.kernel_size,) * (y.ndim - 2), self.features, y.shape[-1])
        kernel = self.param("kernel", self.kernel_init or he_normal_transposed(self.stride), shape)
        bias = self.param("bias", self.bias_init, (self.features,))
        y, kernel, bias = (a.astype(self.dtype) for a in (y, kernel, bias))
        return biased(transposed(y, kernel, self.stride, tuple(places)), bias)
