"""Fast forms of strided convolutions on a CPU; other platforms get the ones of `maps`.

Each of the three maps is the gradient of the other two, so both layers, forward and backward and in
the gradients of gradients, need no other arithmetic:

                     forward   gradient of the input   gradient of the kernel
    Conv             down      up                      weight_gradient(input, g)
    ConvTranspose    up        down                    weight_gradient(g, input)

Left to automatic differentiation, the transposed convolution's kernel gradient becomes a
convolution with a dilated input, which XLA runs many times slower on a CPU than these three. The
gradients are written by hand (`custom_vjp`): there is no forward mode (`jvp`), and under
`shard_map` they need `check_vma=False`. The layers do without this file under `strided.plain()`.
"""

from __future__ import annotations

import functools
import itertools
import math

import jax
import jax.numpy as jnp
from jax import lax

from vae.networks import maps
from vae.networks.maps import LAYOUTS, Places, weight_gradient

Array = jax.Array

# Where the paths of a CPU part, measured on an EPYC: channels, and places over those needed.
FEW, MORE = 4, 1.2


def down(x: Array, kernel: Array, stride: int) -> Array:
    """`maps.down`; on a CPU by phases where it has few channels to read."""
    if stride == 1 or x.shape[-1] > FEW:
        return maps.down(x, kernel, stride)
    return lax.platform_dependent(
        x,
        kernel,
        cpu=functools.partial(down_phases, stride=stride),
        default=functools.partial(maps.down, stride=stride),
    )


