"""The masked autoregressive network (MADE; Germain et al. 2015).

Every unit has a degree and sees only inputs up to it: an input z_d (d = 1, ..., D) has degree d, a
hidden unit one of 0, ..., D - 1, and

    input d -> hidden of degree >= d      hidden -> hidden of no smaller degree
    hidden of degree < d -> output d

so that output d is a function of z_1, ..., z_{d-1} and the context. The hidden units of degree 0
see the context alone; through them the first output depends on it.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import numpy as np

from vae.networks.blocks import HE, SMALL

Array = jax.Array


class MaskedDense(nn.Module):
    """A dense layer [..., n] -> [..., features] whose kernel [n, features] is zero off a mask."""

    features: int
    kernel_init: nn.initializers.Initializer = HE

    @nn.compact
    def __call__(self, x: Array, mask: np.ndarray) -> Array:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return x @ (kernel * mask) + bias


class MADE(nn.Module):
    """MADE(features, widths)(z [..., D], context [..., C]) -> [..., D, features], float32.

    The outputs [..., d, :] depend on z[..., :d] and the context alone. Leading dimensions of z and
    context broadcast. For another order of the dimensions, permute z before the call. The head
    starts small, so that all outputs start near 0.
    """

    features: int
    widths: tuple[int, ...]
    activation: Callable[[Array], Array] = nn.relu

    @nn.compact
    def __call__(self, z: Array, context: Array | None = None) -> Array:
        dim = z.shape[-1]
        h, degrees = z, np.arange(1, dim + 1)
        for layer, width in enumerate(self.widths):
            below, degrees = degrees, np.arange(width) * dim // width
            h = MaskedDense(width)(h, below[:, None] <= degrees)
            if layer == 0 and context is not None:
                h = h + nn.Dense(width, kernel_init=HE, use_bias=False, name="context")(context)
            h = self.activation(h)
        outputs = np.repeat(np.arange(1, dim + 1), self.features)
        h = MaskedDense(outputs.size, SMALL, name="head")(h, degrees[:, None] < outputs)
        return h.reshape(*h.shape[:-1], dim, self.features)
