"""Fast forms of strided convolutions on a CPU; other platforms get the ones of `maps`.

Each of the three maps is the gradient of the other two, so both layers, forward and backward and in
the gradients of gradients, need no other arithmetic:

                     forward   gradient of the input   gradient of the kernel
    Conv             down      up                      weight_gradient(input, g)
    ConvTranspose    up        down                    weight_gradient(g, input)

Automatic differentiation would make the transposed convolution's kernel gradient a convolution with
a dilated input, which XLA runs many times slower on a CPU than these three. The gradients are
written by hand (`custom_vjp`): there is no forward mode (`jvp`), and under `shard_map` they need
`check_vma=False`. Under `strided.plain()` the layers do without this file.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from vae.networks import maps
from vae.networks.maps import LAYOUTS, Places

Array = jax.Array

LAYOUT = LAYOUTS[2]

# Where the CPU's paths divide, measured on an EPYC: channels, and computed pixels over needed ones.
FEW, MORE = 4, 1.2


def down(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `maps.down`; on a CPU in another form for solids, and planes with few channels."""
    rank = x.ndim - 2
    if rank == 1 or (rank == 2 and (stride == 1 or x.shape[-1] > FEW)):
        return maps.down(x, kernel, stride)
    return lax.platform_dependent(
        x,
        kernel,
        cpu=functools.partial(down_phases if rank == 2 else down_planes, stride=stride),
        default=functools.partial(maps.down, stride=stride),
    )