def down_phases(x: Array, kernel: Array, stride: int) -> Array:
    """`maps.down` without the stride: a stride-1 convolution whose channels are the phases of x.

    A place's phase is the remainder of its position by s, along every axis. A CPU gathers what is
    under a window row by row, and the channels of a grey or RGB image are too few to do so fast.
    """
    batch, *places, channels = x.shape
    rank = len(places)
    taps, counts = _by_phase(kernel, stride)
    grid, edges = [], []
    for n, count, (before, _) in zip(places, counts, _padding(places, kernel, stride), strict=True):
        grid.append(-(-n // stride) + count - 1)
        edges.append((before, grid[-1] * stride - before - n))
    x = jnp.pad(x, ((0, 0), *edges, (0, 0)))
    x = x.reshape(batch, *(n for size in grid for n in (size, stride)), channels)
    x = x.transpose(0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    x = x.reshape(batch, *grid, stride**rank * channels)
    taps = taps.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank, 2 * rank + 1)
    return _convolved(x, taps.reshape(*counts, x.shape[-1], -1), "VALID")


def up(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """`maps.up`; on a CPU by phases unless there is one, of many channels."""
    if stride == 1 and kernel.shape[-2] > FEW:
        return maps.up(y, kernel, stride, places)
    return lax.platform_dependent(
        y,
        kernel,
        cpu=functools.partial(up_phases, stride=stride, places=places),
        default=functools.partial(maps.up, stride=stride, places=places),
    )


def up_phases(y: Array, kernel: Array, stride: int, places: Places) -> Array:
    """`maps.up` without the zeros: a stride-1 convolution for each output phase, interleaved.

    Counted from the padded edge, position s n + a along an axis meets only the taps k = s t + a, of
    y[n - t]: each phase a is a stride-1 convolution with ceil(k/s) taps. All phases are channels of
    one convolution unless the grid is small: over two places a phase needs H x W of them, but all
    together (H + 1) x (W + 1), with two taps each way. Where the channels of x are few, x is a sum
    of shifted products instead.
    """
    grid, rank = y.shape[1:-1], y.ndim - 2
    taps, counts = _by_phase(kernel, stride)
    taps = lax.rev(taps, range(0, 2 * rank, 2))
    taps = taps.transpose(  # [s, ..., ceil(k/s), ..., F, C]
        *range(1, 2 * rank, 2), *range(0, 2 * rank, 2), 2 * rank + 1, 2 * rank
    )
    starts = [before for before, _ in _padding(places, kernel, stride)]
    together = math.prod(n + count - 1 for n, count in zip(grid, counts, strict=True))
    if kernel.shape[-2] <= FEW:
        x = _up_overlapped(y, taps)
    elif together > MORE * math.prod(grid):
        x = _up_apart(y, taps, starts, ())
        starts = [0] * rank
    else:
        every = taps.transpose(*range(rank, 2 * rank + 1), *range(rank), 2 * rank + 1)
        every = every.reshape(*counts, y.shape[-1], -1)
        x = _convolved(y, every, [(count - 1, count - 1) for count in counts])
        x = _interleaved(x, stride)
    x = x.reshape(len(x), *(n * stride for n in x.shape[1:-1:2]), -1)
    return x[:, *(slice(a, a + n) for a, n in zip(starts, places, strict=True))]


def _up_overlapped(y: Array, taps: Array) -> Array:
    """All positions from the padded edge, [B, n_1, s, n_2, s, ..., C].

    What each place of y spreads over its window is added up where windows overlap.
    """
    rank = y.ndim - 2
    stride, counts = taps.shape[0], taps.shape[rank : 2 * rank]
    taps = lax.rev(taps, range(rank, 2 * rank))
    taps = taps.transpose(2 * rank, *range(rank, 2 * rank), *range(rank), 2 * rank + 1)
    spread = jnp.tensordot(y, taps.reshape(y.shape[-1], *counts, -1), 1)
    x = sum(
        jnp.pad(
            spread[(..., *shift, slice(None))],
            ((0, 0), *((t, count - 1 - t) for t, count in zip(shift, counts, strict=True)), (0, 0)),
        )
        for shift in itertools.product(*map(range, counts))
    )
    return _interleaved(x, stride)


def _up_apart(y: Array, taps: Array, starts: list[int], phases: tuple[int, ...]) -> Array:
    """The positions from `starts` on, [B, n_1, s, n_2, s, ..., C], a convolution for each phase.

    `phases` are those along the first axes, which are stacked by the caller.
    """
    rank, axis = y.ndim - 2, len(phases)
    if axis < rank:
        every = [_up_apart(y, taps, starts, (*phases, a)) for a in range(taps.shape[0])]
        return jnp.stack(every, axis=axis + 2)
    offsets = [divmod(a + start, taps.shape[0]) for a, start in zip(phases, starts, strict=True)]
    counts = taps.shape[rank : 2 * rank]
    edges = [(n - 1 - after, after) for n, (after, _) in zip(counts, offsets, strict=True)]
    return _convolved(y, taps[tuple(phase for _, phase in offsets)], edges)


def _convolved(x: Array, kernel: Array, padding: str | list[tuple[int, int]]) -> Array:
    """A convolution without a stride."""
    rank = x.ndim - 2
    return lax.conv_general_dilated(
        x, kernel, (1,) * rank, padding, dimension_numbers=LAYOUTS[rank]
    )


def _interleaved(x: Array, stride: int) -> Array:
    """Channels that hold every phase to their places: [B, *n, s^rank C] -> [B, n_1, s, ..., C]."""
    rank = x.ndim - 2
    x = x.reshape(*x.shape[:-1], *(stride,) * rank, -1)
    pairs = (axis for i in range(1, rank + 1) for axis in (i, i + rank))
    return x.transpose(0, *pairs, 2 * rank + 1)


def _by_phase(kernel: Array, stride: int) -> tuple[Array, Places]:
    """[*k, C, F] -> [ceil(k_1/s), s, ceil(k_2/s), s, ..., C, F], absent taps 0; and the counts."""
    counts = maps.strided_places(kernel.shape[:-2], stride)
    missing = [(0, n * stride - k) for n, k in zip(counts, kernel.shape[:-2], strict=True)]
    kernel = jnp.pad(kernel, (*missing, (0, 0), (0, 0)))
    pairs = (n for count in counts for n in (count, stride))
    return kernel.reshape(*pairs, *kernel.shape[-2:]), counts


def _padding(places: Places, kernel: Array, stride: int) -> list[tuple[int, int]]:
    """What `maps.down` adds at both ends of every axis of the places."""
    strides = (stride,) * len(places)
    return lax.padtype_to_pads(places, kernel.shape[:-2], strides, "SAME")


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def strided(x: Array, kernel: Array, stride: int) -> Array:
    """`down`, with gradients made of `up` and `weight_gradient`."""
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
    """`up`, with gradients made of `down` and `weight_gradient`."""
    return up(y, kernel, stride, places)


def _transposed_forward(y, kernel, stride, places):
    return transposed(y, kernel, stride, places), (y, kernel)


def _transposed_backward(stride, places, residuals, g):
    y, kernel = residuals
    return strided(g, kernel, stride), kernel_gradient(g, y, stride, kernel.shape[:-2])


transposed.defvjp(_transposed_forward, _transposed_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def kernel_gradient(x: Array, g: Array, stride: int, taps: Places) -> Array:
    """`weight_gradient`, with gradients made of `up` and `down`, for losses that are of slopes."""
    return weight_gradient(x, g, stride, taps)


def _kernel_gradient_forward(x, g, stride, taps):
    return kernel_gradient(x, g, stride, taps), (x, g)


def _kernel_gradient_backward(stride, taps, residuals, kernel):
    x, g = residuals
    return transposed(g, kernel, stride, x.shape[1:-1]), strided(x, kernel, stride)


kernel_gradient.defvjp(_kernel_gradient_forward, _kernel_gradient_backward)


@jax.custom_vjp
def biased(x: Array, bias: Array) -> Array:
    """x + bias: [B, *places, C], [C]; with a fast gradient of the bias."""
    return x + bias


def _biased_forward(x, bias):
    return biased(x, bias), None


def _biased_backward(_, g):
    return g, lax.platform_dependent(g, cpu=_sum_by_product, default=_sum)


biased.defvjp(_biased_forward, _biased_backward)


def _sum(x: Array) -> Array:
    return x.sum(tuple(range(x.ndim - 1)))


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
