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

# Where the paths of a CPU part, measured on an EPYC: channels, and pixels over those needed.
FEW, MORE = 4, 1.2


def down(x: Array, kernel: Array, stride: int) -> Array:
    """Strided SAME convolution: [B, H, W, C], [k, k, C, F] -> [B, ceil(H/s), ceil(W/s), F]."""
    if stride == 1 or x.shape[-1] > FEW:
        return down_strided(x, kernel, stride)
    return lax.platform_dependent(
        x,
        kernel,
        cpu=functools.partial(down_phases, stride=stride),
        default=functools.partial(down_strided, stride=stride),
    )


def down_strided(x: Array, kernel: Array, stride: int) -> Array:
    """`down` as it is written."""
    return lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=LAYOUT)


def down_phases(x: Array, kernel: Array, stride: int) -> Array:
    """`down` without the stride: a stride-1 convolution of the image's s x s phases as channels.

    A CPU gathers the pixels under a window row by row; grey or RGB ones are too few to do so fast.
    """
    batch, height, width, channels = x.shape
    taps = _by_phase(kernel, stride)
    rows, columns = taps.shape[0], taps.shape[2]
    (top, _), (left, _) = _padding(x.shape[1:3], kernel, stride)
    grid = (-(-height // stride) + rows - 1, -(-width // stride) + columns - 1)
    bottom, right = grid[0] * stride - top - height, grid[1] * stride - left - width
    x = jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    x = x.reshape(batch, grid[0], stride, grid[1], stride, channels).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, *grid, stride * stride * channels)
    taps = taps.transpose(0, 2, 1, 3, 4, 5).reshape(rows, columns, x.shape[-1], -1)
    return lax.conv_general_dilated(x, taps, (1, 1), "VALID", dimension_numbers=LAYOUT)


def up(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """Transpose of `down` in x: [B, ceil(H/s), ceil(W/s), F], [k, k, C, F] -> [B, H, W, C]."""
    if y.shape[1:3] != tuple(-(-n // stride) for n in size):
        raise ValueError(f"a grid of {y.shape[1:3]} is not the stride-{stride} grid of {size}")
    if stride == 1 and kernel.shape[2] > FEW:
        return up_dilated(y, kernel, stride, size)
    return lax.platform_dependent(
        y,
        kernel,
        cpu=functools.partial(up_phases, stride=stride, size=size),
        default=functools.partial(up_dilated, stride=stride, size=size),
    )


def up_dilated(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """`up` as XLA transposes `down`: a convolution of y with zeros between its pixels."""
    x = jax.ShapeDtypeStruct((y.shape[0], *size, kernel.shape[2]), y.dtype)
    return jax.linear_transpose(lambda x: down_strided(x, kernel, stride), x)(y)[0]


def up_phases(y: Array, kernel: Array, stride: int, size: tuple[int, int]) -> Array:
    """`up` without the zeros: a stride-1 convolution for each of s x s output phases, interleaved.

    Counted from the padded edge, pixel s n + a meets only the taps k = s t + a, of y[n - t]: each
    phase a is a stride-1 convolution with ceil(k/s) taps. All phases are channels of one
    convolution unless the grid is small: a phase needs H x W pixels, but all together (H + 1) x
    (W + 1), with two taps each way. Grey or RGB images are sums of shifted products instead.
    """
    _, height, width, _ = y.shape
    taps = _by_phase(kernel, stride)[::-1, :, ::-1].transpose(1, 3, 0, 2, 5, 4)
    rows, columns = taps.shape[2:4]
    (top, _), (left, _) = _padding(size, kernel, stride)
    if kernel.shape[2] <= FEW:
        x = _up_overlapped(y, taps)
    elif (height + rows - 1) * (width + columns - 1) > MORE * height * width:
        x = [
            [_up_phase(y, taps, row + top, column + left) for column in range(stride)]
            for row in range(stride)
        ]
        x = jnp.stack([jnp.stack(of_row, axis=3) for of_row in x], axis=2)
        top = left = 0
    else:
        every = taps.transpose(2, 3, 4, 0, 1, 5).reshape(rows, columns, y.shape[-1], -1)
        full = ((rows - 1, rows - 1), (columns - 1, columns - 1))
        x = lax.conv_general_dilated(y, every, (1, 1), full, dimension_numbers=LAYOUT)
        x = x.reshape(*x.shape[:3], stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(len(x), x.shape[1] * stride, x.shape[3] * stride, -1)
    return x[:, top : top + size[0], left : left + size[1]]


def _up_overlapped(y: Array, taps: Array) -> Array:
    """All pixels from the padded edge, [B, H + rows - 1, s, W + columns - 1, s, C].

    What each pixel of y spreads over its window is added up where windows overlap.
    """
    stride, _, rows, columns = taps.shape[:4]
    taps = taps[:, :, ::-1, ::-1].transpose(4, 2, 3, 0, 1, 5)
    spread = jnp.tensordot(y, taps.reshape(y.shape[-1], rows, columns, -1), 1)
    x = sum(
        jnp.pad(
            spread[:, :, :, t, u],
            ((0, 0), (t, rows - 1 - t), (u, columns - 1 - u), (0, 0)),
        )
        for t in range(rows)
        for u in range(columns)
    )
    return x.reshape(*x.shape[:3], stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)


def _up_phase(y: Array, taps: Array, row: int, column: int) -> Array:
    """The pixels s m + row, s n + column from the padded edge, m and n from 0: [B, H, W, C]."""
    stride, _, rows, columns = taps.shape[:4]
    (below, a), (right, b) = divmod(row, stride), divmod(column, stride)
    edges = ((rows - 1 - below, below), (columns - 1 - right, right))
    return lax.conv_general_dilated(y, taps[a, b], (1, 1), edges, dimension_numbers=LAYOUT)


def _by_phase(kernel: Array, stride: int) -> Array:
    """[k, k, C, F] -> [ceil(k/s), s, ceil(k/s), s, C, F]; taps that are not there are 0."""
    rows, columns = (-(-k // stride) for k in kernel.shape[:2])
    missing = (rows * stride - kernel.shape[0], columns * stride - kernel.shape[1])
    kernel = jnp.pad(kernel, ((0, missing[0]), (0, missing[1]), (0, 0), (0, 0)))
    return kernel.reshape(rows, stride, columns, stride, *kernel.shape[2:])


def _padding(size: tuple[int, int], kernel: Array, stride: int) -> list[tuple[int, int]]:
    """Of an image of this size, at its top and bottom, left and right, for `down`."""
    return lax.padtype_to_pads(size, kernel.shape[:2], (stride, stride), "SAME")


def weight_gradient(x: Array, g: Array, stride: int, kernel_size: tuple[int, int]) -> Array:
    """Transpose of `down` in w: [B, H, W, C], [B, ceil(H/s), ceil(W/s), F] -> [k, k, C, F]."""
    kernel = jax.ShapeDtypeStruct((*kernel_size, x.shape[-1], g.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda kernel: down_strided(x, kernel, stride), kernel)(g)[0]


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


@jax.custom_vjp
def biased(x: Array, bias: Array) -> Array:
    """x + bias: [B, H, W, C], [C]; with a fast gradient of the bias."""
    return x + bias


def _biased_forward(x, bias):
    return biased(x, bias), None


def _biased_backward(_, g):
    return g, lax.platform_dependent(g, cpu=_sum_by_product, default=_sum)


biased.defvjp(_biased_forward, _biased_backward)


def _sum(x: Array) -> Array:
    return x.sum((0, 1, 2))


def _sum_by_product(x: Array) -> Array:
    """`_sum`, several times faster on a CPU, which sums over all but the last axis slowly."""
    x = x.reshape(-1, x.shape[-1])
    return jnp.ones((len(x),), x.dtype) @ x


def relu(x: Array) -> Array:
    """max(x, 0).

    Written as a choice, which XLA does not compute again wherever it is read: for the gradient of
    the next kernel it would be amid a transposition, several times slower so on a CPU.
    """
    return jnp.where(x <= 0, jnp.zeros_like(x), x)  # NaN stays NaN


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
        return biased(strided(x, kernel, self.stride), bias)


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
        return biased(transposed(y, kernel, self.stride, tuple(size)), bias)
