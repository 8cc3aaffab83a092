"""Encoders of sequences: x [B, T, C] of any length T to one vector for q(z | x).

Tokens are read through an embedding, numbers through a dense layer; the code of a condition comes
as further channels beside either. A position that is missing (-1 in tokens, NaN in numbers) is not
seen: a recurrent network keeps its state there, and attention leaves it out, so that outputs do not
depend on the padding.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks import network
from vae.networks.blocks import SMALL
from vae.networks.causal import EMBEDDING, Layer
from vae.networks.transformer import Block
from vae.networks.vocabulary import Embedding
from vae.probability.event import Event

Array = jax.Array


class Stem(nn.Module):
    """x [B, T, C + c], the c channels of a code last, to h [B, T, width] and what is there [B, T].

    Attributes:
      event: what the C channels mean.
      width: numbers in h at a position.
      dtype: the type of the arithmetic.
    """

    event: Event
    width: int
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: Array) -> tuple[Array, Array]:
        channels, number = self.event.channels, self.event.values.levels
        if self.event.values.kind != "tokens":
            there = ~jnp.isnan(x[..., :channels]).any(-1)
            x = jnp.where(there[..., None], x, 0.0)
            return nn.Dense(self.width, dtype=self.dtype, name="inputs")(x), there
        assert number is not None  # tokens are counted
        tokens, code = x[..., :channels].astype(jnp.int32), x[..., channels:]
        there = tokens >= 0
        rows = jnp.where(there, tokens + number * jnp.arange(channels), -1)
        table = Embedding(number * channels, self.width, dtype=self.dtype, name="values")
        h = table(rows).sum(-2)
        if code.shape[-1]:
            h = h + nn.Dense(self.width, use_bias=False, dtype=self.dtype, name="code")(code)
        return h, there.any(-1)


class Recurrent(network.Encoder):
    """Recurrent layers; the last state of the last of them makes the outputs.

    Attributes:
      widths: widths of the layers, `blocks` layers of each; the first is that of the embedding.
      outputs: how many numbers it gives.
      event: what the values of x mean.
      dtype: the type of the arithmetic.
      cell: "lstm" or "gru", see `causal.Layer`.
    """

    widths: tuple[int, ...]
    outputs: int
    event: Event
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1
    cell: str = "lstm"

    ranks = (1,)
    any_length = True
    reads_tokens = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h, there = Stem(self.event, self.widths[0], self.dtype, name="stem")(x)
        for number, width in enumerate(w for w in self.widths for _ in range(self.blocks)):
            layer = Layer(width, self.cell, self.dtype, name=f"layer_{number}")
            h, state = layer(h, layer.blank(x.shape[0]), present=there)
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(state[0])


class Transformer(network.Encoder):
    """Blocks of attention between all positions; the mean over these makes the outputs.

    The attributes are those of `Recurrent`; all widths are equal and multiples of HEADS.
    """

    widths: tuple[int, ...]
    outputs: int
    event: Event
    dtype: jnp.dtype = jnp.float32
    blocks: int = 1

    ranks = (1,)
    any_length = True
    reads_tokens = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        width = self.widths[0]
        positions = self.param("positions", EMBEDDING, (*self.event.places, width))
        h, there = Stem(self.event, width, self.dtype, name="stem")(x)
        h = h + positions[: x.shape[1]].astype(self.dtype)
        for number in range(len(self.widths) * self.blocks):
            h, _ = Block(self.dtype, name=f"block_{number}")(h, present=there)
        h = nn.LayerNorm(dtype=self.dtype)(h).astype(jnp.float32)
        weight = there.astype(jnp.float32)
        mean = jnp.einsum("btf,bt->bf", h, weight) / jnp.maximum(weight.sum(1), 1)[:, None]
        return nn.Dense(self.outputs, kernel_init=SMALL, dtype=jnp.float32, name="head")(mean)
