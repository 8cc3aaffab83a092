"""Depthwise convolutions of images: each channel has a kernel of its own.

    y[i, j, c] = sum_uv x[s i + u - p, s j + v - q, c] w[u, v, c]

with SAME padding, p and q at the start. XLA has a CPU run this as a convolution in C groups, many
times slower than the sum over taps of shifted products, so a CPU gets the sum, forward and in the
gradients (figures: `experiments/benchmarks/README.md`). The gradients are written by hand, as in
`fast_cpu.py`: there is no forward mode but that of the form `grouped`.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from vae.networks.maps import LAYOUTS, Places

Array = jax.Array


def grouped(x: Array, kernel: Array, stride: int) -> Array:
    """Convolves each channel by itself: [B, H, W, C], [k, k, C] -> [B, ceil(H/s), ceil(W/s), C]."""
    return lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        "SAME",
        dimension_numbers=LAYOUTS[2],
        feature_group_count=x.shape[-1],
    )


def _grouped_up(g: Array, kernel: Array, stride: int, places: Places) -> Array:
    x = jax.ShapeDtypeStruct((len(g), *places, g.shape[-1]), g.dtype)
    return jax.linear_transpose(lambda x: grouped(x, kernel, stride), x)(g)[0]


def _grouped_weights(x: Array, g: Array, stride: int, taps: Places) -> Array:
    kernel = jax.ShapeDtypeStruct((*taps, x.shape[-1]), x.dtype)
    return jax.linear_transpose(lambda kernel: grouped(x, kernel, stride), kernel)(g)[0]


def _down(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `grouped` as a sum over taps."""
    taps = kernel.shape[:2]
    shifts = _shifts(x, stride, taps)
    return jnp.asarray(sum(part * kernel[divmod(n, taps[1])] for n, part in enumerate(shifts)))


def _up(g: Array, kernel: Array, stride: int, places: Places) -> Array:
    """Transposes `_down` in x: from the padded edge, s m + a meets the taps s t + a of g[m - t]."""
    (top, _), (left, _) = _pads(places, stride, kernel.shape[:2])
    rows, columns = (-(-taps // stride) for taps in kernel.shape[:2])
    g = jnp.pad(g, ((0, 0), (rows - 1, rows - 1), (columns - 1, columns - 1), (0, 0)))
    height, width = g.shape[1] - rows + 1, g.shape[2] - columns + 1

    def phase(a: int, b: int) -> Array:
        return jnp.asarray(
            sum(
                g[:, rows - 1 - t : rows - 1 - t + height, columns - 1 - u :][:, :, :width]
                * kernel[stride * t + a, stride * u + b]
                for t in range(rows)
                for u in range(columns)
                if stride * t + a < kernel.shape[0] and stride * u + b < kernel.shape[1]
            )
        )

    phases = [jnp.stack([phase(a, b) for b in range(stride)], axis=3) for a in range(stride)]
    x = jnp.stack(phases, axis=2).reshape(len(g), height * stride, width * stride, g.shape[-1])
    return x[:, top : top + places[0], left : left + places[1]]


def _weights(x: Array, g: Array, stride: int, taps: Places) -> Array:
    """Transposes `_down` in the kernel."""
    each = [(part * g).sum((0, 1, 2)) for part in _shifts(x, stride, taps)]
    return jnp.stack(each).reshape(*taps, x.shape[-1])


def _shifts(x: Array, stride: int, taps: Places) -> list[Array]:
    """Returns what each tap reads of x, row by row: k k arrays [B, ceil(H/s), ceil(W/s), C]."""
    _, height, width, _ = x.shape
    reach = [(-(-n // stride) - 1) * stride + 1 for n in (height, width)]
    x = jnp.pad(x, ((0, 0), *_pads((height, width), stride, taps), (0, 0)))
    return [
        x[:, u : u + reach[0] : stride, v : v + reach[1] : stride]
        for u in range(taps[0])
        for v in range(taps[1])
    ]


def _pads(places: Places, stride: int, taps: Places) -> list[tuple[int, int]]:
    return lax.padtype_to_pads(places, taps, (stride, stride), "SAME")


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def depthwise(x: Array, kernel: Array, stride: int) -> Array:
    """Computes `grouped`; on a CPU as a sum over taps."""
    return lax.platform_dependent(
        x,
        kernel,
        cpu=functools.partial(_down, stride=stride),
        default=functools.partial(grouped, stride=stride),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _input_gradient(g: Array, kernel: Array, stride: int, places: Places) -> Array:
    return lax.platform_dependent(
        g,
        kernel,
        cpu=functools.partial(_up, stride=stride, places=places),
        default=functools.partial(_grouped_up, stride=stride, places=places),
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _kernel_gradient(x: Array, g: Array, stride: int, taps: Places) -> Array:
    return lax.platform_dependent(
        x,
        g,
        cpu=functools.partial(_weights, stride=stride, taps=taps),
        default=functools.partial(_grouped_weights, stride=stride, taps=taps),
    )


def _forward(x, kernel, stride):
    return depthwise(x, kernel, stride), (x, kernel)


def _backward(stride, residuals, g):
    x, kernel = residuals
    return (
        _input_gradient(g, kernel, stride, x.shape[1:3]),
        _kernel_gradient(x, g, stride, kernel.shape[:2]),
    )


depthwise.defvjp(_forward, _backward)


def _input_forward(g, kernel, stride, places):
    return _input_gradient(g, kernel, stride, places), (g, kernel)


def _input_backward(stride, places, residuals, x):
    g, kernel = residuals
    return depthwise(x, kernel, stride), _kernel_gradient(x, g, stride, kernel.shape[:2])


_input_gradient.defvjp(_input_forward, _input_backward)


def _kernel_forward(x, g, stride, taps):
    return _kernel_gradient(x, g, stride, taps), (x, g)


def _kernel_backward(stride, taps, residuals, kernel):
    x, g = residuals
    return _input_gradient(g, kernel, stride, x.shape[1:3]), depthwise(x, kernel, stride)


_kernel_gradient.defvjp(_kernel_forward, _kernel_backward)
