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
    num_groups,
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
        return mean.reshape(h.shape[0], -1), log_std.reshape(h.shape[0], -1)


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

    @property
    def top(self) -> tuple[int, ...]:
        """Returns the grid of the topmost group."""
        return self.grids[self._levels[0]]

    def setup(self) -> None:
        latent_init = nn.initializers.variance_scaling(
            1 / sum(self.groups), "fan_in", "truncated_normal"
        )
        self.start = self.param("start", nn.initializers.zeros, (*self.grids[0], self.widths[0]))
        self.code = nn.Dense(self.widths[0], use_bias=False, kernel_init=LINEAR, dtype=self.dtype)
        for i, width in enumerate(self.widths[1:]):
            kernel_init = he_normal_transposed(2, scale=1.0)
            larger = ConvTranspose(width, dtype=self.dtype, kernel_init=kernel_init)
            setattr(self, f"ConvTranspose_{i}", larger)  # the names of saved arrays
        for n in range(sum(self.groups)):
            group = Group(
                *(self.channels, latent_init, self.blocks),
                *(self.activation, self.dtype, self.remat),
            )
            setattr(self, f"Group_{n}", group)
        self.GroupNorm_0 = nn.GroupNorm(num_groups(self.widths[-1]), dtype=self.dtype)
        stride = self.stem_stride
        bias = starting_bias(self.output_bias, (*self.places, self.outputs))
        self.head = ConvTranspose(
            self.outputs,
            stride + 2,
            stride,
            jnp.float32,
            kernel_init=he_normal_transposed(stride, scale=0.01),
            bias_init=nn.initializers.constant(over_places(bias)),
        )

    def __call__(
        self,
        number: int,
        contexts: Sequence[Array] | None,
        choose: Choose,
        code: Array | None = None,
    ) -> Array:
        h = self.begin(number, code)
        for n, context in enumerate(contexts or [None] * sum(self.groups)):
            h = self.group(n, h, context, choose)
        return self.finish(h)

    def begin(self, number: int, code: Array | None = None) -> Array:
        """Returns h before the topmost group."""
        h = jnp.broadcast_to(self.start.astype(self.dtype), (number, *self.start.shape))
        if code is None:
            return h
        return h + self.code(code).reshape(number, *(1,) * len(self.places), -1)

    def group(self, n: int, h: Array, context: Array | None, choose: Choose) -> Array:
        """Returns h after group n, from h after the one above it."""
        h = self._enlarged(h, self._levels[n - 1] if n else 0, self._levels[n])
        return getattr(self, f"Group_{n}")(h, context, choose)

    def finish(self, h: Array) -> Array:
        """Returns the outputs, from h after the last group."""
        h = self._enlarged(h, self._levels[-1], len(self.groups) - 1)
        return self.head(self.activation(self.GroupNorm_0(h)), self.places)

    @property
    def _levels(self) -> list[int]:
        """Returns the number of each group's grid; a grid may have none."""
        return [i for i, groups in enumerate(self.groups) for _ in range(groups)]

    def _enlarged(self, h: Array, level: int, to: int) -> Array:
        for i in range(level, to):
            h = getattr(self, f"ConvTranspose_{i}")(h, self.grids[i + 1])
        return h
