"""Strided and transposed convolutions whose values and gradients all take fast paths on a CPU.

A strided convolution y = D_w x is linear in the image x and in the kernel w. With g the gradient of
the loss with respect to y there are three maps, and each is the gradient of the other two:

    down             x, w -> y      y[o] = sum_k x[s o + k - p] w[k]
    up               g, w -> dx     the transpose of D_w: every g[o] spreads over its window
    weight_gradient  x, g -> dw     dw[k] = sum_o x[s o + k - p] g[o]

A transposed convolution is by definition `up` (Dumoulin and Visin, "A guide to convolution
arithmetic for deep learning", 2016, section 4), so both layers, forward and backward and in the
gradients of gradients, need no other arithmetic:

                     forward   gradient of the input   gradient of the kernel
    Conv             down      up                      weight_gradient(input, g)
    ConvTranspose    up        down                    weight_gradient(g, input)

Left to automatic differentiation, the transposed convolution's kernel gradient becomes a
convolution with a dilated input, which XLA runs many times slower on a CPU than these three. There
is no forward mode (`jvp`), and under `shard_map` the layers need `check_vma=False`.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

Array = jax.Array

LAYOUT = ("NHWC", "HWIO", "NHWC")


def down(x: Array, kernel: Array, stride: int) -> Array:
    """Strided SAME convolution: [B, H, W, C], [k, k, C, F] -> [B, ceil(H/s), ceil(W/s), F]."""
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=LAYOUT)


def up(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """Transpose of `down` in x: [B, ceil(H/s), ceil(W/s), F], [k, k, C, F] -> [B, H, W, C]."""
    if y.shape[1:3] != tuple(-(-n // stride) for n in size):
        raise ValueError(f"a grid of {y.shape[1:3]} is not the stride-{stride} grid of {size}")
    return lax.platform_dependent(
        y,
        kernel,
        cpu=functools.partial(up_phases, stride=stride, size=size),
        default=functools.partial(up_dilated, stride=stride, size=size),
    )


def up_dilated(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """`up` as XLA transposes `down`: a convolution of y with zeros between its pixels."""
    x = jax.ShapeDtypeStruct((y.shape[0], *size, kernel.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: down(x, kernel, stride), x)(y)[0]


def up_phases(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """`up` without the zeros: one stride-1 convolution for all s x s output phases, interleaved.

    Counted from the padded edge, pixel s n + a meets only the taps k = s t + a, of y[n - t]: each
    phase a is a stride-1 convolution with ceil(k/s) taps, and all share it as its output channels.
    """
    batch, _, _, features = y.shape
    kernel_size, channels = kernel.shape[:2], kernel.shape[2]
    rows, columns = (-(-k // stride) for k in kernel_size)
    kernel = jnp.pad(
        kernel,
        (
            (0, rows * stride - kernel_size[0]),
            (0, columns * stride - kernel_size[1]),
            (0, 0),
            (0, 0),
        ),
    )
    kernel = kernel.reshape(rows, stride, columns, stride, channels, features)
    kernel = kernel[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
    kernel = kernel.reshape(rows, columns, features, stride * stride * channels)
    full = ((rows - 1, rows - 1), (columns - 1, columns - 1))
    x = lax.conv_general_dilated(y, kernel, (1, 1), full, dimension_numbers=LAYOUT)
    _, height, width, _ = x.shape
    x = x.reshape(batch, height, width, stride, stride, channels).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, height * stride, width * stride, channels)
    (top, _), (left, _) = lax.padtype_to_pads(size, kernel_size, (stride, stride), "SAME")
    return x[:, top : top + size[0], left : left + size[1]]


def weight_gradient(x: Array, g: Array, stride: int, kernel_size: tuple[int, int]) -> Array:
    """Transpose of `down` in w: [B, H, W, C], [B, ceil(H/s), ceil(W/s), F] -> [k, k, C, F]."""
    kernel = jax.ShapeDtypeStruct((*kernel_size, x.shape[-1], g.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda kernel: down(x, kernel, stride), kernel)(g)[0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def strided(x: Array, kernel: Array, stride: int) -> Array:
    """`down`, with gradients made of `up` and `weight_gradient`."""
    return down(x, kernel, stride)


def _strided_forward(x, kernel, stride):
    return strided(x, kernel, stride), (x, kernel)


def _strided_backward(stride, residuals, g):
    x, kernel = residuals
    return (
        transposed(g, kernel, stride, x.shape[1:3]),
        kernel_gradient(x, g, stride, kernel.shape[:2]),
    )


strided.defvjp(_strided_forward, _strided_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def transposed(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """`up`, with gradients made of `down` and `weight_gradient`."""
    return up(y, kernel, stride, size)


def _transposed_forward(y, kernel, stride, size):
    return transposed(y, kernel, stride, size), (y, kernel)


def _transposed_backward(stride, size, residuals, g):
    y, kernel = residuals
    return strided(g, kernel, stride), kernel_gradient(g, y, stride, kernel.shape[:2])


transposed.defvjp(_transposed_forward, _transposed_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def kernel_gradient(x: Array, g: Array, stride: int, kernel_size: tuple[int, int]) -> Array:
    """`weight_gradient`, with gradients made of `up` and `down`, for losses that are of slopes."""
    return weight_gradient(x, g, stride, kernel_size)


def _kernel_gradient_forward(x, g, stride, kernel_size):
    return kernel_gradient(x, g, stride, kernel_size), (x, g)


def _kernel_gradient_backward(stride, kernel_size, residuals, kernel):
    x, g = residuals
    return transposed(g, kernel, stride, x.shape[1:3]), strided(x, kernel, stride)


kernel_gradient.defvjp(_kernel_gradient_forward, _kernel_gradient_backward)


def halvings(size: tuple[int, int], times: int) -> list[tuple[int, int]]:
    """The sizes from (H, W) through `times` stride-2 layers: (H, W), (ceil(H/2), ceil(W/2)), ..."""
    sizes = [tuple(size)]
    for _ in range(times):
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
    return sizes


def he_normal_transposed(stride: int, scale: float = 2.0) -> nn.initializers.Initializer:
    """Initialises [k, k, C, F] kernels of a transposed convolution from F channels to C.

    The variance is scale / fan_in, where an output pixel meets (k/s)^2 taps of F channels each.
    """
    return nn.initializers.variance_scaling(
        scale * stride**2, "fan_in", "truncated_normal", in_axis=-1, out_axis=-2
    )


class Conv(nn.Module):
    """Strided convolution with SAME padding: [B, H, W, C] -> [B, ceil(H/s), ceil(W/s), features].

    The arithmetic runs in `dtype`, the parameters are float32.
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    dtype: jnp.dtype = jnp.float32
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", self.bias_init, (self.features,))
        x, kernel, bias = (a.astype(self.dtype) for a in (x, kernel, bias))
        return strided(x, kernel, self.stride) + bias


class ConvTranspose(nn.Module):
    """Gradient of a strided SAME convolution: [B, ceil(H/s), ceil(W/s), F] -> [B, H, W, features].

    The (H, W) wanted is an argument of the call, for two sizes share each grid. The kernel is the
    strided convolution's, [k, k, features, F]. The arithmetic runs in `dtype`, the parameters are
    float32.
    """

    features: int
    kernel_size: int = 4
    stride: int = 2
    dtype: jnp.dtype = jnp.float32
    kernel_init: nn.initializers.Initializer | None = None  # None: he_normal_transposed
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, y: Array, size: tuple[int, int]) -> Array:
        shape = (self.kernel_size, self.kernel_size, self.features, y.shape[-1])
        kernel = self.param("kernel", self.kernel_init or he_normal_transposed(self.stride), shape)
        bias = self.param("bias", self.bias_init, (self.features,))
        y, kernel, bias = (a.astype(self.dtype) for a in (y, kernel, bias))
        return transposed(y, kernel, self.stride, tuple(size)) + bias
