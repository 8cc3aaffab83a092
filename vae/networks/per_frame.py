"""Networks that encode and decode the frames of a clip apart, all by the same weights.

z has E numbers for each frame, [E, T], flattened: its grid is time. What one frame has to do with
another is left to the prior (`vae/models/priors/dynamics.py`). All frames share the first frame's
last `static_channels` of the E numbers, which say what moves; those of others are N(0, I) and have
no use.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import conv, network
from vae.networks.blocks import HE, with_code

Array = jax.Array


class Encoder(network.Encoder):
    """Encoder(widths, outputs): [B, T, *places, C] -> [B, outputs], a `conv.Encoder` of frames."""

    widths: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    static_channels: int = 0

    ranks = (2, 3)

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return places[:1]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, frames = x.shape[:2]
        settings = self.activation, self.dtype, self.blocks
        each = conv.Encoder(self.widths, self.outputs // frames, *settings, name="frame")
        h = each(x.reshape(-1, *x.shape[2:])).reshape(batch, frames, -1)
        if self.static_channels:
            halves = h.reshape(batch, frames, 2, -1)  # the means of q, and the log variances
            static = jnp.arange(halves.shape[-1]) >= halves.shape[-1] - self.static_channels
            later = jnp.arange(frames)[:, None, None] > 0
            h = jnp.where(static & later, 0.0, halves).reshape(h.shape)
        return jnp.moveaxis(h, 1, 2).reshape(batch, self.outputs)


class Decoder(network.Decoder):
    """Decoder(widths, places, outputs): [..., D] -> [..., T, *places, outputs], frame by frame.

    A code is the same for all frames. With static channels a dense layer comes first, which puts
    what moves where it is. The rest is as in `conv.Decoder`.
    """

    widths: tuple[int, ...]
    places: tuple[int, ...]
    outputs: int
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    output_bias: Array | None = None
    static_channels: int = 0

    ranks = (2, 3)

    def grid(self, places: tuple[int, ...]) -> tuple[int, ...]:
        return places[:1]

    @nn.compact
    def __call__(self, z: Array, code: Array | None = None) -> Array:
        frames, *places = self.places
        bias = None if self.output_bias is None else self.output_bias.mean(0)
        settings = self.outputs, self.activation, self.dtype, self.blocks, bias
        each = conv.Decoder(self.widths, tuple(places), *settings, name="frame")
        h = jnp.moveaxis(z.reshape(*z.shape[:-1], -1, frames), -1, -2)  # [..., T, E]
        if self.static_channels:
            moving, static = jnp.split(h, [h.shape[-1] - self.static_channels], -1)
            static = jnp.broadcast_to(static[..., :1, :], static.shape)
            h = jnp.concatenate([moving, static], -1)
            h = self.activation(nn.Dense(4 * self.widths[0], kernel_init=HE, dtype=self.dtype)(h))
        return each(with_code(h, code, 1))
