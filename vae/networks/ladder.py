"""The two paths of a ladder: one up from the example, one down to it, with latents on the way down.

    up    x -> h_G, ..., h_1       residual blocks, one for each latent group
    down  h' = h + project(z_g),   h = block(h')
          p(z_g | z_<g)    = N(m, s^2)             m, s from h
          q(z_g | z_<g, x) = N(m + d, (s r)^2)     d, r from block(h, h_g)

(Sonderby et al., "Ladder variational autoencoders", 2016; the path down that generation and
inference share: Kingma et al., "Improving variational inference with inverse autoregressive flow",
2016; q relative to p: Vahdat and Kautz, "NVAE", 2020, section 3.2.) The grids are ceil-halved from
the finest, which has the example's places or `stem_stride` times fewer along each axis. For a
stable start of a deep stack every block is the identity, q is close to p, and each of G projections
adds a variance of 1 / G to the stream (Child, "Very deep VAEs", 2021, section 3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import (
    LINEAR,
    SMALL,
    ResidualBlock,
    block_of,
    group_norm,
    over_places,
    starting_bias,
)
from vae.networks.maps import strided_places
from vae.networks.strided import Conv, ConvTranspose, halvings, he_normal_transposed
from vae.probability.distributions import DiagonalGaussian

Array = jax.Array
Choose = Callable[[DiagonalGaussian, DiagonalGaussian | None], Array]

# |log std| of p stays below this, and that of q / p (as in the code of NVAE's authors).
MAX_LOG_STD = 5.0


class BottomUp(nn.Module):
    """x [B, *places, C] to each group's context, [B, *grid, width] each, topmost first.

    `groups` counts the latent groups on each grid, from the smallest up; `widths` runs, as in every
    encoder, from the example down; there are `blocks` residual blocks for each group.
    """

    groups: tuple[int, ...]
    widths: tuple[int, ...]
    stem_stride: int = 1
    blocks: int = 1
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    remat: bool = False

    ranks = (1, 2, 3)
    any_length = False

    @nn.compact
    def __call__(self, x: Array) -> list[Array]:
        contexts, block = [], block_of(ResidualBlock, self.remat)
        stride = self.stem_stride
        for width, groups in zip(self.widths, reversed(self.groups), strict=True):
            x = Conv(width, stride + 2, stride, self.dtype, LINEAR)(x)
            for _ in range(groups):
                for _ in range(self.blocks):
                    x = block(width, self.activation, self.dtype)(x)
                contexts.append(x)
            stride = 2
        return contexts[::-1]


class Group(nn.Module):
    """One latent group on the way down: h [N, *grid, width] to the next h.

    `choose(p, q)` gives z [N, D] from p(z_g | z_<g) and q(z_g | z_<g, x): D numbers, `channels` at
    each position of the grid. q is None without a `context`, the group's features of x.
    """

    channels: int
    latent_init: nn.initializers.Initializer
    blocks: int
    activation: Callable[[Array], Array]
    dtype: jnp.dtype
    remat: bool

    @nn.compact
    def __call__(self, h: Array, context: Array | None, choose: Choose) -> Array:
        width, block = h.shape[-1], block_of(ResidualBlock, self.remat)
        mean, log_std = self._head(h, "prior")
        p = DiagonalGaussian(mean, log_std)
        q = None
        if context is not None:
            seen = block(width, self.activation, self.dtype, name="posterior_block")
            shift, log_ratio = self._head(seen(h, context), "posterior")
            q = DiagonalGaussian(mean + shift, log_std + log_ratio)
        z = choose(p, q).reshape(*h.shape[:-1], self.channels)
        project = nn.Dense(width, kernel_init=self.latent_init, dtype=self.dtype, name="latent")
        h = h + project(z)
        for i in range(self.blocks):
            h = block(width, self.activation, self.dtype, name=f"block_{i}")(h)
        return h

    def _head(self, h: Array, name: str) -> tuple[Array, Array]:
        """Returns mean and log-std [N, D] from h."""
        head = nn.Dense(2 * self.channels, kernel_init=SMALL, dtype=jnp.float32, name=name)
        mean, log_std = jnp.split(head(h), 2, axis=-1)
        log_std = MAX_LOG_STD * jnp.tanh(log_std / MAX_LOG_STD)
        return mean.reshape(len(h), -1), log_std.reshape(len(h), -1)


class TopDown(nn.Module):
    """The path down: (N, contexts or None, choose, code or None) to the outputs [N, *places, P].

    `groups` and `widths` run from the smallest grid up; `channels` are those of each z on its grid;
    `output_bias` is as in `conv.Decoder`. `contexts` are from `BottomUp`, [N, *grid, ...] each; see
    `Group` for `choose`, which is called once for each group, the topmost first. A `code` [N, c] is
    added to the start of the path, the same at all positions.
    """

    groups: tuple[int, ...]
    widths: tuple[int, ...]
    channels: int
    places: tuple[int, ...]
    outputs: int
    stem_stride: int = 1
    blocks: int = 1
    activation: Callable[[Array], Array] = nn.relu
    dtype: jnp.dtype = jnp.float32
    remat: bool = False
    output_bias: Array | None = None

    ranks = (1, 2, 3)
    causal = False

    @property
    def grids(self) -> list[tuple[int, ...]]:
        """Returns the grids, from the smallest up."""
        finest = strided_places(self.places, self.stem_stride)
        return halvings(finest, len(self.groups) - 1)[::-1]

    @nn.compact
    def __call__(
        self,
        number: int,
        contexts: Sequence[Array] | None,
        choose: Choose,
        code: Array | None = None,
    ) -> Array:
        stride = self.stem_stride
        of_groups = iter([None] * sum(self.groups) if contexts is None else contexts)
        latent_init = nn.initializers.variance_scaling(
            1 / sum(self.groups), "fan_in", "truncated_normal"
        )

        start = self.param("start", nn.initializers.zeros, (*self.grids[0], self.widths[0]))
        h = jnp.broadcast_to(start.astype(self.dtype), (number, *start.shape))
        if code is not None:
            told = nn.Dense(
                self.widths[0], use_bias=False, kernel_init=LINEAR, dtype=self.dtype, name="code"
            )(code)
            h = h + told.reshape(number, *(1,) * len(self.places), -1)
        for i, (groups, width) in enumerate(zip(self.groups, self.widths, strict=True)):
            if i > 0:
                kernel_init = he_normal_transposed(2, scale=1.0)
                h = ConvTranspose(width, dtype=self.dtype, kernel_init=kernel_init)(
                    h, self.grids[i]
                )
            for _ in range(groups):
                group = Group(
                    *(self.channels, latent_init, self.blocks),
                    *(self.activation, self.dtype, self.remat),
                )
                h = group(h, next(of_groups), choose)

        bias = starting_bias(self.output_bias, (*self.places, self.outputs))
        head = ConvTranspose(
            self.outputs,
            stride + 2,
            stride,
            jnp.float32,
            kernel_init=he_normal_transposed(stride, scale=0.01),
            bias_init=nn.initializers.constant(over_places(bias)),
            name="head",
        )
        return head(self.activation(group_norm(h, self.dtype)), self.places)