def down_phases(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `down` without the stride: a stride-1 convolution of x's s x s phases as channels.

    A CPU gathers the pixels under a window row by row; with one or three channels each row is too
    short to be fast.
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


def up(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Computes `maps.up`; on a CPU in another form for solids, and strided or thin planes."""
    rank = y.ndim - 2
    if rank == 1 or (rank == 2 and stride == 1 and kernel.shape[2] > FEW):
        return maps.up(y, kernel, stride, places)
    return lax.platform_dependent(
        y,
        kernel,
        cpu=functools.partial(up_phases if rank == 2 else up_planes, stride=stride, places=places),
        default=functools.partial(maps.up, stride=stride, places=places),
    )


def up_phases(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Computes `up` without the zeros: a stride-1 convolution for each of s x s output phases.

    Counted from the padded edge, pixel s n + a meets only the taps k = s t + a, of y[n - t]: each
    phase a is a stride-1 convolution with ceil(k/s) taps. All phases are channels of one
    convolution unless the grid is small: with two taps each way, one phase needs H x W pixels, all
    together (H + 1) x (W + 1). Phases of 1 or 3 channels are sums of shifted products instead.
    """
    _, height, width, _ = y.shape
    taps = _by_phase(kernel, stride)[::-1, :, ::-1].transpose(1, 3, 0, 2, 5, 4)
    rows, columns = taps.shape[2:4]
    (top, _), (left, _) = _padding(places, kernel, stride)
    if kernel.shape[2] <= FEW:
        x = _up_overlapped(y, taps)
    elif (height + rows - 1) * (width + columns - 1) > MORE * height * width:
        rows_of = [
            [_up_phase(y, taps, row + top, column + left) for column in range(stride)]
            for row in range(stride)
        ]
        x = jnp.stack([jnp.stack(of_row, axis=3) for of_row in rows_of], axis=2)
        top = left = 0
    else:
        every = taps.transpose(2, 3, 4, 0, 1, 5).reshape(rows, columns, y.shape[-1], -1)
        full = ((rows - 1, rows - 1), (columns - 1, columns - 1))
        x = lax.conv_general_dilated(y, every, (1, 1), full, dimension_numbers=LAYOUT)
        x = x.reshape(*x.shape[:3], stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(len(x), x.shape[1] * stride, x.shape[3] * stride, -1)
    return x[:, top : top + places[0], left : left + places[1]]


def _up_overlapped(y: Array, taps: Array) -> Array:
    """Returns all pixels from the padded edge, [B, H + rows - 1, s, W + columns - 1, s, C].

    Each pixel of y spreads over its window; overlapping windows add up.
    """
    stride, _, rows, columns = taps.shape[:4]
    taps = taps[:, :, ::-1, ::-1].transpose(4, 2, 3, 0, 1, 5)
    spread = jnp.tensordot(y, taps.reshape(y.shape[-1], rows, columns, -1), 1)
    x = jnp.asarray(
        sum(
            jnp.pad(
                spread[:, :, :, t, u],
                ((0, 0), (t, rows - 1 - t), (u, columns - 1 - u), (0, 0)),
            )
            for t in range(rows)
            for u in range(columns)
        )
    )
    return x.reshape(*x.shape[:3], stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)


def _up_phase(y: Array, taps: Array, row: int, column: int) -> Array:
    """Returns pixels s m + row, s n + column from the padded edge, m, n from 0: [B, H, W, C]."""
    stride, _, rows, columns = taps.shape[:4]
    (below, a), (right, b) = divmod(row, stride), divmod(column, stride)
    edges = ((rows - 1 - below, below), (columns - 1 - right, right))
    return lax.conv_general_dilated(y, taps[a, b], (1, 1), edges, dimension_numbers=LAYOUT)


def _by_phase(kernel: Array, stride: int) -> Array:
    """Reshapes [k, k, C, F] to [ceil(k/s), s, ceil(k/s), s, C, F]; missing taps are 0."""
    rows, columns = (-(-k // stride) for k in kernel.shape[:2])
    missing = (rows * stride - kernel.shape[0], columns * stride - kernel.shape[1])
    kernel = jnp.pad(kernel, ((0, missing[0]), (0, missing[1]), (0, 0), (0, 0)))
    return kernel.reshape(rows, stride, columns, stride, *kernel.shape[2:])


def _padding(places: Places, kernel: Array, stride: int) -> list[tuple[int, int]]:
    """Returns what `down` pads a grid of this size with: (top, bottom), (left, right)."""
    return lax.padtype_to_pads(places, kernel.shape[:2], (stride, stride), "SAME")


def weight_gradient(x: Array, g: Array, stride: int, taps: Places) -> Array:
    """Computes `maps.weight_gradient`; on a CPU in another form for solids."""
    if x.ndim - 2 < 3:
        return maps.weight_gradient(x, g, stride, taps)
    return lax.platform_dependent(
        x,
        g,
        cpu=functools.partial(weight_gradient_planes, stride=stride, taps=taps),
        default=functools.partial(maps.weight_gradient, stride=stride, taps=taps),
    )


def down_planes(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `maps.down` of solids: sums convolutions of planes over the first axis's taps.

    XLA convolves planes on a CPU several times faster than solids.
    """
    y = jnp.asarray(
        sum(
            down(planes, kernel[tap], stride)
            for tap, planes in enumerate(_planes(x, len(kernel), stride))
        )
    )
    return y.reshape(len(x), -1, *y.shape[1:])


def up_planes(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Computes `maps.up` to solids: sums planes, a stride apart, over the first axis's taps."""
    before, _ = _edges(places[0], len(kernel), stride)
    x = jnp.zeros((), y.dtype)
    for tap in range(len(kernel)):
        planes = up(y.reshape(-1, *y.shape[2:]), kernel[tap], stride, places[1:])
        planes = planes.reshape(*y.shape[:2], *planes.shape[1:])
        first = tap - before
        last = first + (y.shape[1] - 1) * stride
        apart = [(0, 0, 0), (first, places[0] - 1 - last, stride - 1), *[(0, 0, 0)] * 3]
        x = x + lax.pad(planes, jnp.zeros((), planes.dtype), apart)
    return x


def weight_gradient_planes(x: Array, g: Array, stride: int, taps: Places) -> Array:
    """Computes `maps.weight_gradient` of solids, plane by plane for each tap of the first axis."""
    g = g.reshape(-1, *g.shape[2:])
    planes = _planes(x, taps[0], stride)
    return jnp.stack([maps.weight_gradient(plane, g, stride, taps[1:]) for plane in planes])


def _planes(x: Array, taps: int, stride: int) -> list[Array]:
    """Returns what each tap of the first axis reads of solids [B, D, ...]: [B ceil(D/s), ...]."""
    length = x.shape[1]
    x = jnp.pad(x, ((0, 0), _edges(length, taps, stride), (0, 0), (0, 0), (0, 0)))
    reach = (-(-length // stride) - 1) * stride + 1
    each = (lax.slice_in_dim(x, tap, tap + reach, stride, axis=1) for tap in range(taps))
    return [planes.reshape(-1, *planes.shape[2:]) for planes in each]


def _edges(length: int, taps: int, stride: int) -> tuple[int, int]:
    """Returns what `maps.down` pads both ends of an axis with."""
    return lax.padtype_to_pads((length,), (taps,), (stride,), "SAME")[0]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def strided(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `down`; its gradients are made of `up` and `weight_gradient`."""
    return down(x, kernel, stride)


def _strided_forward(x, kernel, stride):
    return strided(x, kernel, stride), (x, kernel)


def _strided_backward(stride, residuals, g):
    x, kernel = residuals
    return (
        transposed(g, kernel, stride, x.shape[1:-1]),
        kernel_gradient(x, g, stride, kernel.shape[:-2]),
    )


strided.defvjp(_strided_forward, _strided_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def transposed(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Computes `up`; its gradients are made of `down` and `weight_gradient`."""
    return up(y, kernel, stride, places)


def _transposed_forward(y, kernel, stride, places):
    return transposed(y, kernel, stride, places), (y, kernel)


def _transposed_backward(stride, places, residuals, g):
    y, kernel = residuals
    return strided(g, kernel, stride), kernel_gradient(g, y, stride, kernel.shape[:-2])


transposed.defvjp(_transposed_forward, _transposed_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def kernel_gradient(x: Array, g: Array, stride: int, taps: Places) -> Array:
    """Computes `weight_gradient`; its gradients, for losses on slopes, are `up` and `down`."""
    return weight_gradient(x, g, stride, taps)


def _kernel_gradient_forward(x, g, stride, taps):
    return kernel_gradient(x, g, stride, taps), (x, g)


def _kernel_gradient_backward(stride, taps, residuals, kernel):
    x, g = residuals
    return transposed(g, kernel, stride, x.shape[1:-1]), strided(x, kernel, stride)


kernel_gradient.defvjp(_kernel_gradient_forward, _kernel_gradient_backward)


@jax.custom_vjp
def biased(x: Array, bias: Array) -> Array:
    """Returns x + bias: [B, *places, C], [C]; with a fast gradient of the bias."""
    return x + bias


def _biased_forward(x, bias):
    return biased(x, bias), None


def _biased_backward(_, g):
    return g, lax.platform_dependent(g, cpu=_sum_by_product, default=_sum)


biased.defvjp(_biased_forward, _biased_backward)


def _sum(x: Array) -> Array:
    return x.sum(tuple(range(x.ndim - 1)))


def _sum_by_product(x: Array) -> Array:
    """Computes `_sum` several times faster on a CPU, which sums over leading axes slowly."""
    x = x.reshape(-1, x.shape[-1])
    return jnp.ones((len(x),), x.dtype) @ x


def relu(x: Array) -> Array:
    """Returns max(x, 0).

    XLA does not recompute a `where` wherever it is read. Recomputed amid the transposition of the
    next kernel's gradient, it would be several times slower on a CPU.
    """
    return jnp.where(x <= 0, jnp.zeros_like(x), x)  # NaN stays NaN
