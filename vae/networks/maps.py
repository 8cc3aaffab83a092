"""The three maps of a strided convolution with SAME padding, over one, two or three axes.

y = D_w x is linear in the input x [B, *places, C] and in the kernel w [*taps, C, F]. With g the
gradient of the loss with respect to y there are three maps, and each is the gradient of the other
two (along one axis, with a padding of p at the start):

    down             x, w -> y      y[o] = sum_k x[s o + k - p] w[k]
    up               g, w -> dx     the transpose of D_w: every g[o] spreads over its window
    weight_gradient  x, g -> dw     dw[k] = sum_o x[s o + k - p] g[o]

A transposed convolution is by definition `up` (Dumoulin and Visin, "A guide to convolution
arithmetic for deep learning", 2016, section 4). XLA gets all three as ordinary `lax` operations, so
that any transformation of JAX and any export can read them.
"""

from __future__ import annotations

import jax
from jax import lax

Array = jax.Array
Places = tuple[int, ...]

LAYOUTS = {
    1: ("NWC", "WIO", "NWC"),
    2: ("NHWC", "HWIO", "NHWC"),
    3: ("NDHWC", "DHWIO", "NDHWC"),
}


def strided_places(places: Places, stride: int) -> Places:
    """Returns the places of the strided grid: every length n becomes ceil(n / s)."""
    return tuple(-(-n // stride) for n in places)


def down(x: Array, kernel: Array, stride: int) -> Array:
    """Convolves with a stride: [B, *places, C], [*taps, C, F] -> [B, *ceil(places / s), F]."""
    rank = x.ndim - 2
    return lax.conv_general_dilated(
        x, kernel, (stride,) * rank, "SAME", dimension_numbers=LAYOUTS[rank]
    )


def up(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Transposes `down` in x: [B, *ceil(places / s), F], [*taps, C, F] -> [B, *places, C].

    It convolves y with zeros between its positions, as XLA transposes `down`.
    """
    x = jax.ShapeDtypeStruct((y.shape[0], *places, kernel.shape[-2]), y.dtype)
    return jax.linear_transpose(lambda x: down(x, kernel, stride), x)(y)[0]


def weight_gradient(x: Array, g: Array, stride: int, taps: Places) -> Array:
    """Transposes `down` in w: [B, *places, C], [B, *ceil(places / s), F] -> [*taps, C, F]."""
    kernel = jax.ShapeDtypeStruct((*taps, x.shape[-1], g.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda kernel: down(x, kernel, stride), kernel)(g)[0]
